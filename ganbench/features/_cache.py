"""Features on disk that were computed before.

An entry is a safetensors file. Its name is the hash of everything that its features depend on.

An entry contains the SHA-256 of its key and its arrays. An entry that does not match this hash, or cannot be read, is computed
again. When the cache is larger than its limit, the entries with the oldest last use are deleted. Several processes may use it
at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ganbench import files
from ganbench.errors import UserError

LIMIT = 5.0  # GB


class Entries(NamedTuple):
    """The number of entries, and their bytes."""

    number: int
    size: int


def home() -> Path:
    """The folder of the cache: `GANBENCH_CACHE`, or the platform's folder for caches."""
    return Path(os.environ.get("GANBENCH_CACHE") or platformdirs.user_cache_path("ganbench") / "features")


def limit() -> int:
    """Bytes that the cache may take: `GANBENCH_CACHE_GB`, by default 5; 0 keeps nothing."""
    given = os.environ.get("GANBENCH_CACHE_GB") or str(LIMIT)
    try:
        size = int(float(given) * 1e9)
    except (ValueError, OverflowError):
        size = -1
    if size < 0:
        raise UserError(f"GANBENCH_CACHE_GB={given}: write a number of gigabytes")
    return size


def key(*parts: Any) -> str:
    """The name of the entry that depends on `parts`, values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def get(key: str) -> dict[str, np.ndarray] | None:
    """The arrays of an entry, or None if it is missing or damaged."""
    path = _path(key)
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  a file is no dict
            recorded = (file.metadata() or {}).get("sha256")
        if recorded != _digest(key, arrays):
            return None
        os.utime(path)  # the time of its last use
    except (OSError, SafetensorError):
        return None
    return arrays


def put(key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under a key. If the cache cannot be written, a message on stderr says so, and nothing else changes."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if sum(array.nbytes for array in whole.values()) > limit():
        return
    path = _path(key)
    try:
        files.write(path, save(whole, {"sha256": _digest(key, whole)}))
        _shrink(path)
    except OSError as why:
        print(f"features are not kept, because {home()} cannot be written ({why.strerror})", file=sys.stderr)


def entries() -> Entries:
    """The size of the cache."""
    sizes = [stat.st_size for _, stat in _stats()]
    return Entries(len(sizes), sum(sizes))


def clear() -> Entries:
    """Delete every entry, and what killed processes left; returns the size of the entries before."""
    files.sweep(home())
    kept = _stats()
    for path, _ in kept:
        path.unlink(missing_ok=True)
    return Entries(len(kept), sum(stat.st_size for _, stat in kept))


def _path(key: str) -> Path:
    return home() / f"{key}.safetensors"


def _digest(key: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(key.encode())  # so that no entry passes under the name of another
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _stats() -> list[tuple[Path, os.stat_result]]:
    """Every entry with its size and age, without those that another process deletes meanwhile."""
    out = []
    for path in home().glob("[!.]*.safetensors"):
        with suppress(FileNotFoundError):
            out.append((path, path.stat()))
    return out


def _shrink(newest: Path) -> None:
    kept = sorted(_stats(), key=lambda entry: entry[1].st_mtime_ns)
    size = sum(stat.st_size for _, stat in kept)
    for path, stat in kept:
        if size <= limit():
            return
        if path != newest:
            path.unlink(missing_ok=True)
            size -= stat.st_size
