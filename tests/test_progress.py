"""Progress: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from ganbench.display import progress as module
from ganbench.display.progress import progress

LONG = """
import time
from ganbench.display.progress import progress
with progress("train", 100, "images") as advance:
    for i in range(1, 101):
        advance(i, "D 0.5")
        time.sleep(0.01)
"""


def test_log_gets_plain_lines_and_the_last_one_is_complete(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_SECONDS", 0.0)
    with progress("train", 4000, "images") as advance:
        for seen in range(1000, 5000, 1000):
            advance(seen, "D 0.5")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 4
    assert lines[0].startswith("train: 1,000/4,000 images, ")
    assert lines[0].endswith("s left D 0.5")
    assert lines[-1].startswith("train: 4,000/4,000 images, ")
    assert "\x1b" not in err


def test_log_is_not_flooded(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", 10_000, "images") as advance:
        for seen in range(10_000):
            advance(seen + 1)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_terminal_gets_a_bar_with_rate_and_time_left() -> None:
    main, worker = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    done = subprocess.Popen([sys.executable, "-c", LONG], stderr=worker, env=environment)
    os.close(worker)
    shown = b""
    try:
        while part := os.read(main, 65536):
            shown += part
    except OSError:  # a terminal ends with an error on Linux
        assert done.wait() == 0
    finally:
        os.close(main)
    text = shown.decode()
    assert done.wait() == 0
    assert "100/100" in text
    assert "images/s" in text
    assert "0:00:0" in text
