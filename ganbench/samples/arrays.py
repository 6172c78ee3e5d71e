"""`.npy`, `.npz` and safetensors: each header is compared with the size of its file, then rows are read block by block.

`.npz`, the usual form for samples of generators, is written by this module too.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from ganbench import files
from ganbench.errors import UserError
from ganbench.samples.archive import ZIP_FAULTS, bounded
from ganbench.samples.preflight import several
from ganbench.samples.sets import HELD, WAVES, Declared, SampleSet, content_hash
from ganbench.samples.stack import Stack
from ganbench.samples.tensors import Raw, read_raw

NPY = b"\x93NUMPY"
MOMENTS, SPATIAL = ("mu", "sigma"), ("mu_s", "sigma_s")  # names of mean and covariance; ADM's files have both pairs
STATISTICS = (("mean", "cov"), ("mean", "covariance"), ("mean", "sigma"), ("mu", "cov"), ("m", "s"), ("means", "covs"))
SAMPLES, LABELS = ("arr_0", "images", "samples"), ("arr_1", "labels")
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
LARGEST = 1e100  # of mu and sigma; the square of a larger number is too near to the end of the numbers
ROUNDING = 1e-6  # part of the trace by which the eigenvalues of a covariance may be negative
CARRIED = {  # further arrays of a file, the kinds of their numbers, and how many dimensions they can have
    "features": ("f", (2,)),
    "logits": ("f", (2, 3)),
    "disturbed": ("f", (2,)),
    "discriminator": ("f", (2,)),
    "condition": ("iu", (1,)),
}
DTYPES = {"U8": "u1", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8", "F16": "f2", "F32": "f4", "F64": "f8"}
FAULTS = (*ZIP_FAULTS, SafetensorError)


def opens(path: Path, head: bytes) -> bool:
    """Whether the first bytes of a file are those of `.npy`, `.npz` or safetensors."""
    return _form(path, head) is not None


def _form(path: Path, head: bytes) -> tuple[str, Callable[[Path, ExitStack], dict[str, Raw]]] | None:
    if head.startswith(NPY):
        return ".npy", lambda path, opened: {
            "arr_0": _npy(path.name, opened.enter_context(path.open("rb")), path.stat().st_size)
        }
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
        return (".npz", _npz) if names and all(name.endswith(".npy") for name in names) else None
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size - 8:
        return "safetensors", _safetensors
    return None


def read(path: Path, declaration: Declared) -> SampleSet:
    """Samples under `arr_0`, `images` or `samples`, or in the only array of the file; labels under `arr_1` or `labels`.

    Two more things are read: the manifest (`.json`) beside an `.npz` that ganbench wrote, and the arrays of `ganbench
    embed`.

    Raises:
        UserError: an array whose images or points are not certain, or a manifest of other samples.
    """
    with path.open("rb") as file:
        recognised = _form(path, file.read(16))
    assert recognised is not None
    form, contents = recognised
    with ExitStack() as opened:
        samples = _read(path, declaration, form, contents(path, opened))
        if isinstance(samples.x, Stack):
            samples.x.owns(opened.pop_all())
    return samples


def _read(path: Path, declaration: Declared, form: str, arrays: dict[str, Raw]) -> SampleSet:
    names = [name for name in SAMPLES if name in arrays] or (list(arrays) if len(arrays) == 1 else [])
    moments, spatial = (
        _moments(path, arrays, *pair) if arrays.keys() >= set(pair) else None for pair in (MOMENTS, SPATIAL)
    )
    if moments is not None and not names:
        return _statistics(path, moments).with_(spatial=spatial)
    if len(names) != 1:
        other = next((pair for pair in STATISTICS if set(pair) <= arrays.keys()), None)
        if other:
            raise UserError(
                f"{path}: holds {', '.join(arrays)}; statistics are read under the names mu and sigma: "
                f"np.savez(FILE, mu={other[0]}, sigma={other[1]})"
            )
        raise UserError(
            f"{path}: holds {', '.join(arrays) or 'nothing'}, but samples are expected under one of "
            + ", ".join(f"'{name}'" for name in SAMPLES)
        )
    batches = [name for name in arrays if re.fullmatch("arr_[0-9]+", name)]
    if len(batches) > 1 and len(arrays["arr_1"].shape) > 1 and arrays["arr_1"].shape[1:] == arrays["arr_0"].shape[1:]:
        raise UserError(
            f"{path}: {several(batches, len(batches))} are batches; join them: np.savez(FILE, np.concatenate(batches))"
        )
    labels = next((_whole(path, arrays, name) for name in LABELS if name in arrays and name != names[0]), None)
    carried = {name: _whole(path, arrays, name) for name in CARRIED if name in arrays and name != names[0]}
    unread = [
        name
        for name, raw in arrays.items()
        if name not in (*names, *LABELS, *CARRIED)
        and raw.dtype.kind in "iu"
        and raw.shape == arrays[names[0]].shape[:1]
    ]
    hint = f"{', '.join(unread)} has a number per sample and is not read: labels are read under arr_1 or labels"
    warnings = [hint] if unread and labels is None else []
    manifest = _manifest(path) if form == ".npz" else {}
    if declaration.layout is None and manifest.get("layout") is not None:
        declaration = declaration._replace(layout=manifest["layout"])
    samples = read_raw(path.name, form, arrays[names[0]], labels, declaration, warnings=warnings)
    for name, array in carried.items():
        kinds, dimensions = CARRIED[name]
        if array.dtype.kind not in kinds or array.ndim not in dimensions:
            raise UserError(f"{path}: {name} is {array.dtype} of shape {array.shape}; make this file again")
        if name != "discriminator" and len(array) != len(samples.x):
            raise UserError(f"{path}: {name} has {len(array):,} rows for {len(samples.x):,} samples")
    if manifest.get("reason") and len(samples.x):
        raise UserError(
            f"{path.with_suffix('.json')}: this file says why there are no samples, but there are {len(samples.x):,}; "
            "remove this file"
        )
    if manifest.get("sha256", samples.manifest["sha256"]) != samples.manifest["sha256"]:
        raise UserError(f"{path.with_suffix('.json')}: this file does not describe {path.name}; remove this file")
    others = carried if labels is None else carried | {"arr_1": labels}
    for name, recorded in manifest.get("hashes", {}).items():
        if name not in others or content_hash(others[name]) != recorded:
            raise UserError(f"{path} is damaged: {name} is not what its manifest records; make this file again")
    report = manifest.pop("found", {}) | {
        name: fact for name, fact in samples.manifest["found"].items() if name not in Words.model_fields
    }
    whole = samples.manifest | manifest | {"found": samples.manifest["found"] | report}
    return samples.with_(manifest=whole, moments=moments, spatial=spatial, **carried)


def _statistics(path: Path, moments: np.ndarray) -> SampleSet:
    """A set that has only statistics."""
    manifest = {"name": path.name, "sha256": content_hash(moments)}
    return SampleSet(np.empty((0, moments.shape[1]), np.float32), None, manifest, moments=moments)


def _moments(path: Path, arrays: dict[str, Raw], mean: str, covariance: str) -> np.ndarray:
    """Mean and covariance of a reference's features, in the form that clean-fid, pytorch-fid and torch-fidelity save.

    Returns:
        float64 `[1 + d, d]`: the mean, then the covariance.
    """
    mu, sigma = _whole(path, arrays, mean), _whole(path, arrays, covariance)
    d = len(mu)
    if mu.shape != (d,) or sigma.shape != (d, d) or {mu.dtype.kind, sigma.dtype.kind} != {"f"} or not d:
        raise UserError(
            f"{path}: {mean} is {mu.dtype} of shape {mu.shape}, and {covariance} is {sigma.dtype} of shape {sigma.shape}; "
            "floats of shape [d] and [d, d] are expected"
        )
    moments = np.concatenate([mu[None], sigma]).astype(np.float64)
    if not np.isfinite(moments).all() or not np.allclose(sigma, sigma.T):
        raise UserError(f"{path}: {covariance} is not a covariance: it is not symmetric, or has NaN or infinite values")
    if np.abs(moments).max() > LARGEST:
        raise UserError(f"{path}: {mean} or {covariance} has values beyond {LARGEST:g}, so no score is defined")
    try:
        np.linalg.cholesky(moments[1:] + max(ROUNDING * np.trace(sigma), np.finfo(float).tiny) * np.eye(d))
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(moments[1:])[0])
        raise UserError(
            f"{path}: {covariance} has an eigenvalue of {least:g}, so it is no covariance; save np.cov(features, rowvar=False)"
        ) from None
    return moments


class Words(BaseModel):
    """What the pre-flight report of a set says beyond the facts that its samples show."""

    form: str = ""
    labels: str = ""
    classes: dict[str, str] = {}
    files: dict[str, int] = {}
    ignored: int = 0
    warnings: list[str] = []


class Manifest(BaseModel):
    """The fields of a manifest that ganbench acts on. A file may have other fields, and may lack each of these."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    sha256: str = ""
    hashes: dict[str, str] = {}
    found: Words = Words()
    reason: str | None = None
    dataset: str = ""
    layout: Literal["ntc"] | None = None
    features: dict[str, Any] = {}


def _manifest(path: Path) -> dict[str, Any]:
    """The content of the manifest beside a file; empty without a manifest.

    Raises:
        UserError: it is no manifest.
    """
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        content = Manifest.model_validate(files.parse(files.read(beside)), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        why = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" if fault["loc"] else "no JSON object"
        raise UserError(f"{beside}: this file is not a manifest of {path.name} ({why}); remove this file") from None
    except ValueError as error:
        raise UserError(f"{beside}: this file is not a manifest of {path.name} ({error}); remove this file") from None
    return content.model_dump(exclude_unset=True)


def _whole(path: Path, arrays: dict[str, Raw], name: str) -> np.ndarray:
    raw = arrays[name]
    if not raw.shape:
        raise UserError(f"{path}: {name} is a single number, but an array is expected")
    return raw.fetch(0, raw.shape[0])


def _npz(path: Path, opened: ExitStack) -> dict[str, Raw]:
    archive = opened.enter_context(zipfile.ZipFile(path))
    plain = opened.enter_context(path.open("rb"))
    raws = {}
    for info in bounded(path, archive.infolist()):
        name = f"{path.name}: {info.filename}"
        member = opened.enter_context(archive.open(info))
        stored = _Stored(plain, _start(plain, info)) if info.compress_type == zipfile.ZIP_STORED else None
        raws[info.filename.removesuffix(".npy")] = _npy(name, member, info.file_size, stored)
    return raws


class _Stored(NamedTuple):
    """A member of a zip that is not compressed: the whole zip, and the byte at which the member starts."""

    file: IO[bytes]
    start: int


def _start(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """The first byte of a member: its header has a name and a further field of any length (PKWARE's APPNOTE, 4.3.7)."""
    file.seek(info.header_offset + 26)
    name, further = (int(length) for length in struct.unpack("<HH", file.read(4)))
    return info.header_offset + 30 + name + further


def _npy(name: str, file: IO[bytes], size: int, stored: _Stored | None = None) -> Raw:
    """The rows of a `.npy` that is `size` bytes long.

    The first pass reads `file`, so that a zip checks its sum. To go back, a zip would read a member again from its start; so
    rows that were passed are read from where the member is `stored`.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise UserError(f"{name}: .npy format {version} is not supported; save the array again with numpy.save")
    try:
        shape, fortran, dtype = HEADERS[version](file)
    except Exception as error:  # whatever Python's own parser says of hostile text, this is no header
        raise UserError(f"{name}: a broken header of .npy ({type(error).__name__}: {error})") from None
    if dtype.hasobject:
        raise UserError(f"{name}: an object array is a pickle, and pickles are never loaded; save numbers")
    row, offset = math.prod(shape[1:]) * dtype.itemsize, file.tell()
    if (shape[0] if shape else 1) * row != size - offset:
        raise UserError(f"{name}: its header claims shape {shape} of {dtype}, but {size - offset:,} bytes follow")
    if fortran and len(shape) > 1 and size > HELD:
        raise UserError(f"{name}: Fortran order splits the samples; save np.ascontiguousarray(x) instead")

    def fetch(a: int, b: int) -> np.ndarray:
        at = offset + a * row
        given, start = stored if stored is not None and at < file.tell() else (file, 0)
        given.seek(start + at)
        data = given.read((b - a) * row)
        if len(data) < (b - a) * row:
            raise EOFError(f"only {len(data):,} of {(b - a) * row:,} bytes")
        return np.frombuffer(data, dtype).reshape(b - a, *shape[1:])

    def fetch_fortran(a: int, b: int) -> np.ndarray:
        file.seek(offset)
        return np.frombuffer(file.read(size - offset), dtype).reshape(shape, order="F")[a:b]

    return Raw(shape, dtype, fetch_fortran if fortran and len(shape) > 1 else fetch, FAULTS)


def _safetensors(path: Path, opened: ExitStack) -> dict[str, Raw]:
    file = opened.enter_context(safe_open(path, framework="numpy"))
    tensors = {}
    for name in file.keys():  # noqa: SIM118 - it is no dict
        part = file.get_slice(name)
        kind = part.get_dtype()
        if kind not in DTYPES:
            raise UserError(f"{path}: tensor {name} is {kind}; save it as uint8 or float32")
        tensors[name] = Raw(tuple(part.get_shape()), np.dtype(DTYPES[kind]), _slicer(part), FAULTS)
    return tensors


def _slicer(part: Any) -> Callable[[int, int], np.ndarray]:
    return lambda a, b: part[a:b]


def write(path: Path, samples: SampleSet) -> None:
    """Write a sample set as `.npz`, and beside it its manifest as `.json`: the set's content and origin, and all hashes."""
    if path.suffix != ".npz":
        raise UserError(f"{path}: a sample set is written as .npz")
    x = samples.x
    others = ({} if samples.y is None else {"arr_1": samples.y}) | samples.further()
    facts = {"n": len(x), "shape": list(x.shape[1:]), "dtype": str(x.dtype), "sha256": content_hash(x)}
    facts |= {"layout": WAVES} if x.ndim == 3 else {}
    facts["hashes"] = {name: content_hash(array) for name, array in others.items()}
    files.write(path.with_suffix(".json"), json.dumps(samples.manifest | facts, indent=1) + "\n")
    with files.replacing(path) as file:  # last: a sample set that is there has its manifest
        np.savez(file, allow_pickle=False, **({"arr_0": np.asarray(x)} | others))
