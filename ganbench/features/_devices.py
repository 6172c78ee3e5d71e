"""Devices of networks: features come back as arrays, and torch computes on a GPU as exactly as it can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def kind(device: str) -> str:
    """The kind of a torch device: `cuda` of `cuda:1`."""
    return device.partition(":")[0]


def to_numpy(x: Tensor) -> np.ndarray:
    """The array of a tensor on any device."""
    array: np.ndarray = x.cpu().numpy()
    return array


@contextmanager
def exact() -> Iterator[None]:
    """No TF32, and algorithms of cuDNN that give equal bits in every run. Afterwards the caller's settings are as before."""
    import torch

    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
