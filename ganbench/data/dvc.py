"""DVC as a store of datasets that were built before: its cache and its remote.

DVC works only in a checkout with `.git`, and DVC is optional. Without DVC a dataset is built from its sources, and its hash is
checked in the same way.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ganbench import paths


def ways() -> tuple[Callable[[Path], None], ...]:
    """The ways in which DVC can restore the folder of a dataset, the quickest first; empty if DVC cannot work."""
    return (_from_cache, _from_remote) if _works() else ()


def keep(folder: Path) -> None:
    """Put a dataset with its pinned bytes into DVC's cache, if DVC works here; `dvc.lock` stays as it is."""
    if _works():
        _run("commit", folder)


def _works() -> bool:
    home = paths.definitions()
    return (home / ".git").exists() and paths.data() == home / "data" and importlib.util.find_spec("dvc") is not None


def _from_cache(folder: Path) -> None:
    _run(
        "checkout", "--force", folder, stderr=subprocess.DEVNULL
    )  # DVC calls it an error when its cache lacks a folder


def _from_remote(folder: Path) -> None:
    if _run("remote", "list"):
        _run("pull", "--force", folder)


def _run(*arguments: str | Path, stderr: int | None = None) -> str:
    """Run the DVC of this interpreter; its messages go to stderr, and what it prints is returned."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *map(str, arguments)]
    return subprocess.run(
        command, cwd=paths.definitions(), stdout=subprocess.PIPE, stderr=stderr, text=True
    ).stdout.strip()
