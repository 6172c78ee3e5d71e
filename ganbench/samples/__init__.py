"""Sample sets: read in all the forms that users bring, written as the field's `.npz` (`arr_0`, `arr_1`) with a manifest.

A form is a file of this folder with `opens(path, head)`, which tells it by what it is and not by its name, and
`read(path, declared)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganbench.errors import UserError
from ganbench.samples import archive, arrays, folder, live, parquet, shards
from ganbench.samples.arrays import write
from ganbench.samples.sets import Declared, Rows, SampleSet, alike, content_hash, declared
from ganbench.samples.stack import Pixels, Stack

__all__ = ["Declared", "Pixels", "Rows", "SampleSet", "Stack", "alike", "content_hash", "declared", "read", "write"]

FORMS = (shards, folder, arrays, parquet, archive)
UNDECLARED = Declared()
HEAD = 512  # bytes by which a file is told
STRANGERS = {
    b"\x80": "a pickle, which is never loaded; save the samples as .npz or safetensors",
    b"\x1f\x8b": "compressed with gzip, in which no sample can be found without unpacking; gunzip it first",
    b"\x89PNG": "a single image; give the folder that it is in",
    b"\xff\xd8": "a single image; give the folder that it is in",
    b"RIFF": "a single image; give the folder that it is in",
}


def read(what: Path | Any, known: Declared = UNDECLARED, n: int | None = None, name: str = "samples") -> SampleSet:
    """Read a sample set from a path, or from Python: see `ganbench.samples.live`.

    Args:
        what: a folder, a file, an array, a tensor, an iterable of batches, or a function that draws.
        known: what is declared of floats and layout.
        n, name: of what comes from Python; a path has its own.

    Returns:
        Images as uint8 `[n, H, W, C]`, grey ones with one channel; points as float32 `[n, d]`. Large sets stay on disk,
        see `Stack`. The manifest has the content hash `sha256` and, under `found`, what `ganbench.preflight` reports.

    Raises:
        UserError: nothing there, nothing known, or something of which the values are not certain.
    """
    if not isinstance(what, Path):
        return live.read(what, known, n, name)
    head = _head(what)
    for form in FORMS:
        try:
            if form.opens(what, head):
                return form.read(what, known)
        except form.FAULTS as error:
            raise UserError(f"{what}: cannot be read ({error})") from None
    unknown = "no form that is known" if head else "an empty file"
    why = next((why for start, why in STRANGERS.items() if head.startswith(start)), unknown)
    raise UserError(f"{what}: {why}. Samples are a folder, zip or tar of images, .npz, .npy, safetensors or Parquet")


def _head(path: Path) -> bytes:
    """The first bytes of a file; of a folder none.

    Raises:
        UserError: nothing there, or not for us, or a device or a pipe.
    """
    if path.is_dir():
        return b""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if not path.is_file():
        raise UserError(f"{path}: no regular file")
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
