"""What the metrics of one call of `compute` share: results that are computed once, and the display of long work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import numpy as np

R = TypeVar("R")

Advance = Callable[[int], None]  # how much is done
Watch = Callable[[str, int], AbstractContextManager[Advance]]  # what is being done, and how much it is


class Kept:
    """Results that outlive one call of `compute`: those of arrays that are the same in many calls, as real data are.

    Args:
        fixed: these arrays, or other inputs of metrics. They must not be changed. What is computed from them is fixed too.
    """

    def __init__(self, fixed: Iterable[Any]) -> None:
        self.results: dict[tuple[Any, ...], Any] = {}
        self._fixed = {id(given): given for given in fixed}  # held, so that no other object gets their ids

    def fits(self, arguments: Iterable[Any]) -> bool:
        """Whether all arguments are fixed, or plain values."""
        return all(id(given) in self._fixed or _plain(given) is not None for given in arguments)

    def add(self, key: tuple[Any, ...], result: Any) -> None:
        """Keep a result. An array among the results can be an argument of the next function."""
        self.results[key] = result
        if isinstance(result, np.ndarray):
            self._fixed[id(result)] = result


_memory: ContextVar[tuple[Kept, dict[tuple[Any, ...], tuple[Any, Any]]] | None] = ContextVar("_memory", default=None)
_watch: ContextVar[Watch | None] = ContextVar("_watch", default=None)
_metric: ContextVar[str] = ContextVar("_metric", default="")


@contextmanager
def remembering(kept: Kept | None = None) -> Iterator[None]:
    """Inside this context a `remembered` function runs once per choice of arrays. The arrays must not be changed meanwhile.

    Results of arrays that are fixed in `kept` go there. The others are dropped at the end.
    """
    token = _memory.set((Kept(()) if kept is None else kept, {}))
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(function: Callable[..., R]) -> Callable[..., R]:
    """A pure function. Within `remembering`, its results are kept.

    Numbers, text, None and tuples of them count by value, and a random generator by its state. All other arguments count by
    identity. A function that draws from a generator must be the last to use it: a kept result draws nothing.
    """

    @wraps(function)
    def wrapper(*arguments: Any) -> R:
        memory = _memory.get()
        if memory is None:
            return function(*arguments)
        kept, dropped = memory
        key = (
            function,
            *((id(given), _plain(given)) if _plain(given) is None else _plain(given) for given in arguments),
        )
        if key in kept.results:
            result: R = kept.results[key]
        elif key in dropped:
            result = dropped[key][1]
        else:
            result = function(*arguments)
            if kept.fits(arguments):
                kept.add(key, result)
            else:
                dropped[key] = arguments, result  # while the arguments are held, no other object has their ids
        return result

    return wrapper


def _plain(given: Any) -> tuple[str] | None:
    """A value in a form that can be compared; None for what counts by identity."""
    if isinstance(given, np.random.Generator):
        return (repr(given.bit_generator.state),)
    if (
        given is None
        or isinstance(given, int | float | str)
        or (isinstance(given, tuple) and all(_plain(part) is not None for part in given))
    ):
        return (repr(given),)
    return None


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Inside this context long work of metrics is shown."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


@contextmanager
def work_of(metric: str) -> Iterator[None]:
    """Inside this context work is shown under the name of a metric."""
    token = _metric.set(metric)
    try:
        yield
    finally:
        _metric.reset(token)


@contextmanager
def steps(what: str, total: int) -> Iterator[Advance]:
    """Work on `total` samples. Yields a function that takes the number of samples done so far."""
    watch = _watch.get()
    if watch is None:
        yield lambda done: None
        return
    with watch(f"{_metric.get()}: {what}".removeprefix(": "), total) as advance:
        yield advance
