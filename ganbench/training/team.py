"""Training over several processes that torchrun starts, each with its share of every batch.

    torchrun --nproc-per-node 2 -m ganbench train dcgan --dataset mnist

All processes hold the same weights. In each step, process r of W takes rows r n/W to (r + 1) n/W of the batch that a single
process would take, and of the generator's inputs and classes that it would draw. The gradients are averaged over the
processes, and so are the losses. Batch norm takes its mean and variance over the whole batch. So W processes do what a single
process does, up to rounding, if a loss is a mean over the batch. All other random numbers (dropout, points between samples)
are drawn by each process for its own rows. A loss that looks at a batch as a whole (minibatch discrimination, feature
matching, the inner steps of the unrolled GAN) sees the rows of its own process.

The first process writes all files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm

from ganbench.errors import UserError
from ganbench.gan import Batch, Gan
from ganbench.training.order import reseed


@dataclass(frozen=True)
class Team:
    """The processes of a training, as one of them sees them. A training without torchrun is a team of one."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def check(self, batch: int) -> None:
        """Raises UserError if a batch cannot be shared evenly."""
        if batch % self.size:
            raise UserError(f"a batch of {batch} cannot be shared by {self.size} processes; use --set batch=...")

    def share(self, x: Tensor) -> Tensor:
        """The rows of `x` `[n, ...]` that belong to this process: `[n / W, ...]`."""
        return x if self.size == 1 else x.chunk(self.size)[self.rank]

    def share_batch(self, batch: Batch) -> Batch:
        """The rows of a batch that belong to this process."""
        cond = None if batch.cond is None else self.share(batch.cond)
        return Batch(self.share(batch.x), self.share(batch.y), cond)

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.size > 1:
            gradients = [p.grad for p in parameters if p.grad is not None]
            flat = self.mean(torch.cat([g.reshape(-1) for g in gradients]))
            for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(part.view_as(gradient))

    def average_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The mean of each loss over the processes."""
        if self.size == 1 or not losses:
            return losses
        return dict(zip(losses, self.mean(torch.stack([v.float() for v in losses.values()])), strict=True))

    def mean(self, x: Tensor) -> Tensor:
        """The mean of `x` over the processes. It can be differentiated, more than once."""
        return cast(Tensor, _Sum.apply(x)) / self.size

    def any(self, signal: int, device: torch.device) -> int:
        """The largest number that a process gives."""
        if self.size == 1:
            return signal
        largest = torch.tensor(signal, device=device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)

    @property
    def facts(self) -> dict[str, int]:
        """What a run's identity says of its team. Another number of processes gives other bits."""
        return {"processes": self.size} if self.size > 1 else {}

    def total(self, seconds: float) -> float:
        """The sum of the processes' seconds."""
        if self.size == 1:
            return seconds
        total = torch.tensor(seconds, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total)

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        """The first process passes the block alone, then the others do."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def compare(self, tensors: dict[str, Tensor]) -> None:
        """Raises UserError if the processes no longer hold the same tensors, so the file of one would not resume all."""
        if self.size == 1:
            return
        hashes: list[Any] = [None] * self.size
        dist.all_gather_object(hashes, {name: _digest(tensor) for name, tensor in tensors.items()})
        unlike = sorted(name for name in hashes[0] if len({each.get(name) for each in hashes}) > 1)
        if unlike:
            raise UserError(
                f"this GAN keeps a state that differs between processes ({unlike[0]}); train it in a single process"
            )


ALONE = Team()
_working: ContextVar[Team] = ContextVar("team", default=ALONE)  # ALONE outside a step: samples are drawn by one process


def _digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data).hexdigest()


class _Sum(Function):
    """The sum of a tensor over the processes. The gradient of each summand is the sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Sum.apply(*gradients)


@contextmanager
def joined(device: torch.device, patience: timedelta | None = None) -> Iterator[Team]:
    """The team of this process. It exists until the end of the block. `patience`: how long a process waits for another one."""
    if not dist.is_torchelastic_launched():
        yield ALONE
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=patience)
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def writes() -> bool:
    """Whether this process writes and prints: there is no other one, or it is the first."""
    return not dist.is_torchelastic_launched() or os.environ["RANK"] == "0"


def device(name: str | None) -> str | None:
    """The device of this process: torchrun's processes on a machine with GPUs take a GPU each, in their order."""
    gpus = dist.is_torchelastic_launched() and torch.cuda.is_available()
    return f"cuda:{os.environ['LOCAL_RANK']}" if gpus and name in (None, "cuda") else name


def share_work(gan: Gan, team: Team) -> None:
    """Let a GAN draw and normalise as a part of a team, inside `step`."""
    if team.size > 1:
        gan.__class__ = type(type(gan).__name__, (_Shared, type(gan)), {})
        for module in list(gan.modules()):
            if isinstance(module, _BatchNorm):
                module.__class__ = type(type(module).__name__, (_Synchronised, type(module)), {})


@contextmanager
def step(team: Team, seed: int, seen: int) -> Iterator[None]:
    """One step of a training: it seeds torch's generators, and shares the work."""
    reseed("train", seed, seen)
    if team.size == 1:
        yield
        return
    _common.set(_generators())
    reseed("process", seed, seen, team.rank)
    token = _working.set(team)
    try:
        yield
    finally:
        _working.reset(token)


_common: ContextVar[list[Tensor]] = ContextVar("common")  # the generators' states that all processes share


def _generators() -> list[Tensor]:
    """The states of torch's generators."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state()] if torch.cuda.is_available() else states


def _restore(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)


@contextmanager
def _in_common() -> Iterator[None]:
    """Draw what a single process would draw, and leave this process's own random numbers where they were."""
    own = _generators()
    _restore(_common.get())
    yield
    _common.set(_generators())
    _restore(own)


class _Shared(Gan):
    """A GAN that draws the inputs of a whole batch and keeps the rows of its process."""

    def latent(self, n: int) -> Tensor:
        team = _working.get()
        if team.size == 1:
            return super().latent(n)
        with _in_common():
            return team.share(super().latent(n * team.size))

    def draw_classes(self, n: int) -> Tensor:
        team = _working.get()
        if team.size == 1:
            return super().draw_classes(n)
        with _in_common():
            return team.share(super().draw_classes(n * team.size))


class _Synchronised(_BatchNorm):
    """Batch norm over the rows of all processes; torch's own `SyncBatchNorm` needs a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        team = _working.get()
        if team.size == 1 or not self.training:
            return super().forward(x)
        over, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
        mean = team.mean(x.mean(over))
        centred = x - mean.view(shape)
        variance = team.mean(centred.square().mean(over))
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            n = team.size * x.numel() / x.shape[1]
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * n / (n - 1), momentum)
        out = centred * (variance + self.eps).rsqrt().view(shape)
        return out if self.weight is None else out * self.weight.view(shape) + self.bias.view(shape)
