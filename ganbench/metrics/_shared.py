"""Results that several metrics of one call of `compute` share. They are computed once, and dropped when `compute` ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

R = TypeVar("R")

_memory: ContextVar[dict[tuple[Any, ...], tuple[Any, Any]] | None] = ContextVar("_memory", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Inside this context a `remembered` function runs once per choice of arrays. The arrays must not be changed meanwhile."""
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(function: Callable[..., R]) -> Callable[..., R]:
    """A function of arrays only. Within `remembering`, its results are kept by the identity of its arguments."""

    @wraps(function)
    def wrapper(*arguments: Any) -> R:
        memory = _memory.get()
        if memory is None:
            return function(*arguments)
        key = (function, *map(id, arguments))
        if key not in memory:
            memory[key] = arguments, function(*arguments)  # while the arguments are held, no other object has their ids
        result: R = memory[key][1]
        return result

    return wrapper
