"""A submission: one zip with the scores of a third-party row, their protocol, all hashes, and the samples or their address.

    submission.json    what the row is, and the scores of each sample set
    samples-0.npz      the sample set that is scored for seed 0 of the board; none if the set has an address

The file comes from a stranger. No name in it is used as a path, no pickle is loaded, and sizes are limited before anything is
read. The same content makes the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ganbench import files, samples
from ganbench.boards.checks import NAMES, ROW_NAME, TAKEN
from ganbench.errors import UserError
from ganbench.samples import SampleSet, content_hash
from ganbench.samples.archive import ZIP_FAULTS, bounded
from ganbench.samples.sets import HELD
from ganbench.scoring import Result

FOLDER = "submissions"  # in the folder of a published board
FORMAT: Literal[1] = 1
SUFFIX = ".zip"
LARGEST = 10_000_000  # bytes of a submission; larger sample sets are given by address
RECORD, LARGEST_RECORD = "submission.json", 2**22
DEEPEST = 20  # lists and mappings inside each other, in the record
LONGEST = 200  # characters of a text
MEMBER = re.compile(r"samples-\d{1,9}\.npz")
ARRAY = "arr_0"
ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,290}")  # with no character that Markdown reads
HASH = re.compile(r"[0-9a-f]{64}")


Part = TypeVar("Part", bound="About")


def _matches(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(what)
        return text

    return check


def _is_row(text: str) -> str:
    if not ROW_NAME.fullmatch(text):
        raise ValueError(f"this cannot be the name of a row: {NAMES}")
    if text in TAKEN:
        raise ValueError(f"'{text}' is the name of a control; choose another name")
    return text


def _is_line(text: str) -> str:
    if not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"this must be one line of 1 to {LONGEST} printable characters")
    return text


Address = Annotated[str, AfterValidator(_matches(ADDRESS, "this must be an address: https://..., without spaces"))]
Digest = Annotated[str, AfterValidator(_matches(HASH, "this must be a SHA-256 of 64 hexadecimal digits"))]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScoredSet(_Strict):
    """A sample set and its scores."""

    seed: int = Field(ge=0, lt=2**63, description="the board's seed whose reference the set is scored against")
    trained_with: int = Field(ge=0, lt=2**63, description="the seed of the training, as its author says")
    url: Address | None = Field(
        None, description="where the file of the samples lies, unless they are in the submission"
    )
    file: Digest | None = Field(None, description="SHA-256 of this file")
    scores: Result


class About(_Strict):
    """What a third-party row is."""

    board: str
    dataset: str
    data: str = Field(description="version of the dataset")
    row: Annotated[str, AfterValidator(_is_row)]
    model: Annotated[str, AfterValidator(_is_line)]
    source: Address | None = Field(None, description="a paper, or code")
    ganbench: str = Field(description="the version that made the scores")

    @property
    def file_name(self) -> str:
        """The name of the file in the folder of submissions. A row has one file per dataset."""
        return f"{self.row}-{self.dataset}{SUFFIX}"


class Submission(About):
    """A third-party row of a dataset of a board, with its scores."""

    format: Literal[1] = FORMAT
    sets: list[ScoredSet]


def validated(kind: type[Part], content: Mapping[str, Any], where: str) -> Part:
    """A submission, or what it is, from its fields.

    Args:
        kind: `Submission` or `About`.
        content: the fields.
        where: what the message names as their place.

    Raises:
        UserError: a field is missing or wrong.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        raise UserError(f"{where}: {field}: {fault['msg'].removeprefix('Value error, ')}") from None


def pack(submission: Submission, sets: Mapping[int, SampleSet], path: Path) -> int:
    """Write a submission; returns its size in bytes.

    Args:
        submission: the record.
        sets: the sample sets that go into the file, by the board's seed: all sets without an address.
        path: the file, .zip.

    Raises:
        UserError: the file would be too large.
    """
    record = json.dumps(files.seal(submission.model_dump(mode="json")), indent=1, allow_nan=False) + "\n"
    members = {RECORD: record.encode()} | {_member(seed): _npz(given) for seed, given in sorted(sets.items())}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)  # with a fixed date
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, content)
    size = len(out.getvalue())
    if size > LARGEST or sum(map(len, members.values())) > HELD:
        raise UserError(
            f"{path}: the submission would have {size:,} bytes, and at most {LARGEST:,} are allowed; upload the files of the "
            "samples and name each address with --at"
        )
    files.write(path, out.getvalue())
    return size


