"""The only place where samples change between the form of networks and the form of files and scores.

Networks see images and video as float32 in [-1, 1], and the channels of a sample come first. Files hold them as uint8, and the
channels come last.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_float(x: Tensor) -> Tensor:
    """uint8 of any shape to float32 in [-1, 1]: x / 127.5 - 1."""
    return x.to(torch.float32).div_(127.5).sub_(1)


def to_uint8(x: Tensor) -> Tensor:
    """float32 `[N, C, ...]` in [-1, 1] to uint8 `[N, ..., C]`: round((x + 1) * 127.5), clipped. Inverts `to_float`."""
    return x.add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8).movedim(1, -1).contiguous()
