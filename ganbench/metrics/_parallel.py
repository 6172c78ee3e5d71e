"""Rows in blocks, and blocks on several threads."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

from ganbench.metrics._shared import steps

R = TypeVar("R")

ALONE = 2**24  # numbers to compute up to which one thread is as fast as several


def blocks(n: int, size: int) -> list[slice]:
    """The rows from 0 to before n, in slices of at most `size` rows."""
    return [slice(start, min(start + size, n)) for start in range(0, n, max(size, 1))]


def in_order(what: str, function: Callable[[slice], R], n: int, size: int, work: int) -> Iterator[tuple[slice, R]]:
    """Every block of rows and what `function` makes of it, in order.

    Args:
        what: the noun that a display of the progress shows.
        function: of a block. Several threads call it at once.
        n, size: rows in all, and in a block.
        work: how many numbers are computed in all. Much work is done by as many threads as a matrix product would have. Then
            each thread computes its matrix products alone.
    """
    with steps(what, n) as advance:
        for rows, result in _results(function, blocks(n, size), _threads() if work > ALONE else 1):
            yield rows, result
            advance(rows.stop)


def _results(function: Callable[[slice], R], parts: list[slice], threads: int) -> Iterator[tuple[slice, R]]:
    if threads == 1 or len(parts) == 1:
        yield from ((part, function(part)) for part in parts)
        return
    waiting: deque[tuple[slice, Future[R]]] = deque()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, initializer=_search_alone) as pool:
        for part in parts:
            waiting.append((part, pool.submit(function, part)))
            if len(waiting) > 2 * threads:
                first, result = waiting.popleft()
                yield first, result.result()
        for first, result in waiting:
            yield first, result.result()


def _threads() -> int:
    """The number of threads that a matrix product has."""
    return max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1)


def _search_alone() -> None:
    """A thread searches with FAISS alone, too: OpenMP has a number of threads for each thread that calls it."""
    if "faiss" in sys.modules:
        sys.modules["faiss"].omp_set_num_threads(1)
