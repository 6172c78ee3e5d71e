"""Sample sets on disk: the field's `.npz` (`arr_0`, `arr_1`) with a manifest beside it, and the forms that users bring."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganbench.errors import UserError

PICTURES = {".png", ".webp", ".jpg", ".jpeg", ".bmp"}


class SampleSet(NamedTuple):
    """Samples, their labels, where they come from, and their embedding where it was computed before."""

    x: np.ndarray  # uint8 [n, H, W, C], or float32 [n, d] for points
    y: np.ndarray | None  # int64 [n]
    manifest: dict[str, Any]
    features: np.ndarray | None = None  # float32 [n, d]
    logits: np.ndarray | None = None  # float32 [n, K]
    discriminator: np.ndarray | None = None  # float64 [g, 2]: places on the line and D there, for one dimension
    disturbed: np.ndarray | None = None  # float32 [n, d], features of the images after `scoring.disturbed`


FURTHER = SampleSet._fields[3:]  # what a set may carry beside its samples, under these names in the file


def content_hash(x: np.ndarray) -> str:
    """SHA-256 over dtype, shape and bytes."""
    head = f"{x.dtype.str}{x.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(x).tobytes()).hexdigest()


def write(path: Path, samples: SampleSet) -> None:
    """Write a sample set as `.npz`, and its manifest beside it as `.json`: what it holds and where it came from."""
    if path.suffix != ".npz":
        raise UserError(f"--out {path}: a sample set is written as .npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    x, y, about, *further = samples
    arrays = {"arr_0": x, "arr_1": y} | dict(zip(FURTHER, further, strict=True))
    np.savez(path, allow_pickle=False, **{k: v for k, v in arrays.items() if v is not None})
    manifest = about | {"n": len(x), "shape": list(x.shape[1:]), "dtype": str(x.dtype), "sha256": content_hash(x)}
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")


def read(path: Path) -> SampleSet:
    """Read a folder of images, an `.npz` or an `.npy`.

    Images come out as uint8 `[n, H, W, C]`, grey ones with one channel; points as float32 `[n, d]`.

    Raises:
        UserError: nothing there, or something of which the pixel values are not certain (floats, alpha, mixed sizes).
    """
    if path.is_dir():
        return SampleSet(_folder(path), None, {"name": path.name})
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    manifest_path = path.with_suffix(".json")
    manifest = json.loads(manifest_path.read_text()) if manifest_path.is_file() and path.suffix == ".npz" else {}
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                arrays = dict(loaded)
        else:
            arrays = {"arr_0": loaded}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable .npz or .npy of numbers ({error})") from None
    if "arr_0" not in arrays:
        raise UserError(f"{path}: holds {', '.join(arrays) or 'nothing'}, but samples are expected under 'arr_0'")
    x, y = _canonical(arrays["arr_0"], path), arrays.get("arr_1")
    if y is not None and y.shape != (len(x),):
        raise UserError(f"{path}: labels arr_1 have shape {y.shape}, one per sample would be ({len(x)},)")
    return SampleSet(x, y, {"name": path.name} | manifest, *map(arrays.get, FURTHER))


def of_array(x: np.ndarray, name: str) -> SampleSet:
    """Images uint8 `[n, H, W]` or `[n, H, W, C]`, or points float `[n, d]`, as a sample set."""
    return SampleSet(_canonical(x, name), None, {"name": name})


def _canonical(x: np.ndarray, path: Path | str) -> np.ndarray:
    if x.ndim == 2 and x.dtype.kind == "f":
        return x.astype(np.float32, copy=False)
    if x.ndim == 3 and x.dtype == np.uint8:
        x = x[..., None]
    if x.dtype != np.uint8 or x.ndim != 4:
        raise UserError(
            f"{path}: {x.dtype} of shape {x.shape}; images are uint8 [n, H, W, C] (convert floats in [-1, 1] with "
            "round((x + 1) * 127.5)), points are floats [n, d]"
        )
    if x.shape[3] not in (1, 3):
        raise UserError(f"{path}: {x.shape[3]} channels in the last axis; images are [n, H, W, 1 or 3]")
    return x


def _folder(path: Path) -> np.ndarray:
    from PIL import Image

    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
    if not files:
        raise UserError(f"{path}: no images ({', '.join(sorted(PICTURES))}) in this folder")
    pictures = []
    for file in files:
        try:
            with Image.open(file) as image:
                if image.mode not in ("L", "RGB"):
                    raise UserError(f"{file}: mode {image.mode}; save the samples as 8-bit grey or RGB without alpha")
                pictures.append(np.asarray(image))
        except OSError as error:
            raise UserError(f"{file}: not a readable image ({error})") from None
        if pictures[-1].shape != pictures[0].shape:
            raise UserError(
                f"{file}: shape {pictures[-1].shape}, but {files[0]} has {pictures[0].shape}; all must be alike"
            )
    return _canonical(np.stack(pictures), path)
