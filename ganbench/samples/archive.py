"""A zip or a tar of images, also webdataset's.

It is read without unpacking. Names of members are never used as paths.
"""

from __future__ import annotations

import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from ganbench.errors import UserError
from ganbench.samples.encoded import HEAD, Encoded, sort_out, survey
from ganbench.samples.labels import LISTING, Labels, classes, listed_labels, require_one_set
from ganbench.samples.sets import ENOUGH, RATIO, Declared, SampleSet
from ganbench.samples.stack import Stack

LABEL = ".cls"  # webdataset: `key.cls` is the class of `key.png`, as text
LABEL_BYTES = 32
# What zipfile raises on broken bytes.
ZIP_FAULTS = (OSError, EOFError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
FAULTS = (*ZIP_FAULTS, tarfile.TarError)


class Member(NamedTuple):
    """A file in a tar: where its bytes are."""

    offset: int
    size: int


def opens(path: Path, head: bytes) -> bool:
    """Whether a file is a zip or an uncompressed tar."""
    return _is_zip(path, head) or _is_tar(head)


def _is_zip(path: Path, head: bytes) -> bool:
    return head.startswith(b"PK") and zipfile.is_zipfile(path)


def _is_tar(head: bytes) -> bool:
    if len(head) < tarfile.BLOCKSIZE:
        return False
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")  # has a checksum
    except tarfile.HeaderError:
        return False
    return True


def read(path: Path, declaration: Declared) -> SampleSet:
    """The images of an archive, in the order of their names.

    Labels come from class folders, or from webdataset's `.cls`.

    Raises:
        UserError: links, names that climb out of the archive, a bomb, and whatever `survey` refuses.
    """
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    if not _is_zip(path, head):
        return survey(path.name, tar(path))
    with ExitStack() as opened:
        samples = survey(path.name, _zip(path, opened.enter_context(zipfile.ZipFile(path))))
        if isinstance(samples.x, Stack):
            samples.x.owns(opened.pop_all())
    return samples


def checked(path: Path, name: str) -> str:
    """The name of a member. A name that leads out of the archive is refused."""
    if not name or name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts or "\0" in name:
        raise UserError(f"{path}: refused, a member's name is empty or leads out of the archive: {name}")
    return name


def bounded(path: Path, members: Sequence[zipfile.ZipInfo]) -> Sequence[zipfile.ZipInfo]:
    """The members of a zip, if there is no link, no encrypted member and no decompression bomb."""
    for info in members:
        checked(path, info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UserError(f"{path}: refused, {info.filename} is a link")
        if info.flag_bits & 1:
            raise UserError(f"{path}: {info.filename} is encrypted; decrypt the archive first")
    twice = [name for name, count in Counter(info.filename for info in members).items() if count > 1]
    if twice:
        raise UserError(f"{path}: two members are called {twice[0]}")
    total, size = sum(info.file_size for info in members), path.stat().st_size
    if total > max(ENOUGH, RATIO * size):
        raise UserError(f"{path}: refused, a decompression bomb: {size:,} bytes claim to unpack to {total:,} bytes")
    return members


def _zip(path: Path, archive: zipfile.ZipFile) -> Encoded:
    members = {info.filename: info for info in bounded(path, archive.infolist()) if not info.is_dir()}
    if any(PurePosixPath(name).name == "data.pkl" for name in members):
        raise UserError(f"{path}: a PyTorch pickle; pickles are never loaded; save the samples as .npz or safetensors")

    def head(name: str) -> bytes:
        with archive.open(members[name]) as member:
            return member.read(HEAD)

    names, ignored, others = sort_out(path, members, head)
    require_one_set(path, names)

    def read(a: int, b: int) -> Iterator[bytes]:
        return (archive.read(members[name]) for name in names[a:b])

    labels = listed_labels(path, names, others, lambda name: archive.read(members[name]))
    if labels is not None:
        others = [name for name in others if PurePosixPath(name).name != LISTING]
    return Encoded("zip", names, read, labels or classes(names), ignored, tuple(others), FAULTS)


def tar(path: Path) -> Encoded:
    """The images of a tar, in the order of their names."""
    members, state = _members(path), _state(path)

    def content(name: str, most: int = -1) -> bytes:
        with path.open("rb") as file:
            file.seek(members[name].offset)
            return file.read(members[name].size if most < 0 else min(most, members[name].size))

    names, ignored, others = sort_out(path, members, lambda name: content(name, HEAD))
    require_one_set(path, names)

    def read(a: int, b: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            if _state(path) != state:
                raise OSError("another size or time")
            for name in names[a:b]:
                file.seek(members[name].offset)
                yield file.read(members[name].size)

    labels = listed_labels(path, names, others, content)
    if labels is not None:
        others = [name for name in others if PurePosixPath(name).name != LISTING]
    labelled = [name for name in others if name.endswith(LABEL)]
    if labelled:
        y = _webdataset(path, names, {_key(name): members[name] for name in labelled})
        labels = Labels(y, "webdataset's .cls")
        others = [name for name in others if name not in set(labelled)]
    return Encoded("tar", names, read, labels or classes(names), ignored, tuple(others), FAULTS)


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _members(path: Path) -> dict[str, Member]:
    """The files in a tar, and where they are."""
    members: dict[str, Member] = {}
    size, last = path.stat().st_size, -1
    with tarfile.open(path, "r:") as archive:
        while info := archive.next():
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
            if info.offset <= last or info.size < 0:  # a negative size leads back, and round in circles
                raise UserError(f"{path}: a broken tar: its members overlap")
            last = info.offset
            name = checked(path, info.name)
            if info.isdir():
                continue
            if not info.isreg() or info.sparse is not None:
                raise UserError(f"{path}: refused, {name} is a link, a device or a sparse file")
            if info.offset_data + info.size > size:
                raise UserError(f"{path}: truncated, {name} ends after the file does")
            if name in members:
                raise UserError(f"{path}: two members are called {name}")
            members[name] = Member(info.offset_data, info.size)
    return members


def _key(name: str) -> str:
    """webdataset's key: the name up to the first dot of its last part."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _webdataset(path: Path, names: list[str], classes_of: dict[str, Member]) -> np.ndarray:
    labels = np.empty(len(names), np.int64)
    with path.open("rb") as file:
        for i, name in enumerate(names):
            member = classes_of.get(_key(name))
            if member is None:
                raise UserError(f"{path}: {name} has no {_key(name)}{LABEL}, but other images have a class")
            file.seek(member.offset)
            text = file.read(min(member.size, LABEL_BYTES))
            try:
                labels[i] = int(text)
            except (ValueError, OverflowError):
                raise UserError(f"{path}: {_key(name)}{LABEL} is not a class number: {text!r}") from None
    return labels
