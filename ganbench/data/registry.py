"""Which datasets there are: every module of `ganbench/data/families/` is a family of datasets.

To add a dataset, write such a module, add a stage to `dvc.yaml`, run `dvc repro NAME` and commit `dvc.lock`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from ganbench.data import families
from ganbench.data.folder import Dataset
from ganbench.errors import choose


class DatasetFamily(Protocol):
    """What a module of datasets holds."""

    RECIPE: int  # raised when the bytes of a dataset change; DVC watches this number and not the text of the module
    DATASETS: dict[str, Dataset]


@cache
def _datasets() -> dict[str, Dataset]:
    modules = [
        cast(DatasetFamily, importlib.import_module(f"{families.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(families.__path__)
    ]
    return {name: dataset for module in modules for name, dataset in module.DATASETS.items()}


def names() -> tuple[str, ...]:
    """The names of all datasets, sorted."""
    return tuple(sorted(_datasets()))


def get(name: str) -> Dataset:
    """The declaration of a dataset.

    Raises:
        UserError: no dataset has this name.
    """
    return _datasets()[choose(name, _datasets(), "dataset")]


def about(name: str) -> str:
    """What a dataset shows, in one line."""
    return get(name).about
