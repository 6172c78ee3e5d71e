"""Datasets, pinned: a number was computed on the bytes that `dvc.lock` names. This module is the door to them.

`registry` knows the datasets, `pins` their hashes, `store` their folders on this machine; `dvc` is one way to fill
such a folder, `sources` is the other.
"""

from ganbench.data.folder import Built, Dataset, Split
from ganbench.data.pins import pin, version
from ganbench.data.registry import about, names
from ganbench.data.store import build, card, check, load, mixture, obtain

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
    "pin",
    "version",
]
