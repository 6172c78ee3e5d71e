"""The datasets on this machine: each is a folder below `paths.data()`, built or fetched, checked and opened."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ganbench import files, paths
from ganbench.data import dvc, folder, own, pins, registry, tasks
from ganbench.data.folder import Conditions, Facts, Language, Split
from ganbench.data.mixture import Mixture
from ganbench.errors import UserError, choose


def place(name: str) -> Path:
    """The folder of a dataset; it need not exist yet. The folder of `BASE+TASK` is the folder of BASE."""
    name = tasks.base(name)
    return own.place(name) if own.exists(name) else paths.data() / name


def check(name: str) -> str:
    """Say in words what lies in the folder of a dataset, and whether `dvc.lock` pins it."""
    digest, pinned = folder.digest(place(name)), pins.pin(name)
    if pinned is None:
        return f"{digest}; {pins.holder(name)} does not pin it yet: {pins.how(name)}"
    by = pins.holder(name)
    return f"{digest}, as {by} pins it" if digest == pinned else f"{digest}, but {by} pins {pinned}"


def build(name: str, root: Path | None = None) -> Path:
    """Build a dataset from its sources in place of what lies in `root/name`; several processes may do so at once.

    Args:
        name: a dataset.
        root: the folder of all datasets; default `paths.data()`.

    Returns:
        The folder of the dataset.

    Raises:
        UserError: no dataset has this name, or its sources hold other bytes than the pinned bytes.
        Unreachable: no source of the dataset can be reached.
    """
    dataset = registry.get(name)
    root = paths.data() if root is None else root
    for part in dataset.made_of:
        if not (root / part).exists():
            build(part, root)
    target = root / name
    with _locked(root / f".{name}.lock"), files.replacing_folder(target) as new:
        folder.write(new, name, dataset.about, dataset.build(root))
        built = Facts.of_card(json.loads((new / "card.json").read_text(encoding="utf-8")))
        stored = folder.read_conditions(new, "train")
        if stored is not None and isinstance(stored.of, np.ndarray):
            built = built._replace(condition=stored.of.shape[1:])
        if dataset.facts not in (None, built):
            raise UserError(
                f"{name} is declared as {dataset.facts}, but it was built as {built}; correct its declaration"
            )
    return target


def obtain(name: str) -> str:
    """Make the folder of a dataset hold the bytes that `dvc.lock` pins: from DVC's cache, its remote, or the sources.

    A dataset that was built goes into DVC's cache only when it has the pinned hash, so `dvc.lock` stays as it is; `dvc
    repro` would write the new hash into `dvc.lock`.

    Returns:
        The version of the dataset; the bytes in the folder have the pinned hash now.

    Raises:
        UserError: the sources gave other bytes than `dvc.lock` pins, or `dvc.lock` does not pin the dataset.
        Unreachable: no source of the dataset can be reached.
    """
    base = tasks.base(own.resolve(name))
    pinned = pins.version(base)
    if not own.exists(base) and folder.digest(place(base)) != pinned:
        with _locked(paths.data() / ".obtain.lock"):
            _obtain(base, pinned)
    return pins.version(name)


def _obtain(name: str, pinned: str) -> None:
    target = place(name)
    ways = dvc.ways() if registry.is_builtin(name) else ()
    for fill in (*ways, _build_all):
        if folder.digest(target) == pinned:
            return
        fill(target)
    digest = folder.digest(target)
    if digest != pinned:
        raise UserError(
            f"{paths.shown(target)} has the hash {digest}, but {pins.holder(name)} pins {pinned}: use the pin and the code of "
            f"the same version. If you changed the recipe on purpose, {pins.how(name)}"
        )
    if registry.is_builtin(name):
        dvc.keep(target)


def _build_all(target: Path) -> None:
    """Build a dataset, from pinned datasets if it is made of others."""
    for part in registry.get(target.name).made_of:
        _obtain(part, pins.version(part))
    build(target.name)


def load(name: str, split: str = "train") -> Split:
    """Open a dataset with its pinned bytes; a dataset that is not on this machine is obtained first.

    Args:
        name: a dataset, or the path of the user's own data.
        split: "train" or "test".

    Returns:
        The samples, memory-mapped and read-only, and their labels.

    Raises:
        UserError: no dataset or no split has this name.
        Unreachable: no source of the dataset can be reached.
    """
    choose(split, ("train", "test"), "split")
    return folder.read(_present(name), split)


def conditions(name: str, split: str = "train") -> Conditions | None:
    """The conditions that the samples of a split are made from; None for a dataset without conditions.

    Raises:
        UserError: no dataset or no split has this name.
        Unreachable: no source of the dataset can be reached.
    """
    choose(split, ("train", "test"), "split")
    stored, (name, task) = folder.read_conditions(_present(name), split), tasks.split(own.resolve(name))
    if task is not None:
        return Conditions(tasks.TASKS[task].make)
    condition = None if own.exists(name) else registry.get(name).condition
    return Conditions(condition) if condition is not None else stored


def captions(name: str, split: str = "train") -> list[str]:
    """The captions of a split, one for each of its conditions; empty for a dataset without captions.

    Raises:
        UserError: no dataset or no split has this name.
        Unreachable: no source of the dataset can be reached.
    """
    choose(split, ("train", "test"), "split")
    return folder.read_captions(_present(name), split)


def held_out(name: str) -> str:
    """The name of the sample set that is the held-out split of a dataset.

    >>> held_out("mnist")
    'mnist:test'
    """
    return f"{name}:test"


def language(name: str) -> Language | None:
    """How captions, conditions and attributes of a dataset belong together; None for a dataset without captions."""
    name, task = tasks.split(own.resolve(name))
    return None if task is not None or own.exists(name) else registry.get(name).language


def card(name: str) -> dict[str, Any]:
    """The card of a dataset: its licence, citation, sizes, and the SHA-256 of each file."""
    facts: dict[str, Any] = json.loads((_present(name) / "card.json").read_text(encoding="utf-8"))
    return facts


def mixture(name: str) -> Mixture | None:
    """The true modes of a dataset of points; None for a dataset of images."""
    truth = card(name).get("mixture")
    return None if truth is None else Mixture(np.array(truth["means"]), truth["sd"])


def about(name: str) -> str:
    """What a dataset shows, in one line."""
    name, task = tasks.split(own.resolve(name))
    base = str(card(name)["about"]) if own.exists(name) else registry.get(name).about
    return base if task is None else f"{base}; each {tasks.TASKS[task].about}"


def facts(name: str) -> Facts:
    """The sizes of a dataset; a built-in dataset is not built for that.

    Raises:
        UserError: no dataset has this name, or its task does not treat its samples.
    """
    name, task = tasks.split(own.resolve(name))
    declared = None if own.exists(name) else registry.get(name).facts
    of = declared or Facts.of_card(card(name))
    return of if task is None else of._replace(condition=tasks.shape(task, of.shape))


def _present(name: str) -> Path:
    name = tasks.base(own.resolve(name))
    target, pinned = place(name), pins.version(name)
    if not own.exists(name) and folder.digest(target) != pinned:
        print(f"{paths.shown(target)} does not hold the pinned dataset: obtaining it", file=sys.stderr)
        obtain(name)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock  # slow to import, and reading a dataset does not need it

    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()  # FileLock waits for ever where no file can be made
    with FileLock(path):
        yield
