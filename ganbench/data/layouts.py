"""Data of the papers in their published layouts: what the user downloaded and unpacked becomes a dataset of the user's own.

None of these data can be passed on by ganbench, and some of them need a registration. So `ganbench data import NAME FOLDER`
reads a folder that the user has. The content names and pins the dataset, as for all data of users. Pictures are read one at a
time and written one at a time, so a set can be larger than the memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ganbench.data import own
from ganbench.data.folder import SPLITS, file_of_conditions
from ganbench.errors import UserError, choose

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


class Stream(NamedTuple):
    """Pictures that are made one after the other."""

    n: int
    pictures: Callable[[], Iterator[np.ndarray]]  # uint8 [H, W, C] each, all of one shape


class Part(NamedTuple):
    """A split."""

    x: Stream
    y: np.ndarray | None = None  # int64 [n]
    conditions: Stream | None = None
    paired: bool = True


class Layout(NamedTuple):
    """A published layout."""

    about: str
    card: dict[str, str]  # licence, citation, notes
    read: Callable[[Path], tuple[Part, Part]]  # of the unpacked folder: what to train with, and what is held out


def add(layout: str, path: Path) -> str:
    """Write the data in `path` as a dataset, and return its name.

    Raises:
        UserError: no layout has this name, or the folder does not have the layout.
    """
    chosen = LAYOUTS[choose(layout, LAYOUTS, "layout")]
    try:
        parts = chosen.read(path)
    except FileNotFoundError as error:
        missing = Path(error.filename).relative_to(path)
        raise UserError(
            f"{path}: this folder has no {missing}; {layout} is read from the unpacked download of {own.PAPERS[layout]}"
        ) from None
    return own.keep(layout, lambda new: _write(new, chosen, parts) | {"url": own.PAPERS[layout]})


def _write(new: Path, layout: Layout, parts: tuple[Part, Part]) -> dict[str, Any]:
    """Write the arrays of a dataset into the folder `new`; facts for its card."""
    for split, part in zip(SPLITS, parts, strict=True):
        _save(new / f"{split}.npy", part.x)
        np.save(new / f"{split}_labels.npy", np.full(part.x.n, -1) if part.y is None else part.y.astype(np.int64))
        if part.conditions is not None:
            _save(new / file_of_conditions(split, part.paired), part.conditions)
    train = np.load(new / "train.npy", mmap_mode="r")
    kept = new / file_of_conditions("train", parts[0].paired)
    condition = {"condition": list(np.load(kept, mmap_mode="r").shape[1:])} if kept.is_file() else {}
    classes = 0 if parts[0].y is None else int(max(part.y.max() for part in parts if part.y is not None)) + 1
    sizes = {"train": parts[0].x.n, "test": parts[1].x.n, "shape": list(train.shape[1:]), "dtype": "uint8"}
    return sizes | {"about": layout.about, "classes": classes} | condition | layout.card


def _save(path: Path, stream: Stream) -> None:
    """Write pictures one at a time."""
    pictures = stream.pictures()
    first = next(pictures)
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (stream.n, *first.shape))
    for i, picture in enumerate(chain([first], pictures)):
        if picture.shape != first.shape:
            raise UserError(f"picture {i} has the shape {list(picture.shape)}, but the first has {list(first.shape)}")
        out[i] = picture
    out.flush()


def _listed(folder: Path) -> list[Path]:
    """The pictures in a folder and below it, in the order of their names.

    Raises:
        FileNotFoundError: there is no such folder, or it has no picture.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(2, "no picture", str(folder / "*.jpg"))
    return files


def _decoded(files: Sequence[Path], treat: Callable[[Any, int], Any] = lambda image, i: image) -> Stream:
    """Pictures in files, in colour. `treat` gets an image of Pillow and its number, and returns an image."""
    from PIL import Image

    def pictures() -> Iterator[np.ndarray]:
        for i, file in enumerate(files):
            try:
                with Image.open(file) as image:
                    yield np.asarray(treat(image.convert("RGB"), i))
            except OSError as error:
                raise UserError(f"{file}: the picture cannot be read ({error})") from None

    return Stream(len(files), pictures)


