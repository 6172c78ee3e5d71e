"""Datasets, pinned: the bytes that a number was computed on are those that `dvc.lock` names.

A file of this folder with `DATASETS = {name: Dataset(about, build)}` is a family of datasets. To add one, write that
file, add a stage to `dvc.yaml`, run `dvc repro NAME` and commit `dvc.lock`. A family's `RECIPE` is raised when its
bytes change: DVC watches that constant and not the file, so that an edit of a comment rebuilds nothing.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ganbench import paths
from ganbench.data import folder
from ganbench.data.folder import Built, Dataset, Split
from ganbench.data.mixture import Mixture
from ganbench.errors import UserError, choose

__all__ = [
    "Built",
    "Dataset",
    "Split",
    "about",
    "build",
    "card",
    "check",
    "load",
    "mixture",
    "names",
    "obtain",
    "version",
]


@cache
def _datasets() -> dict[str, Dataset]:
    stems = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))
    modules = [importlib.import_module(f"ganbench.data.{stem}") for stem in stems]
    return {name: dataset for module in modules for name, dataset in getattr(module, "DATASETS", {}).items()}


def _dataset(name: str) -> Dataset:
    return _datasets()[choose(name, _datasets(), "dataset")]


def names() -> tuple[str, ...]:
    """The datasets there are."""
    return tuple(sorted(_datasets()))


def about(name: str) -> str:
    """What a dataset shows, in a line."""
    return _dataset(name).about


def _stage(name: str) -> dict[str, Any]:
    """What `dvc.lock` says of a dataset."""
    choose(name, names(), "dataset")
    stages = yaml.safe_load((paths.definitions() / paths.PINS).read_text(encoding="utf-8"))["stages"]
    if name not in stages:
        raise UserError(f"dvc.lock does not pin the dataset '{name}': run `dvc repro {name}` and commit dvc.lock")
    return stages[name]


def version(name: str) -> str:
    """The hash that `dvc.lock` pins for a dataset."""
    return _stage(name)["outs"][0]["md5"]


def check(name: str) -> str:
    """What lies in `data/NAME` and whether `dvc.lock` pins it, in words."""
    found = folder.digest(paths.data() / name)
    try:
        wanted = version(name)
    except UserError as not_yet:  # the first build of a new dataset
        return f"{found}; {not_yet}"
    return f"{found}, as dvc.lock pins it" if found == wanted else f"{found}, but dvc.lock pins {wanted}"


def build(name: str, root: Path | None = None) -> Path:
    """Build a dataset from its sources, in place of what lies in `root/name`; several at once are safe.

    Args:
        name: a dataset.
        root: the folder of all datasets; default `paths.data()`.

    Returns:
        The dataset's folder.

    Raises:
        Unreachable: none of its sources can be had from here.
    """
    dataset = _dataset(name)
    root = paths.data() if root is None else root
    with _locked(root / f".{name}.lock"), tempfile.TemporaryDirectory(prefix=f".{name}.", dir=root) as scratch:
        new, old, target = Path(scratch, "new"), Path(scratch, "old"), root / name
        new.mkdir()
        folder.write(new, name, dataset.about, dataset.build(root))
        if target.exists():
            target.rename(old)  # a folder cannot be renamed onto one that is not empty
        new.rename(target)
    return target


def obtain(name: str) -> str:
    """See to it that `data/NAME` is the dataset that `dvc.lock` pins: from DVC's cache, its remote, or the sources.

    What is built here is handed to DVC's cache only when it has the pinned hash, so `dvc.lock` stays as it is; `dvc
    repro` would rather write the new hash into it.

    Returns:
        The pinned hash, which is that of the bytes that lie there now.

    Raises:
        UserError: other bytes came out than those that `dvc.lock` pins.
        Unreachable: none of its sources can be had from here.
    """
    wanted = version(name)
    if folder.digest(paths.data() / name) != wanted:
        with _locked(paths.data() / ".obtain.lock"):
            _obtain(name)
    return wanted


def _obtain(name: str) -> None:
    stage, wanted = _stage(name), version(name)
    target = paths.data() / name
    in_git = (paths.definitions() / ".git").exists()  # an exported tree has none, and DVC does not work there
    if folder.digest(target) == wanted:
        return
    if in_git:
        _dvc("checkout", "--force", target, stderr=subprocess.DEVNULL)  # not in the cache is no error
        if folder.digest(target) != wanted and _dvc("remote", "list"):
            _dvc("pull", "--force", target)
    if folder.digest(target) != wanted:
        for needed in stage.get("deps", []):
            _obtain(Path(needed["path"]).name)
        build(name)
        if folder.digest(target) == wanted and in_git:
            _dvc("commit", target)
    found = folder.digest(target)
    if found != wanted:
        raise UserError(
            f"data/{name} is {found} here, dvc.lock wants {wanted}: get the dvc.lock and the code of one and the same "
            f"commit; if the recipe was meant to change, run `dvc repro {name}` and commit dvc.lock"
        )


def _dvc(*arguments: str | Path, stderr: int | None = None) -> str:
    """Run the DVC of this interpreter, its messages on stderr; what it prints is returned."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *map(str, arguments)]
    return subprocess.run(
        command, cwd=paths.definitions(), stdout=subprocess.PIPE, stderr=stderr, text=True
    ).stdout.strip()


def load(name: str, split: str = "train") -> Split:
    """Open a dataset, of which the hash is checked; one that is not here is obtained first.

    Args:
        name: a dataset.
        split: "train" or "test".

    Returns:
        The samples, memory-mapped and read-only, and their labels.
    """
    choose(split, ("train", "test"), "split")
    return folder.read(_present(name), split)


def card(name: str) -> dict[str, Any]:
    """What a dataset is: its licence, citation, sizes, and the SHA-256 of each file."""
    return json.loads((_present(name) / "card.json").read_text(encoding="utf-8"))


def mixture(name: str) -> Mixture | None:
    """The true modes of a dataset of points; `None` for a dataset of images."""
    truth = card(name).get("mixture")
    return None if truth is None else Mixture(np.array(truth["means"]), truth["sd"])


def _present(name: str) -> Path:
    target = paths.data() / name
    if folder.digest(target) != version(name):
        print(f"data/{name} is not here as dvc.lock pins it: obtaining it", file=sys.stderr)
        obtain(name)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock  # slow to import, and not needed by those who only read

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield
