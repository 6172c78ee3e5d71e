"""Small sets of images, and the files that they come in."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

GREY = np.random.default_rng(0).integers(0, 256, (12, 8, 7, 1), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (12, 8, 7, 3), dtype=np.uint8)
LABELS = np.repeat(np.arange(3), 4)


def png(image: np.ndarray) -> bytes:
    return file_of(Image.fromarray(image.squeeze()), "PNG")


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def members(x: np.ndarray, folders: bool) -> dict[str, bytes]:
    return {f"{LABELS[i]}/{i:02}.png" if folders else f"{i:02}.png": png(x[i]) for i in range(len(x))}


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def write_parquet(path: Path, images: list[bytes], plain: bool, labels: np.ndarray = LABELS) -> Path:
    column = images if plain else [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(images)]
    pq.write_table(pa.table({"image": column, "label": labels.tolist()}), path, row_group_size=5)
    return path


def webdataset(x: np.ndarray) -> dict[str, bytes]:
    files = {f"{i:02}.png": png(x[i]) for i in range(len(x))}
    return files | {f"{i:02}.cls": str(LABELS[i]).encode() for i in range(len(x))}


def write_shards(path: Path, x: np.ndarray, suffix: str) -> Path:
    """Three files of five, five and two images, labelled."""
    path.mkdir()
    for i, start in enumerate(range(0, len(x), 5)):
        rows = slice(start, start + 5)
        shard = path / f"train-{i:05}-of-00003{suffix}"
        if suffix == ".tar":
            keys = {f"{k:02}" for k in range(len(x))[rows]}
            write_tar(shard, {name: data for name, data in webdataset(x).items() if name.partition(".")[0] in keys})
        else:
            write_parquet(shard, [png(p) for p in x[rows]], False, LABELS[rows])
    return path
