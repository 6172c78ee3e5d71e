"""The signals that end a program: Ctrl-C, the end of a job on a cluster, a closed terminal."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ganbench.errors import Interrupted

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
ECHO = 1.0  # seconds in which a repeated signal counts as the same one: `timeout` and some schedulers send it twice


@contextmanager
def handled(act: Callable[[int], None]) -> Iterator[None]:
    """Let a signal that ends a program call `act` with its number. A signal that was ignored before stays ignored."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    last = -ECHO

    def receive(number: int, frame: object) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before >= ECHO:
            act(number)

    before = {number: signal.getsignal(number) for number in ENDING}
    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in ours:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def interrupt(number: int) -> None:
    """End at once what runs, but not what must be done at its end.

    Raises:
        Interrupted: always.
    """
    raise Interrupted(number)


@contextmanager
def deferred() -> Iterator[list[int]]:
    """Collect signals in a list, so that the block can end at a good moment. The second signal ends it at once."""
    asked: list[int] = []

    def note(number: int) -> None:
        if asked:
            interrupt(number)
        asked.append(number)

    with handled(note):
        yield asked
