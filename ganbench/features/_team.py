"""One network in several processes: the first process leads, and every process embeds its part of the batches.

The leader reads the samples. In each round it hands a batch to every process, embeds a batch itself, and takes the features
back in order. The batches are those of a single process, so every image has the features that a single process gives.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any

import numpy as np

from ganbench.errors import UserError

_size: ContextVar[int] = ContextVar("size", default=1)  # processes that embed together; this process leads them


@contextmanager
def leading(processes: int) -> Iterator[None]:
    """Let the processes of torch's process group embed together inside the block. This process is the first of them."""
    import torch.distributed as dist

    token = _size.set(processes)
    try:
        yield
        dist.broadcast_object_list([None])  # after a failure the others see that the leader is gone
    finally:
        _size.reset(token)


def size() -> int:
    """How many processes embed together under the lead of this process."""
    return _size.get()


def lead(extractor: Any, run: Callable[[np.ndarray], Any], batches: Iterator[np.ndarray], number: int) -> Iterator[Any]:
    """What `run` gives for each of `number` batches, in order, with the help of the other processes."""
    import torch.distributed as dist

    rounds = -(-number // size())
    _exchanged(dist.broadcast_object_list, [(extractor, rounds)])
    for _ in range(rounds):
        share: list[Any] = list(islice(batches, size()))
        share += [None] * (size() - len(share))
        _exchanged(dist.scatter_object_list, [None], share)
        parts: list[Any] = [None] * size()
        _exchanged(dist.gather_object, run(share[0]), parts)
        yield from (part for part in parts if part is not None)


def help_leader(load: Callable[[Any], Callable[[np.ndarray], Any]]) -> None:
    """Embed what the leader hands out, until it has ended.

    `load` makes the function of an extractor. A signal ends this process at once, also while it waits.
    """
    import torch.distributed as dist

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)

    def received(exchange: Callable[..., Any]) -> Any:
        box: list[Any] = [None]
        _exchanged(exchange, box)
        return box[0]

    try:
        while (task := received(dist.broadcast_object_list)) is not None:
            extractor, rounds = task
            run = load(extractor)
            for _ in range(rounds):
                batch = received(dist.scatter_object_list)
                _exchanged(dist.gather_object, None if batch is None else run(batch))
    except _Gone:
        return  # the leader says why it ended


class _Gone(UserError):
    """Another process of the team has ended."""


def _exchanged(exchange: Callable[..., Any], *arguments: Any) -> None:
    try:
        exchange(*arguments)
    except RuntimeError:  # of the connection
        raise _Gone("a process that torchrun started has ended too early; its own message says why") from None
