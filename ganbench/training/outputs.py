"""What a generator must give: samples of the right shape, finite, and images in [-1, 1]. Nothing else can be scored."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.gan import Gan

PROBED = 8  # samples that are drawn to see whether a generator works
BEYOND = (
    0.5  # mean distance of pixels from [-1, 1]; a quarter of the range. Linear outputs of a new network stay below 0.2
)


def fault(gan: Gan, x: Tensor, n: int) -> str | None:
    """What is wrong with `n` samples `x` of a GAN, in words; None if nothing is wrong. `x` can be anything."""
    wanted = f"`generate` must give a float32 tensor {_shown(('N', *gan.spec.shape))}"
    if not isinstance(x, Tensor):
        return f"{wanted}, but it gives {type(x).__name__}"
    if x.dtype != torch.float32 or tuple(x.shape[1:]) != gan.spec.shape:
        return f"{wanted}, but it gives {str(x.dtype).removeprefix('torch.')} {_shown(('N', *x.shape[1:]))}"
    if len(x) != n:
        return f"`generate` must give a sample for each input, but it gives {len(x):,} samples for {n:,} inputs"
    broken = int((~torch.isfinite(x).flatten(1).all(1)).sum())
    if broken:
        return f"{broken:,} of {len(x):,} samples are not finite"
    if not gan.spec.is_pixels:
        return None
    beyond = float((x.abs() - 1).clamp(min=0).mean())
    if beyond > BEYOND:
        return f"pixels must lie in [-1, 1], but they are outside of it by {beyond:.1f} on average"
    return None


def _shown(shape: tuple[object, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"
