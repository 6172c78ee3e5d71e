"""The random choices of training: the order of the real samples, and the seeds of torch's generators.

Both follow only from (seed, images seen). So an interrupted run gives the same result as a run without a break. Nothing
depends on what else the process did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ganbench import data
from ganbench.data.folder import Conditions, Split
from ganbench.errors import UserError
from ganbench.gan import Batch, DataSpec
from ganbench.training.images import to_float

UNPAIRED, WEIGHTED, SAID = 1, 2, 4  # further keys, so that the order of the samples is not used twice


def reseed(purpose: str, *key: int) -> None:
    """Seed torch's generators from a purpose and integers, hashed so that neighbouring keys are unrelated.

    Args:
        purpose: what the numbers are drawn for, such as "train" or "sample". Equal keys of two purposes are unrelated too.
        key: integers such as (seed, images seen).
    """
    digest = hashlib.sha256(repr((purpose, *key)).encode()).digest()
    value = int.from_bytes(digest[:8], "little") >> 1
    torch.default_generator.manual_seed(value)  # `torch.manual_seed` costs a stack trace per call
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(value)


@lru_cache(maxsize=4)
def permutation(n: int, *key: int) -> np.ndarray:
    """An order of `n` samples, drawn from a key such as (seed, epoch): int64 `[n]`."""
    return np.random.default_rng(key).permutation(n)


def indices(n: int, seed: int, seen: int, size: int, *key: int) -> np.ndarray:
    """The samples number `seen`, `seen + 1`, ... of an endless stream that shuffles `n` samples every epoch: int64 `[size]`.

    Another `key` is another stream.
    """
    parts = []
    while size:
        epoch, start = divmod(seen, n)
        parts.append(permutation(n, seed, epoch, *key)[start : start + size])
        seen, size = seen + len(parts[-1]), size - len(parts[-1])
    return np.concatenate(parts)


def to_networks(x: np.ndarray) -> Tensor:
    """Samples of a file, `[n, ..., C]`, in the shape of the networks: `[n, C, ...]`; the channels stay last in memory."""
    return torch.from_numpy(np.array(x)).movedim(-1, 1)


def select(x: Tensor, index: Tensor) -> Tensor:
    """Rows of `x` as float32, pixels in [-1, 1]. Whole samples are copied, as they lie in memory."""
    rows = x.movedim(1, -1).index_select(0, index).movedim(-1, 1)
    return to_float(rows) if rows.dtype == torch.uint8 else rows


@dataclass(frozen=True)
class TrainingData:
    """The training split in memory. The channels lie last in memory, like the channels of the networks' kernels."""

    x: Tensor  # pixels as uint8, points and waves as float32, [N, *shape]
    y: Tensor  # labels int64 [N], -1 = unlabelled
    spec: DataSpec
    cond: Tensor | Callable[[np.ndarray], np.ndarray] | None = (
        None  # conditions [M, *cond] as x, or what makes them of x
    )
    paired: bool = True  # whether condition i belongs to sample i // k, with k = M / N

    @classmethod
    def load(cls, name: str, device: torch.device) -> TrainingData:
        """Read the training split of the dataset `name`.

        Raises:
            UserError: there is no such dataset.
        """
        return cls.of(data.load(name, "train"), data.conditions(name, "train"), device, data.facts(name).classes)

    @classmethod
    def of(cls, split: Split, conditions: Conditions | None, device: torch.device, classes: int = 0) -> TrainingData:
        """A split in memory. Its labels may have fewer classes than its dataset, never more."""
        x, y = to_networks(split.x), torch.from_numpy(np.array(split.y))
        given = None if conditions is None else conditions.of
        cond = to_networks(given).to(device) if isinstance(given, np.ndarray) else given
        paired = conditions is None or conditions.paired
        if isinstance(cond, Tensor) and paired and len(cond) % len(x):
            raise UserError(f"{len(cond):,} conditions cannot belong to {len(x):,} samples, each to one sample")
        made = to_networks(cond(split.x[:1])) if callable(cond) else cond
        shape = () if made is None else tuple(made.shape[1:])
        spec = DataSpec(tuple(x.shape[1:]), max(classes, int(y.max()) + 1), shape)
        return cls(x.to(device), y.to(device), spec, cond, paired)

    def batch(self, seed: int, seen: int, size: int, weights: np.ndarray | None = None) -> Batch:
        """The `size` samples that follow after `seen` samples.

        Every epoch is a permutation drawn from (seed, epoch). With `weights` the samples are drawn independently.

        Args:
            weights: how often each sample is drawn, summed up to each sample: float64 `[N]`, rising to 1.
        """
        if weights is None:
            rows = indices(len(self.x), seed, seen, size)
        else:
            rows = np.searchsorted(weights, np.random.default_rng([seed, seen, WEIGHTED]).random(size), side="right")
        index = torch.from_numpy(rows).to(self.x.device)
        if self.cond is None:
            return Batch(select(self.x, index), self.y[index])
        if not self.paired:
            apart = indices(self.conditions, seed, seen, size, UNPAIRED)
            return Batch(select(self.x, index), self.y[index], self.condition(torch.from_numpy(apart)))
        return Batch(select(self.x, index), self.y[index], self.condition(self._own(rows, seed, seen)))

    def _own(self, rows: np.ndarray, seed: int, seen: int) -> Tensor:
        """A condition of each of these samples: its only condition, or one that is drawn from (seed, seen)."""
        each = self.conditions // len(self.x)
        drawn = np.random.default_rng([seed, seen, SAID]).integers(each, size=len(rows)) if each > 1 else 0
        return torch.from_numpy(rows * each + drawn)

    @property
    def conditions(self) -> int:
        """The number of conditions; 0 if there are none."""
        return 0 if self.cond is None else len(self.x if callable(self.cond) else self.cond)

    def condition(self, index: Tensor) -> Tensor:
        """The conditions of these numbers, int64 `[n]`: float32 `[n, *cond]`."""
        assert self.cond is not None
        index = index.to(self.x.device)
        if not callable(self.cond):
            return select(self.cond, index)
        made = to_networks(self.cond(self.x.movedim(1, -1).index_select(0, index).cpu().numpy()))
        return select(made, torch.arange(len(made))).to(self.x.device)

    def draw_conditions(self, n: int) -> Tensor | None:
        """Conditions `[n, *cond]` drawn by torch's generator; None if there are none."""
        return None if self.cond is None else self.condition(torch.randint(self.conditions, (n,)))
