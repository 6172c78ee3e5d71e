"""Datasets, pinned: a number was computed on the bytes that `dvc.lock` names. This module is the door to them.

`registry` knows the datasets, `pins` their hashes, `store` their folders on this machine; `dvc` is one way to fill
such a folder, `sources` is the other. `own` makes datasets of the data of users, and `tasks` makes
conditions of samples.
"""

from ganbench.data.folder import Built, Conditions, Dataset, Facts, Language, Split
from ganbench.data.own import add, is_name, resolve
from ganbench.data.pins import pin, version
from ganbench.data.registry import names
from ganbench.data.store import (
    about,
    build,
    captions,
    card,
    check,
    conditions,
    facts,
    held_out,
    language,
    load,
    mixture,
    obtain,
)
from ganbench.data.tasks import base

__all__ = [
    "Built",
    "Conditions",
    "Dataset",
    "Facts",
    "Language",
    "Split",
    "about",
    "add",
    "base",
    "build",
    "captions",
    "card",
    "check",
    "conditions",
    "facts",
    "held_out",
    "is_name",
    "language",
    "load",
    "mixture",
    "names",
    "obtain",
    "pin",
    "resolve",
    "version",
]
