"""Sample sets: read in all the forms that users bring, written as `.npz` (`arr_0`, `arr_1`) with a manifest.

Each form is a file of this folder that follows `SampleForm`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ganbench.errors import UserError
from ganbench.samples import archive, arrays, folder, live, parquet, shards, strangers
from ganbench.samples.arrays import write
from ganbench.samples.rows import Rows, amount
from ganbench.samples.sets import (
    UNDECLARED,
    Declared,
    Range,
    SampleSet,
    alike,
    common_channels,
    content_hash,
    declared,
    in_channels,
)
from ganbench.samples.stack import Pixels, Stack

__all__ = [
    "UNDECLARED",
    "Declared",
    "Pixels",
    "Range",
    "Rows",
    "SampleForm",
    "SampleSet",
    "Stack",
    "alike",
    "amount",
    "common_channels",
    "content_hash",
    "declared",
    "in_channels",
    "read",
    "write",
]


class SampleForm(Protocol):
    """A module that reads one form of sample sets."""

    @property
    def FAULTS(self) -> tuple[type[Exception], ...]:
        """What `opens` and `read` may raise on a broken file."""

    def opens(self, path: Path, head: bytes) -> bool:
        """Whether `path` has this form. Its content decides, not its name: `head` is its first `HEAD` bytes."""

    def read(self, path: Path, declaration: Declared) -> SampleSet:
        """The sample set at `path`; a `UserError` if anything about it is uncertain."""


FORMS: tuple[SampleForm, ...] = (shards, folder, arrays, parquet, archive)
HEAD = 512  # bytes that a form is recognised by


def read(
    what: Path | Any, declaration: Declared = UNDECLARED, n: int | None = None, name: str = "samples"
) -> SampleSet:
    """Read a sample set from a path, or from Python: see `ganbench.samples.live`.

    Args:
        what: a folder, a file, an array, a tensor, an iterable of batches, or a function that draws.
        declaration: what the user declares about floats and layout.
        n, name: number and name of samples that come from Python; a path has its own.

    Returns:
        Images as uint8 `[n, H, W, C]`, grey images with one channel; points as float32 `[n, d]`; waves as float32
        `[n, T, C]`. Large sets stay on disk, see `Stack`. The manifest has the content hash `sha256` and, under `found`, what
        `samples.preflight` reports.

    Raises:
        UserError: there are no samples, their form is unknown, or their values are not certain.
    """
    if not isinstance(what, Path):
        return live.read(what, declaration, n, name)
    head = _head(what)
    for form in FORMS:
        try:
            if form.opens(what, head):
                return form.read(what, declaration)
        except form.FAULTS as error:
            raise UserError(f"{what}: cannot be read ({error})") from None
    why = strangers.of_file(what.name, head)
    raise UserError(f"{what}: {why}. Samples are a folder, zip or tar of images, .npz, .npy, safetensors or Parquet")


def _head(path: Path) -> bytes:
    """The first bytes of a file; empty for a folder.

    Raises:
        UserError: nothing is there, it may not be read, or it is a device or a pipe.
    """
    if path.is_dir():
        return b""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if not path.is_file():
        raise UserError(f"{path}: not a regular file")
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
