"""Which datasets there are: every module of `ganbench/data/families/` is a family of datasets.

To add a dataset, write such a module, add a stage to `dvc.yaml`, run `dvc repro NAME` and commit `dvc.lock`. A module of
another package is a family too if entry points of the group `ganbench.datasets` name its datasets (docs/plugins.md).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from ganbench import plugins
from ganbench.data import families
from ganbench.data.folder import Dataset
from ganbench.errors import UserError, choose


class DatasetFamily(Protocol):
    """What a module of datasets holds."""

    RECIPE: int  # raised when the bytes of a dataset change; DVC watches this number and not the text of the module
    DATASETS: dict[str, Dataset]


@cache
def _builtin() -> dict[str, Dataset]:
    modules = [
        cast(DatasetFamily, importlib.import_module(f"{families.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(families.__path__)
    ]
    return {name: dataset for module in modules for name, dataset in module.DATASETS.items()}


@cache
def _datasets() -> dict[str, Dataset]:
    brought = plugins.find("ganbench.datasets", _builtin())
    return _builtin() | {name: _of_plugin(name, module) for name, module in brought.items()}


def _of_plugin(name: str, module: str) -> Dataset:
    datasets: dict[str, Dataset] = plugins.load(module, ("DATASETS",)).DATASETS
    if name not in datasets:
        raise UserError(f"the plug-in {module} has no '{name}' in DATASETS; its entry point names this dataset")
    return datasets[name]


def is_builtin(name: str) -> bool:
    """Whether the dataset is ganbench's own. Then `dvc.lock` pins it. Other datasets are pinned by their package."""
    return name in _builtin()


def names() -> tuple[str, ...]:
    """The names of all datasets, sorted."""
    return tuple(sorted(_datasets()))


def get(name: str) -> Dataset:
    """The declaration of a dataset.

    Raises:
        UserError: no dataset has this name.
    """
    return _datasets()[choose(name, _datasets(), "dataset")]