def _member(seed: int) -> str:
    return f"samples-{seed}.npz"


def _npz(given: SampleSet) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **{ARRAY: np.asarray(given.x)})
    return out.getvalue()


def bare(given: SampleSet, name: str) -> SampleSet:
    """The samples of a set alone. Labels, features and all else that a stranger's file may carry are left out."""
    return SampleSet(given.x, None, {"name": name, "sha256": content_hash(given.x)})


def read(path: Path) -> Submission:
    """The record of a submission. The samples are not opened.

    Raises:
        UserError: the file is no submission, it is hostile, or it was changed after it was written.
    """
    with _opened(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if RECORD not in members or members[RECORD].file_size > LARGEST_RECORD:
            raise UserError(f"{path}: no submission: it has no {RECORD} of at most {LARGEST_RECORD:,} bytes")
        try:
            content = json.loads(archive.read(RECORD), parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}: {RECORD} cannot be read ({error})") from None
    if not isinstance(content, dict) or _depth(content) > DEEPEST:
        raise UserError(f"{path}: {RECORD} is not the record of a submission")
    if not files.is_sound(content):
        raise UserError(f"{path}: {RECORD} was changed or damaged: its digest is that of another record")
    content.pop(files.DIGEST, None)
    submission = validated(Submission, content, f"{path}: {RECORD}")
    inside = {_member(scored.seed) for scored in submission.sets if scored.url is None}
    if members.keys() != inside | {RECORD}:
        raise UserError(f"{path}: its sample sets are not those that {RECORD} names")
    if path.name != submission.file_name:
        raise UserError(f"{path}: the name of the file of this row is {submission.file_name}")
    return submission


def samples_of(path: Path, scored: ScoredSet, fetched: Mapping[str, Path]) -> SampleSet | None:
    """The samples of a set, without labels; None if they lie elsewhere and were not fetched.

    Args:
        path: the submission.
        scored: the set.
        fetched: files on this machine, by their SHA-256.

    Raises:
        UserError: the samples cannot be read, or the file holds more than samples.
    """
    name = f"{path.name}: {_member(scored.seed)}"
    if scored.url is not None:
        place = fetched.get(scored.file or "")
        return None if place is None else bare(samples.read(place), name)
    with _opened(path) as archive, TemporaryDirectory(prefix="ganbench-") as folder:
        place = Path(folder, "samples.npz")
        place.write_bytes(archive.read(_member(scored.seed)))
        try:
            with zipfile.ZipFile(place) as inner:
                members = bounded(place, inner.infolist())
                if [info.filename for info in members] != [f"{ARRAY}.npy"] or members[0].file_size > HELD:
                    raise UserError(f"an .npz with the array {ARRAY} alone is expected")
            return bare(samples.read(place), name)
        except (UserError, *ZIP_FAULTS) as error:
            raise UserError(f"{name}: {str(error).replace(f'{folder}/', '')}") from None


def by_hash(folder: Path | None) -> dict[str, Path]:
    """The files in a folder, by their SHA-256; none without a folder."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    return {file_hash(path): path for path in sorted(folder.iterdir()) if path.is_file()}


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip of a submission, whose members have the expected names and sizes."""
    if path.is_symlink() or not path.is_file() or path.suffix != SUFFIX:
        raise UserError(f"{path}: no submission: it is not a regular file {SUFFIX}")
    size = path.stat().st_size
    if size > LARGEST:
        raise UserError(f"{path}: no submission: it has {size:,} bytes, and at most {LARGEST:,} are allowed")
    try:
        with zipfile.ZipFile(path) as archive:
            members = bounded(path, archive.infolist())
            total = sum(info.file_size for info in members)
            if total > HELD:
                raise UserError(f"{path}: refused, {size:,} bytes claim to unpack to {total:,} bytes")
            for info in members:
                if info.filename != RECORD and not MEMBER.fullmatch(info.filename):
                    raise UserError(f"{path}: refused, {info.filename[:LONGEST]} has no place in a submission")
            yield archive
    except ZIP_FAULTS as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"it has the number {text}, and a score is finite")
    return float(text)


def _depth(content: Any) -> int:
    """How many lists and mappings are inside each other."""
    deepest, level = 0, [content]
    while level:
        inner = [part for part in level if isinstance(part, dict | list)]
        deepest += bool(inner)
        level = [value for part in inner for value in (part.values() if isinstance(part, dict) else part)]
    return deepest
