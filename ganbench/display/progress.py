"""One progress display for every long command: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ganbench.errors import plain

LOG_SECONDS = 20.0  # a log gets a line at most this often

Advance = Callable[..., None]


def pace(rate: float, unit: str) -> str:
    """Units per second; empty if the number would round to 0.

    >>> pace(1234.5, "images"), pace(0.2, "protocols")
    ('1,234 images/s', '')
    """
    return f"{rate:,.0f} {unit}/s" if rate >= 1 else ""


class _Rate(TextColumn):
    """Units per second, in the unit of the task."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(pace(task.speed or 0.0, task.fields["unit"]))


@contextmanager
def progress(label: str, total: int, unit: str, start: int = 0, patience: float = 0.0) -> Iterator[Advance]:
    """Show on stderr how far a long command is. Yields `advance(done, note="")`; `done` goes from 0 to `total`.

    A terminal shows a bar with the rate and the time left. A log gets one plain line every 20 seconds and one at the end.
    A command that ends within `patience` seconds shows nothing.
    """
    console, label = Console(stderr=True), plain(label)
    begun = last = time.monotonic()
    if console.is_terminal:
        columns = (
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            "{task.fields[note]}",
        )
        bar = Progress(*columns, console=console)
        task = bar.add_task(label, total=total, completed=start, unit=unit, note="")
        with ExitStack() as shown:

            def update(done: int, note: str = "") -> None:
                bar.update(task, completed=done, note=note)
                if not bar.live.is_started and time.monotonic() - begun >= patience:
                    shown.enter_context(bar)

            if not patience:
                shown.enter_context(bar)
            yield update
        return

    latest = start

    def line(done: int, note: str) -> None:
        rate = (done - start) / max(time.monotonic() - begun, 1e-9)
        left = f"{(total - done) / rate:,.0f} s left" if done < total and rate > 0 else ""
        parts = [f"{label}: {done:,}/{total:,} {unit}", pace(rate, unit), left]
        print(f"{', '.join(filter(None, parts))} {note}".rstrip(), file=sys.stderr, flush=True)

    def advance(done: int, note: str = "") -> None:
        nonlocal last, latest
        latest = done
        if time.monotonic() - last >= LOG_SECONDS and time.monotonic() - begun >= patience and done < total:
            last = time.monotonic()
            line(done, note)

    yield advance
    if time.monotonic() - begun >= patience:
        line(latest, "")
