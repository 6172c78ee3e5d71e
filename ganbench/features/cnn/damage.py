"""Damage that a classifier is shown in training, so that its features see it (Hendrycks et al. 2019, arXiv:1812.04606).

A kind of damage is a function (images, others, rng) -> images. Images are float32 [n, 1, side, side] in [0, 1]. `others` are as
many undamaged images. Each image has its own strength.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

PATCHES = 4  # a side is cut into so many patches
REACH = 5  # pixels on either side that a blur takes in


def uniform(n: int, low: float, high: float, rng: torch.Generator) -> Tensor:
    """Uniform numbers between two ends, float32 [n, 1, 1, 1]."""
    return low + (high - low) * torch.rand(n, 1, 1, 1, generator=rng)


def noisy(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """Gaussian noise with a standard deviation of 0.05 to 0.5."""
    sd = uniform(len(x), 0.05, 0.5, rng)
    return (x + sd * torch.randn(x.shape, generator=rng)).clamp(0, 1)


def random(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """Uniform pixels, and nothing of the image."""
    return torch.rand(x.shape, generator=rng)


def permuted(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """The image's own pixels in a random order."""
    flat = x.flatten(1)
    return flat.gather(1, torch.rand(flat.shape, generator=rng).argsort(1)).view_as(x)


def blurred(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """A Gaussian filter with a standard deviation of 0.6 to 1.6 pixels."""
    n = len(x)
    sd = uniform(n, 0.6, 1.6, rng).view(n, 1)
    weights = torch.exp(-0.5 * (torch.arange(-REACH, REACH + 1)[None] / sd).square())
    weights = weights / weights.sum(1, keepdim=True)
    images = F.pad(x.transpose(0, 1), (REACH,) * 4)  # one image, a channel for each of the n images
    images = F.conv2d(images, weights.view(n, 1, 1, -1), groups=n)
    return F.conv2d(images, weights.view(n, 1, -1, 1), groups=n).transpose(0, 1)


def mixed(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """The image, mixed with a quarter to a half of another image."""
    share = uniform(len(x), 0.25, 0.5, rng)
    return (1 - share) * x + share * others


def shuffled(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """The image's own patches in a random order."""
    n, size = len(x), x.shape[-1] // PATCHES
    cut = x.view(n, PATCHES, size, PATCHES, size).transpose(2, 3).reshape(n, PATCHES**2, size**2)
    order = torch.rand(n, PATCHES**2, generator=rng).argsort(1)
    moved = cut.gather(1, order[:, :, None].expand_as(cut))
    return moved.view(n, PATCHES, PATCHES, size, size).transpose(2, 3).reshape(x.shape)


Damage = Callable[[Tensor, Tensor, torch.Generator], Tensor]
KINDS: dict[str, Damage] = {
    "noise": noisy, "uniform": random, "permuted": permuted, "blur": blurred, "mixup": mixed, "patches": shuffled,
}  # fmt: skip
NAMED = ("noise",)  # damage that leaves the class to be seen: such images are classified too


def damage(x: Tensor, share: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Damage the first `share` of a batch, divided evenly among the kinds.

    Returns:
        The batch, and the kind of each image, int64 [n]: 0 for undamaged images, else 1 + the place in `KINDS`.
    """
    part = round(share * len(x)) // len(KINDS)
    out, kind = x.clone(), torch.zeros(len(x), dtype=torch.int64)
    others = x[len(x) - part :]
    for i, apply in enumerate(KINDS.values()):
        rows = slice(i * part, (i + 1) * part)
        out[rows], kind[rows] = apply(x[rows], others, rng), i + 1
    return out, kind
