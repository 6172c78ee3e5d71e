"""What tables of wrong and hostile input share: how the files of a case are made, and what every refusal must be like."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ganbench.cli

SECONDS = 10  # until a call counts as hanging
Make = Callable[[], None]


def fifo(name: str) -> Make:
    return lambda: os.mkfifo(name)


def folder(name: str) -> Make:
    return lambda: Path(name).mkdir()


def link(name: str, target: str) -> Make:
    return lambda: Path(name).symlink_to(target)


def file(name: str, content: str | bytes) -> Make:
    def write() -> None:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def nothing() -> None:
    pass


def label(value: Any) -> str:
    """The name of a case: its command."""
    return " ".join(value)[:60].encode("unicode_escape").decode() if isinstance(value, list) else ""


class Hang(BaseException):
    """A call has not ended in time. The command line reports other exceptions as mistakes of the user."""


@contextmanager
def in_time() -> Iterator[None]:
    """End a call that hangs."""

    def end(number: int, frame: object) -> None:
        raise Hang(f"no answer after {SECONDS} s")

    before = signal.signal(signal.SIGPROF, end), signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: the machine may be busy
    signal.setitimer(signal.ITIMER_REAL, 12 * SECONDS)  # a call that waits for a pipe uses no processor
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGALRM, before[1])


def state(top: Path) -> dict[str, tuple[int, int] | None]:
    """Each file below a folder with its size and the time of its last change, and each folder."""
    stats = {path.relative_to(top).as_posix(): (path.lstat(), path.is_dir()) for path in top.rglob("*")}
    return {name: None if is_dir else (stat.st_size, stat.st_mtime_ns) for name, (stat, is_dir) in stats.items()}


def refusal(
    arguments: list[str], top: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines on stderr of a command that must be refused: exit code 2 or 3, in time, and no file of `top` changes."""
    before = state(top)
    monkeypatch.setattr(sys, "argv", ["ganbench", *arguments])
    capsys.readouterr()
    with in_time(), pytest.raises(SystemExit) as ended:
        ganbench.cli.main()
    said = capsys.readouterr()
    assert ended.value.code in (2, 3), said
    assert said.out == ""
    lines = said.err.splitlines()
    assert all(line.isprintable() for line in lines), lines
    assert state(top) == before
    return lines
