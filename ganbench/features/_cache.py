"""Features that were computed before, on disk: one safetensors file for each, named by the hash of all it depends on.

An entry carries the SHA-256 of its arrays, and one that does not match, or cannot be read, counts as not there. When the
cache outgrows its limit, the entries that were not asked for the longest go first. Several processes may use it at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ganbench.errors import UserError

LIMIT = 5.0  # GB


class Entries(NamedTuple):
    """How many entries there are, and how many bytes they take."""

    number: int
    size: int


def home() -> Path:
    """The folder of the cache: `GANBENCH_CACHE`, or the platform's own place for caches."""
    return Path(os.environ.get("GANBENCH_CACHE") or platformdirs.user_cache_path("ganbench") / "features")


def limit() -> int:
    """Bytes that the cache may take: `GANBENCH_CACHE_GB`, by default 5; 0 keeps nothing."""
    given = os.environ.get("GANBENCH_CACHE_GB") or str(LIMIT)
    try:
        return int(float(given) * 1e9)
    except (ValueError, OverflowError):
        raise UserError(f"GANBENCH_CACHE_GB={given}: it is a number of gigabytes") from None


def key(*parts: Any) -> str:
    """The name of what follows from `parts`, each of which JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def get(key: str) -> dict[str, np.ndarray] | None:
    """The arrays of an entry, or None if there is none that is whole."""
    path = _path(key)
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  a file is no dict
            known = (file.metadata() or {}).get("sha256")
        if known != _digest(arrays):
            return None
        os.utime(path)  # asked for now
    except (OSError, SafetensorError):
        return None
    return arrays


def put(key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under a key. A cache that cannot be written to is said to be so, and nothing else changes."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if sum(array.nbytes for array in whole.values()) > limit():
        return
    path = _path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".tmp", delete=False) as file:
            file.write(save(whole, {"sha256": _digest(whole)}))
        Path(file.name).replace(path)
        _shrink(path)
    except OSError as why:
        print(f"the features are not kept: {home()} cannot be written to ({why.strerror})", file=sys.stderr)


def entries() -> Entries:
    """What there is."""
    sizes = [stat.st_size for _, stat in _stats()]
    return Entries(len(sizes), sum(sizes))


def clear() -> Entries:
    """Delete every entry; returns what there was."""
    found = _stats()
    for path, _ in found:
        path.unlink(missing_ok=True)
    return Entries(len(found), sum(stat.st_size for _, stat in found))


def _path(key: str) -> Path:
    return home() / f"{key}.safetensors"


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _stats() -> list[tuple[Path, os.stat_result]]:
    """Every entry with its size and age; one that another process deletes meanwhile is left out."""
    found = []
    for path in home().glob("*.safetensors"):
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return found


def _shrink(newest: Path) -> None:
    found = sorted(_stats(), key=lambda one: one[1].st_mtime_ns)
    size = sum(stat.st_size for _, stat in found)
    for path, stat in found:
        if size <= limit():
            return
        if path != newest:
            path.unlink(missing_ok=True)
            size -= stat.st_size
