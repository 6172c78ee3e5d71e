"""Plug-ins: metrics, extractors and other parts from installed packages. Entry points name them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ganbench import errors
from ganbench.errors import UserError, in_words

_loaded: set[str] = set()  # the modules of plug-ins that were imported


def find(group: str, own: Iterable[str]) -> dict[str, str]:
    """Name and module of every entry point of `group`. No module is imported yet.

    Args:
        group: for instance "ganbench.metrics".
        own: the names that ganbench itself has.

    Raises:
        UserError: a name is taken, by ganbench or by another plug-in.
    """
    by_name: dict[str, str] = {}
    for point in _points(group, tuple(sys.path)):
        owner = point.dist.name if point.dist else point.module
        if point.name in own or by_name.setdefault(point.name, point.module) != point.module:
            raise UserError(f"the plug-in '{point.name}' of {owner} ({group}) has a name that is taken; uninstall it")
    return by_name


@lru_cache(maxsize=64)
def _points(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of a group. `path` is Python's path: the files of all installed packages are read once for a path."""
    return tuple(entry_points(group=group))


def load(module: str, needed: Iterable[str]) -> ModuleType:
    """Import a module of ganbench or of a plug-in. A plug-in must have the attributes `needed`.

    Raises:
        UserError: a plug-in cannot be imported, or lacks one of these attributes.
    """
    if module.startswith("ganbench."):
        return importlib.import_module(module)
    try:
        loaded = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"the plug-in {module} cannot be imported: {in_words(error)}") from error
    _loaded.add(module)
    for name in needed:
        if not hasattr(loaded, name):
            raise UserError(f"the plug-in {module} has no '{name}'; see docs/plugins.md")
    return loaded


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Report what the code of a plug-in raises as one line with its place: see `ganbench.errors.blamed`."""
    try:
        yield
    except (Exception, SystemExit):
        modules = [sys.modules[name] for name in _loaded if name in sys.modules]
        with errors.blamed(*(Path(module.__file__) for module in modules if module.__file__), what=what):
            raise
