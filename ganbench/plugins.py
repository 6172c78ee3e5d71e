"""Plug-ins: metrics and extractors that other installed packages bring, named by entry points."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from importlib.metadata import entry_points
from types import ModuleType

from ganbench.errors import UserError


def found(group: str, ours: Iterable[str]) -> dict[str, str]:
    """Name and module of every entry point of `group`, of which none is imported yet.

    Raises:
        UserError: two of them, or one of them and one of `ours`, have the same name.
    """
    modules: dict[str, str] = {}
    for point in entry_points(group=group):
        owner = point.dist.name if point.dist else point.module
        if point.name in ours or modules.setdefault(point.name, point.module) != point.module:
            raise UserError(f"the plug-in '{point.name}' of {owner} ({group}) has a name that is taken; uninstall it")
    return modules


def load(module: str, needed: Iterable[str]) -> ModuleType:
    """Import a module, ours or a plug-in's, that must have the attributes `needed`.

    Raises:
        UserError: a plug-in cannot be imported, or lacks one of them.
    """
    if module.startswith("ganbench."):
        return importlib.import_module(module)
    try:
        loaded = importlib.import_module(module)
    except Exception as error:
        raise UserError(f"the plug-in {module} cannot be imported: {type(error).__name__}: {error}") from error
    for name in needed:
        if not hasattr(loaded, name):
            raise UserError(f"the plug-in {module} has no '{name}'; see docs/plugins.md")
    return loaded
