"""From uint8 images `[n, H, W, 1 or 3]` to a network's input: float32 `[n, 3, side, side]` in [0, 255], grey in all three.

The input lies on `device`. torch resizes there; Pillow resizes on the CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def tf1(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """Bilinear as in TensorFlow 1: no half-pixel centres, no antialiasing. Two small matrix products for each channel."""
    planes = _planes(x, device)
    rows, columns = (_interpolation(n, side).to(device) for n in planes.shape[2:])
    return (rows @ (planes @ columns.T)).expand(-1, 3, -1, -1)


def _interpolation(size: int, side: int) -> Tensor:
    """The matrix [side, size] that interpolates linearly at i * size / side; beyond the last pixel it stays constant."""
    at = torch.arange(side, dtype=torch.float32) * torch.tensor(size / side, dtype=torch.float32)
    low = at.long()
    high = (low + 1).clamp_max(size - 1)
    matrix = torch.zeros(side, size)
    row = torch.arange(side)
    matrix[row, low] = 1 - (at - low)
    matrix[row, high] += at - low
    return matrix


def bicubic(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """Bicubic, antialiased, clipped."""
    return overshooting(x, side, device).clamp(0, 255)


def overshooting(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """Bicubic and antialiased as in EDM2: neither clipped nor rounded, so values may lie outside of [0, 255]."""
    planes = _planes(x, device)
    return F.interpolate(planes, (side, side), mode="bicubic", antialias=True).expand(-1, 3, -1, -1)


def bilinear(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """PyTorch's bilinear as in StudioGAN: half-pixel centres, no antialiasing."""
    planes = _planes(x, device)
    return F.interpolate(planes, (side, side), mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)


def pillow(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """Pillow's bicubic on 8-bit images as in dgm-eval: antialiased, each value clipped and rounded to a whole number."""
    from PIL import Image

    def resized(image: np.ndarray) -> np.ndarray:
        values = image[..., 0] if image.shape[-1] == 1 else image
        whole = Image.fromarray(values).resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(whole).reshape(side, side, -1)

    return _planes(np.stack([resized(image) for image in x]), device).expand(-1, 3, -1, -1)


def cropped(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """The square in the middle, then `pillow`, as in CMMD."""
    height, width = x.shape[1:3]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return pillow(x[:, top : top + edge, left : left + edge], side, device)


def clean(x: np.ndarray, side: int, device: str = "cpu") -> Tensor:
    """clean-fid's: Pillow's bicubic filter, antialiased, on each channel in float32, clipped and not rounded."""
    from PIL import Image

    def plane(values: np.ndarray) -> np.ndarray:
        image = Image.fromarray(values.astype(np.float32))
        return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))

    planes = np.stack([[plane(image[..., c]) for c in range(image.shape[-1])] for image in x])
    return torch.from_numpy(planes).to(device).clamp(0, 255).expand(-1, 3, -1, -1)


def _planes(x: np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(x).to(device).permute(0, 3, 1, 2).float()  # bytes travel, not floats
