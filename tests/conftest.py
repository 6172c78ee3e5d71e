"""What the tests share: the checkout they run in, and small stand-ins for what takes long."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the suite itself runs in parallel

import pytest

from ganbench import data

# A process that was started in the background ignores these signals, and its children too. The tests send them.
for ignored, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, default)

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _datasets() -> None:
    """The two small datasets that most tests use are there before the first test, so that none depends on which came first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        for name in ("digits", "ring"):
            data.obtain(name)


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory of a test is the checkout, wherever pytest was started."""
    monkeypatch.chdir(REPOSITORY)


@pytest.fixture(scope="session")
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new place for each test. `mktemp` would look through the folders of all earlier tests every time."""
    top = tmp_path_factory.mktemp("caches")
    return (top / str(i) for i in count())


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, _caches: Iterator[Path]) -> None:
    """No test reads or writes the user's cache of features, nor that of another test."""
    monkeypatch.setenv("GANBENCH_CACHE", str(next(_caches)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with slow tests come first, so that no worker starts a long file when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
