"""LPIPS: the distance of two images in the layers of AlexNet, weighted to fit people's judgements (Zhang et al. 2018).

arXiv:1801.03924, version 0.1 of the authors' weights. The network is written out. Tests hold it equal to torchvision's layers
and torch-fidelity's distance. Two files are needed: AlexNet's weights as torchvision publishes them, and the weights of the
channels by the authors of LPIPS.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.features import _weights, torch_by_default
from ganbench.features._weights import Weights
from ganbench.samples import Rows

if TYPE_CHECKING:
    from torch import Tensor

NAME = "lpips"
WITHOUT = "all metrics but `lpips` can be computed; `ms_ssim` compares the same pairs and needs no file"
ALEXNET = Weights(
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    244_408_911,
    WITHOUT,
)
CHANNELS = Weights(
    "lpips-v0.1-alex.pth",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/"
    "lpips/weights/v0.1/alex.pth",
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    6_009,
    WITHOUT,
)
FILES = (ALEXNET, CHANNELS)

SIDE = 64  # pixels of the shorter side; smaller images are enlarged to it: the size of the patches that people judged
BATCH = 16  # pairs
MEAN, SD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the channels, for images in [-1, 1]
# Of each layer: its number in AlexNet's file, its stride and padding, and whether a maximum over 3 x 3 places comes first.
LAYERS = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))
TINY = 1e-10  # added to the length of a vector before it divides


def require() -> None:
    """Read both files, and download them if they are not on this machine.

    Raises:
        Unreachable: a file is not on this machine and cannot be downloaded.
        UserError: a file has another hash.
    """
    for weights in FILES:
        _weights.read(weights, None)


@cache
def _load() -> Callable[[Tensor, Tensor], Tensor]:
    """LPIPS of images [p, 3, H, W] in [-1, 1], as [p]."""
    import torch
    from torch.nn import functional as F

    network, channels = (
        torch.load(io.BytesIO(_weights.read(weights, None)), "cpu", weights_only=True) for weights in FILES
    )
    mean, sd = (torch.tensor(values).reshape(3, 1, 1) for values in (MEAN, SD))

    def directions(x: Tensor) -> list[Tensor]:
        h, out = (x - mean) / sd, []
        for number, stride, padding, pooled in LAYERS:
            h = F.max_pool2d(h, 3, 2) if pooled else h
            weight, bias = (network[f"features.{number}.{part}"] for part in ("weight", "bias"))
            h = F.relu(F.conv2d(h, weight, bias, stride, padding))
            out.append(h / (h.square().sum(1, keepdim=True).sqrt() + TINY))
        return out

    def distance(a: Tensor, b: Tensor) -> Tensor:
        parts = [
            F.conv2d((f - g).square(), channels[f"lin{layer}.model.1.weight"]).mean((1, 2, 3))
            for layer, (f, g) in enumerate(zip(directions(a), directions(b), strict=True))
        ]
        return torch.stack(parts).sum(0)

    return distance


def distances(x: Rows, pairs: np.ndarray) -> np.ndarray:
    """LPIPS of pairs of the images `x`, uint8 `[n, H, W, 1 or 3]`; `pairs` has their rows, int64 `[p, 2]`. float64 `[p]`.

    Grey images have their value in all three channels. An image whose shorter side is below 64 pixels is enlarged bilinearly
    until this side has 64.

    Raises:
        Unreachable, UserError: see `require`.
    """
    import torch

    with torch_by_default(), torch.inference_mode():
        compare = _load()
        parts = [
            compare(*(_prepared(x[pairs[start : start + BATCH, side]]) for side in (0, 1)))
            for start in range(0, len(pairs), BATCH)
        ]
        return np.concatenate([part.numpy() for part in parts]).astype(np.float64)


def _prepared(images: Any) -> Tensor:
    """Images uint8 `[p, H, W, 1 or 3]` as float32 `[p, 3, H, W]` in [-1, 1], at least 64 pixels high and wide."""
    import torch
    from torch.nn import functional as F

    x = torch.from_numpy(np.asarray(images, np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    x = x.expand(-1, 3, -1, -1)
    side = min(x.shape[2:])
    if side >= SIDE:
        return x
    size = [round(length * SIDE / side) for length in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