def _square(side: int, crop: int | None = None) -> Callable[[Any, int], Any]:
    """The central square of an image, `crop` pixels wide or as large as possible, reduced to `side` pixels (bicubic)."""

    def treat(image: Any, i: int) -> Any:
        width = crop or min(image.size)
        left, top = ((length - width) // 2 for length in image.size)
        return image.crop((left, top, left + width, top + width)).resize((side, side), BICUBIC)

    return treat


BICUBIC = 3  # Pillow's number for it


class _Batch(pickle.Unpickler):
    """Unpickles a batch of CIFAR-10: arrays, and nothing that could run code."""

    _allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise UserError(f"a batch of CIFAR-10 asks for {module}.{name}, which is no part of an array")
        return self._allowed[module, name]


def cifar10(root: Path) -> tuple[Part, Part]:
    """The five batches to train with, and the test batch: rows of 3,072 bytes, first all red, then all green, all blue."""

    def part(names: list[str]) -> Part:
        x, y = [], []
        for name in names:
            with (root / name).open("rb") as file:
                batch = _Batch(file, encoding="bytes").load()
            x.append(batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            y += batch[b"labels"]
        return Part(Stream(len(y), lambda: chain.from_iterable(x)), np.array(y))

    return part([f"data_batch_{i}" for i in range(1, 6)]), part(["test_batch"])


def celeba64(root: Path) -> tuple[Part, Part]:
    """`img_align_celeba/` and `list_eval_partition.txt`: partition 0 to train with, 2 held out."""
    rows = [line.split() for line in (root / "list_eval_partition.txt").read_text().splitlines() if line.strip()]
    train, test = ([root / "img_align_celeba" / name for name, of in rows if of == part] for part in ("0", "2"))
    return Part(_decoded(train, _square(64, 108))), Part(_decoded(test, _square(64, 108)))


def lsun_bedroom64(root: Path) -> tuple[Part, Part]:
    """`bedroom_train/` and `bedroom_val/`, the pictures that LSUN's own program exports from its two databases."""
    train, test = (Part(_decoded(_listed(root / f"bedroom_{part}"), _square(64))) for part in ("train", "val"))
    return train, test


def imagenet128(root: Path) -> tuple[Part, Part]:
    """`train/` and `val/`, each with one folder per class (as n01440764); classes in the order of their folders."""
    classes = sorted(folder.name for folder in (root / "train").iterdir() if folder.is_dir())

    def part(split: str) -> Part:
        files = [file for name in classes for file in _listed(root / split / name)]
        return Part(_decoded(files, _square(128)), np.array([classes.index(file.parent.name) for file in files]))

    return part("train"), part("val")


def _side_by_side(sample: int) -> Callable[[Path], tuple[Part, Part]]:
    """Pairs in one picture, left and right; `sample` is the half that is drawn, and the other half is its condition."""

    def half(which: int) -> Callable[[Any, int], Any]:
        return lambda image, i: image.crop((which * image.width // 2, 0, (which + 1) * image.width // 2, image.height))

    def read(root: Path) -> tuple[Part, Part]:
        held_out = "test" if (root / "test").is_dir() else "val"
        train, test = (_listed(root / split) for split in ("train", held_out))
        made = [Part(_decoded(f, half(sample)), None, _decoded(f, half(1 - sample))) for f in (train, test)]
        return made[0], made[1]

    return read


def two_domains(root: Path) -> tuple[Part, Part]:
    """`trainA/`, `trainB/`, `testA/`, `testB/`: B is drawn from A, unpaired."""
    train, test = (
        Part(_decoded(_listed(root / f"{split}B")), None, _decoded(_listed(root / f"{split}A")), paired=False)
        for split in SPLITS
    )
    return train, test


def cub64(root: Path) -> tuple[Part, Part]:
    """`images.txt`, `train_test_split.txt`, `image_class_labels.txt`, `bounding_boxes.txt`, `images/`."""

    def column(file: str) -> list[list[str]]:
        return [line.split()[1:] for line in (root / file).read_text().splitlines() if line.strip()]

    names, boxes = ([*column(file)] for file in ("images.txt", "bounding_boxes.txt"))
    labels, train = (np.array(column(file), int)[:, 0] for file in ("image_class_labels.txt", "train_test_split.txt"))

    def part(chosen: np.ndarray) -> Part:
        rows = np.flatnonzero(chosen)
        files = [root / "images" / names[row][0] for row in rows]
        around = [[float(value) for value in boxes[row]] for row in rows]
        return Part(_decoded(files, lambda image, i: _bird(image, around[i])), labels[rows] - 1)

    return part(train == 1), part(train == 0)


def _bird(image: Any, box: list[float]) -> Any:
    """The square around a box, 1.5 times as wide as the box's longer side, cut at the border (arXiv:1612.03242)."""
    left, top, width, height = box
    x, y, reach = left + width / 2, top + height / 2, 0.75 * max(width, height)
    edges = max(0, x - reach), max(0, y - reach), min(image.width, x + reach), min(image.height, y + reach)
    return image.crop(tuple(round(edge) for edge in edges)).resize((64, 64), BICUBIC)


def oxford102(root: Path) -> tuple[Part, Part]:
    """`jpg/`, `imagelabels.mat`, `setid.mat`: `trnid` and `valid` to train with, `tstid` held out."""
    from scipy.io import loadmat

    for file in ("imagelabels.mat", "setid.mat"):
        (root / file).stat()
    labels, sets = loadmat(root / "imagelabels.mat")["labels"].ravel(), loadmat(root / "setid.mat")

    def part(*names: str) -> Part:
        ids = np.sort(np.concatenate([sets[name].ravel() for name in names]).astype(int))
        files = [root / "jpg" / f"image_{i:05}.jpg" for i in ids]
        return Part(_decoded(files, _square(64)), labels[ids - 1].astype(np.int64) - 1)

    return part("trnid", "valid"), part("tstid")


PIX2PIX = {"licence": "none stated for the pictures", "citation": "Isola et al. 2016, arXiv:1611.07004"}
REDUCED = "the central square, reduced (bicubic)"
LAYOUTS = {
    "cifar10": Layout(
        "small photographs, 32 x 32, colour, 10 classes",
        {
            "licence": "none stated",
            "citation": "Krizhevsky: Learning multiple layers of features from tiny images, 2009",
        },
        cifar10,
    ),
    "celeba64": Layout(
        "faces, 64 x 64, colour",
        {
            "licence": "for research that is not commercial",
            "citation": "Liu et al. 2014, arXiv:1411.7766",
            "notes": "the central 108 x 108 pixels, reduced (bicubic); partitions 0 and 2",
        },
        celeba64,
    ),
    "lsun-bedroom64": Layout(
        "bedrooms, 64 x 64, colour",
        {"licence": "none stated", "citation": "Yu et al. 2015, arXiv:1506.03365", "notes": REDUCED},
        lsun_bedroom64,
    ),
    "imagenet128": Layout(
        "photographs, 128 x 128, colour, 1,000 classes",
        {
            "licence": "for research that is not commercial",
            "citation": "Russakovsky et al. 2014, arXiv:1409.0575",
            "notes": REDUCED,
        },
        imagenet128,
    ),
    "facades": Layout(
        "photographs of facades, from label maps",
        PIX2PIX,
        _side_by_side(0),
    ),
    "edges2shoes": Layout(
        "photographs of shoes, from edges",
        PIX2PIX,
        _side_by_side(1),
    ),
    "horse2zebra": Layout(
        "photographs of zebras, from photographs of horses, unpaired",
        {"licence": "that of ImageNet", "citation": "Zhu et al. 2017, arXiv:1703.10593"},
        two_domains,
    ),
    "cub64": Layout(
        "birds, 64 x 64, colour, 200 classes",
        {
            "licence": "none stated for the pictures",
            "citation": "Wah et al.: The Caltech-UCSD Birds-200-2011 dataset, 2011",
            "notes": "the square around the box, 1.5 times its longer side, reduced (bicubic); the publishers' split",
        },
        cub64,
    ),
    "oxford102-64": Layout(
        "flowers, 64 x 64, colour, 102 classes",
        {
            "licence": "none stated for the pictures",
            "citation": "Nilsback, Zisserman: Automated flower classification over a large number of classes, 2008",
            "notes": f"{REDUCED}; trnid and valid to train with, tstid held out",
        },
        oxford102,
    ),
}
