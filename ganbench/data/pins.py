"""The pins: `dvc.lock` names the hash of each dataset, and every number belongs to those bytes."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import yaml

from ganbench import paths
from ganbench.data import own, registry, tasks
from ganbench.errors import UserError

PATIENCE, PAUSE = 5.0, 0.05  # seconds to wait for a whole `dvc.lock`, and between two looks
SETTLED = 1.0  # seconds after which a file that lacks a name is not being written
FAULTS = (FileNotFoundError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, IndexError, AttributeError)


def pin(name: str) -> str | None:
    """The hash that `dvc.lock` names for a dataset; None if `dvc.lock` does not name the dataset yet.

    Raises:
        UserError: no dataset has this name.
    """
    dataset = registry.get(name)
    if dataset.pin is not None:
        return dataset.pin
    return _pins(paths.definitions() / paths.PINS, name).get(name)


def version(name: str) -> str:
    """The hash that `dvc.lock` names for a dataset. For the user's own data, the hash of their content.

    The version of `BASE+TASK` is the version of BASE and that of the task.

    Args:
        name: a dataset, or the path of the user's own data.

    Raises:
        UserError: no dataset has this name, or `dvc.lock` does not name the dataset yet.
    """
    name, task = tasks.split(own.resolve(name))
    if task is not None:
        return f"{version(name)}+{task}.{tasks.VERSION}"
    if own.exists(name):
        return own.version(name)
    pinned = pin(name)
    if pinned is None:
        raise UserError(f"{holder(name)} does not pin the dataset '{name}': {how(name)}")
    return pinned


def holder(name: str) -> str:
    """The holder of a dataset's hash, in words."""
    return "dvc.lock" if registry.is_builtin(name) else f"the plug-in that brings '{name}'"


def how(name: str) -> str:
    """What to do to pin a dataset by its present hash."""
    if registry.is_builtin(name):
        return f"run `dvc repro {name}` and commit dvc.lock"
    return f"run `ganbench data build {name}` and write the hash that it prints as `pin` into the Dataset"


def _pins(path: Path, name: str) -> dict[str, str]:
    """The hashes in `dvc.lock`. DVC empties this file before it writes it, so a file that is not whole is read again.

    Raises:
        UserError: the file does not become whole.
    """
    for _ in range(round(PATIENCE / PAUSE)):
        try:
            stat = path.stat()
            hashes = _hashes(path, stat.st_mtime_ns, stat.st_size)
            if name in hashes or time.time() - stat.st_mtime > SETTLED:
                return hashes
        except FAULTS as error:
            why = type(error).__name__
        else:
            why = ""
        time.sleep(PAUSE)
    if why:
        raise UserError(f"{path} is damaged ({why}); restore it: git checkout {path.name}")
    return hashes


@lru_cache(maxsize=1)
def _hashes(path: Path, *state: int) -> dict[str, str]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stages = yaml.load(path.read_text(encoding="utf-8"), loader)["stages"]
    return {name: stage["outs"][0]["md5"] for name, stage in stages.items()}
