"""A folder of images, flat, nested or one folder per class."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ganbench.errors import UserError
from ganbench.samples import strangers
from ganbench.samples.encoded import HEAD, Encoded, sort_out, survey
from ganbench.samples.labels import LISTING, classes, listed_labels, require_one_set
from ganbench.samples.sets import MEMBER, Declared, SampleSet

FAULTS = (OSError,)
State = tuple[int, int, int]  # size, time of the last change, inode


def opens(path: Path, head: bytes) -> bool:
    """Whether `path` is a folder."""
    return path.is_dir()


def read(path: Path, declaration: Declared) -> SampleSet:
    """The images of a folder and of the folders in it, in the order of their names. Linked folders are not followed.

    Raises:
        UserError: what `survey` refuses, no plain file under an image's name, or a folder that changes meanwhile.
    """
    first_bytes = lru_cache(maxsize=None)(partial(head, path))
    names, ignored, others = sort_out(path, listing(path), first_bytes)
    require_one_set(path, names)
    if not names:
        _lead_on(path, others, first_bytes)
    states = {name: state(path, name) for name in names}
    for name, (size, *_) in states.items():
        if size > MEMBER:
            raise UserError(f"{path}: {name} has {size:,} bytes, too many for an image")

    def read(a: int, b: int) -> Iterator[bytes]:
        for name in names[a:b]:
            if state(path, name) != states[name]:
                raise UserError(f"{path}: {name} changed while it was read")
            try:
                data = (path / name).read_bytes()
            except OSError as error:
                raise UserError(f"{path}: {name} cannot be read ({error.strerror})") from None
            yield data

    labels = listed_labels(path, names, others, lambda name: (path / name).read_bytes())
    if labels is not None:
        others = [name for name in others if PurePosixPath(name).name != LISTING]
    labels = labels or classes(names)
    samples = survey(path.resolve().name, Encoded("folder", names, read, labels, ignored, tuple(others)))
    if sort_out(path, listing(path), first_bytes)[0] != names:
        raise UserError(f"{path}: images were added or removed during reading; score the folder when it is complete")
    return samples


def _lead_on(path: Path, others: list[str], first_bytes: Callable[[str], bytes]) -> None:
    """Say what the first file of a folder without images is, if its content or its name shows it.

    Raises:
        UserError: it does.
    """
    files = [name for name in others if first_bytes(name)]
    if not files or strangers.of_folder(files):
        return
    what = strangers.of_content(first_bytes(files[0])) or strangers.of_name(files[0])
    if what is not None:
        raise UserError(f"{path}: no images in this folder; {files[0]} is {what}")


def listing(path: Path) -> list[str]:
    """All files of a folder, by their path from the folder. Links to folders are among them, and end with a slash."""
    files: list[str] = []
    for where, folders, names in os.walk(path, onerror=_raise):
        inside = os.path.relpath(where, path)
        linked = [f"{name}/" for name in folders if Path(where, name).is_symlink()]
        files += [name if inside == "." else f"{inside}/{name}" for name in [*names, *linked]]
    return files


def head(path: Path, name: str) -> bytes:
    """The first bytes of a file of the folder; empty for what is no regular file, or cannot be read."""
    try:
        status = (path / name).stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:  # a file of the kernel has no size, and may block
            return b""
        with (path / name).open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _raise(error: OSError) -> NoReturn:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror})")


def state(path: Path, name: str) -> State:
    """A stamp that changes when a file of the folder changes.

    Raises:
        UserError: it is not a regular file, or out of reach.
    """
    try:
        status = (path / name).stat()
    except OSError as error:
        raise UserError(f"{path}: {name} cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: {name} is not a regular file")
    return status.st_size, status.st_mtime_ns, status.st_ino
