"""Writing: a file or a folder that has its name is whole, whenever the process was killed.

Content goes into a temporary file beside the file, reaches the disk, and then takes the file's name. The process holds a lock
on its temporary file. A temporary file without a holder was left by a killed process, and the next write into the folder
deletes it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

PARTIAL = ".partial-"  # the names of temporary files and folders begin with it
LOCK, NEW, OLD = "lock", "new", "old"  # in a temporary folder
DIGEST = "digest"  # the field of a JSON object with the SHA-256 of all other fields


def read(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: with the name of the file; also for a pipe or a device, which could have no end.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path.read_bytes()


def parse(content: bytes) -> Any:
    """The value of a JSON document.

    Raises:
        ValueError: it is no JSON, or more than JSON: a name twice in an object, a number that is not finite. The message
            completes the sentence "... is no such file, because ...".
    """
    try:
        return json.loads(content.decode(), parse_float=_finite, parse_constant=_finite, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise ValueError("it is not a text file") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"it has the number {text}, and a number must be finite")
    return float(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object of it has the name '{twice}' twice")
    return content


def write(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, and make the folders above it.

    Raises:
        OSError: with the name of the file, also if the disk is full.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the name `path` when the block ends. After an error `path` is as before.

    A device or a pipe has no content to keep, so it is written at once.

    Raises:
        OSError: with the name of the file, also if the disk is full.
    """
    target = Path(os.path.realpath(path))
    with _naming(path):
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as device:
                yield device
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        partial, file = _begin(target)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _settle(target.parent)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An error of the system names `path`, where it names no file or a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or PARTIAL in str(error.filename)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A temporary folder in `parent`, which is deleted when the block ends, or by `sweep` if the process is killed."""
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    place, lock = _begin_folder(parent, name)
    try:
        with lock:
            yield place
    finally:
        _discard(place)


def shared_scratch() -> AbstractContextManager[Path]:
    """A `scratch` in the folder of this machine for temporary files. Each start of a pipeline deletes those of killed ones."""
    return scratch(Path(tempfile.gettempdir()), "ganbench")


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """An empty folder that takes the place of the folder `path` when the block ends. After an error `path` is as before.

    Raises:
        OSError: with the name of the folder, or of a file outside of it; also if the disk is full.
    """
    with _naming(path), scratch(path.parent, path.name) as place:
        new, old = place / NEW, place / OLD
        new.mkdir()
        yield new
        settle(new)
        if path.exists():
            path.rename(old)  # a folder cannot be renamed onto a folder that is not empty
        new.rename(path)
        _settle(path.parent)


def settle(folder: Path) -> None:
    """Wait until a folder and all that is in it are on the disk."""
    for path in (*folder.rglob("*"), folder):
        _settle(path)


def seal(content: dict[str, Any]) -> dict[str, Any]:
    """The same JSON object with its digest, which `is_sound` checks."""
    return content | {DIGEST: _digest(content)}


def is_sound(content: dict[str, Any]) -> bool:
    """Whether a JSON object is what `seal` made. An object without a digest is older than digests, and passes."""
    return DIGEST not in content or content[DIGEST] == _digest(content)


def _digest(content: dict[str, Any]) -> str:
    facts = {name: value for name, value in content.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def sweep(folder: Path) -> None:
    """Delete the temporary files and folders that killed processes of this user left in `folder`.

    A process that was killed between the two renames of a folder has left only the old folder. It gets its name back.
    """
    for entry in folder.glob(f"{PARTIAL}*"):
        lock = entry / LOCK if entry.is_dir() else entry
        with suppress(OSError), lock.open("r+b") as file:  # a lock that is held, or another process sweeps too
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if entry.lstat().st_uid != os.geteuid():
                continue
            if entry.is_dir():
                _discard(entry)
            else:
                entry.unlink()


def _begin(target: Path) -> tuple[Path, IO[bytes]]:
    """A new temporary file beside `target` that this process holds. Its mode follows the umask."""
    while True:
        partial = target.parent / f"{PARTIAL}{secrets.token_hex(4)}-{target.name}"
        if len(os.fsencode(partial.name)) > os.pathconf(target.parent, "PC_NAME_MAX"):
            partial = partial.with_name(partial.name.partition("-")[0] + "-" + secrets.token_hex(8))
        file = partial.open("xb")
        _hold(file)
        if partial.exists():  # else another process has swept it before it was held
            return partial, file
        file.close()


def _begin_folder(parent: Path, name: str) -> tuple[Path, IO[bytes]]:
    """A new temporary folder in `parent`, and its lock, which this process holds."""
    while True:
        place = parent / f"{PARTIAL}{secrets.token_hex(4)}-{name}"
        place.mkdir()
        lock = (place / LOCK).open("xb")
        _hold(lock)
        if (place / LOCK).exists():
            return place, lock
        lock.close()


def _hold(file: IO[bytes]) -> None:
    """Lock a file until it is closed; wait for a process that sweeps. A file system without locks has no sweeping either."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)


def _discard(scratch: Path) -> None:
    """Delete a temporary folder; give the folder that it was to replace its name back if nothing has this name now."""
    place = scratch.parent / scratch.name.removeprefix(PARTIAL).partition("-")[2]
    if (scratch / OLD).exists() and not place.exists():
        (scratch / OLD).rename(place)
    shutil.rmtree(scratch, ignore_errors=True)


def _settle(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; a file system that cannot do it is left alone."""
    with suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
