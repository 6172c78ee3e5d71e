"""The random choices of training: the order of the real samples, and the seeds of torch's generators.

Both follow only from (seed, images seen). So an interrupted run gives the same result as a run without a break. Nothing
depends on what else the process did.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ganbench import data
from ganbench.gan import Batch, DataSpec
from ganbench.images import to_float


def reseed(*key: int) -> None:
    """Seed torch's generators from a tuple of integers. The key is hashed, so neighbouring keys are unrelated."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    value = int.from_bytes(digest[:8], "little") >> 1
    torch.default_generator.manual_seed(value)  # `torch.manual_seed` costs a stack trace per call
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(value)


@lru_cache(maxsize=2)
def permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order of `n` samples in epoch number `epoch`: int64 `[n]`."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def indices(n: int, seed: int, seen: int, size: int) -> np.ndarray:
    """The samples number `seen`, `seen + 1`, ... of an endless stream that shuffles `n` samples every epoch: int64 `[size]`."""
    parts = []
    while size:
        epoch, start = divmod(seen, n)
        parts.append(permutation(n, seed, epoch)[start : start + size])
        seen, size = seen + len(parts[-1]), size - len(parts[-1])
    return np.concatenate(parts)


@dataclass(frozen=True)
class TrainingData:
    """The training split in memory. The channels of images lie last in memory, like the channels of the networks' kernels."""

    x: Tensor  # images as uint8 [N, C, H, W], points as float32 [N, d]
    y: Tensor  # labels int64 [N], -1 = unlabelled
    spec: DataSpec

    @classmethod
    def load(cls, name: str, device: torch.device) -> TrainingData:
        """Read the training split of the dataset `name`.

        Raises:
            UserError: there is no such dataset.
        """
        split = data.load(name, "train")
        x, y = torch.from_numpy(np.array(split.x)), torch.from_numpy(np.array(split.y))
        if x.ndim == 4:
            x = x.permute(0, 3, 1, 2)
        spec = DataSpec(tuple(x.shape[1:]), classes=int(y.max()) + 1)
        return cls(x.to(device), y.to(device), spec)

    def batch(self, seed: int, seen: int, size: int) -> Batch:
        """The `size` samples that follow after `seen` samples. Every epoch is a permutation drawn from (seed, epoch)."""
        index = torch.from_numpy(indices(len(self.x), seed, seen, size)).to(self.x.device)
        x = self.x.movedim(1, -1).index_select(0, index).movedim(-1, 1)  # whole images, as they lie in memory
        return Batch(to_float(x) if self.spec.is_image else x, self.y[index])
