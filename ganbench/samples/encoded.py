"""Images in files: PIL decodes each image once before anything is computed, and again whenever its pixels are needed."""

from __future__ import annotations

import io
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from ganbench.errors import UserError, counted
from ganbench.samples import preflight, strangers
from ganbench.samples.labels import Labels
from ganbench.samples.preflight import Group, Kind
from ganbench.samples.rows import Rows
from ganbench.samples.sets import BLOCK, HELD, MEMBER, PIXELS, SampleSet, Tally, blocks
from ganbench.samples.stack import Stack

FORMATS = ("PNG", "WEBP", "JPEG", "BMP")  # PIL may use no other decoder on a user's bytes
SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp")
SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")
PNG, DEPTH = b"\x89PNG\r\n\x1a\n", 24  # where a PNG's header has the bits per channel
ORIENTATION = 0x0112
HEAD = 132  # bytes that an image is recognised by
Size = tuple[int, int]
TOGETHER = 256  # images decoded together at most
NAMED = ("folder", "zip", "tar")  # forms whose images are files with names of their own


class Encoded(NamedTuple):
    """The encoded images of a set, in order."""

    form: str  # in words
    names: list[str]
    read: Callable[[int, int], Iterator[bytes]]  # those from a to before b
    labels: Labels = Labels()
    ignored: int = 0  # system files
    others: tuple[str, ...] = ()  # files that are no images
    faults: tuple[type[Exception], ...] = ()  # what `read` raises when the file is not what it was


def sort_out(where: object, names: Iterable[str], head: Callable[[str], bytes]) -> tuple[list[str], int, list[str]]:
    """The images in an order that is the same on every machine, the number of system files, and the other names.

    A file whose name does not say that it is an image is one if its content says so.

    Args:
        where: the folder or the archive, for messages.
        names: the files in it; a name that ends with a slash is a link to a folder.
        head: gives the first bytes of a file, at least `HEAD`; empty for what is no file.

    Raises:
        UserError: some files are images in a form that is not read.
    """
    ordered = sorted(names, key=os.fsencode)
    own = [name for name in ordered if not _is_of_system(name)]
    _refuse_unread(where, {name: form for name in own if (form := strangers.unread_by_name(name))})
    heads = {name: b"" if name.lower().endswith(SUFFIXES) else head(name) for name in own}
    _refuse_unread(where, {name: form for name, start in heads.items() if (form := strangers.unread_image(start))})
    images = [name for name, start in heads.items() if name.lower().endswith(SUFFIXES) or strangers.is_image(start)]
    chosen = set(images)
    return images, len(ordered) - len(own), [name for name in own if name not in chosen]


def _is_of_system(name: str) -> bool:
    """Whether a file is hidden, or is one that an operating system adds."""
    return any(part.startswith(".") or part in SYSTEM for part in PurePosixPath(name).parts)


def _refuse_unread(where: object, forms: Mapping[str, str]) -> None:
    """Refuse images in a form that is not read. `forms`: the form of each of them, by its name."""
    for form in sorted(set(forms.values())):
        names = [name for name, other in forms.items() if other == form]
        listed = preflight.several(names, len(names))
        raise UserError(
            f"{where}: {counted(len(names), 'image')} in a form that is not read, {form} ({listed}); {strangers.way_out(form)}"
        )


def examine(data: bytes, size: Size | None = None) -> tuple[Kind, np.ndarray | None]:
    """The kind of an encoded image, and its pixels, uint8 `[H, W, 1 or 3]`, if they are certain and it has this size."""
    from PIL import Image

    if len(data) > MEMBER:
        return Kind(fault=f"{len(data):,} bytes are too many for an image"), None
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            kind = Kind(str(image.format), image.mode, *image.size, frames=getattr(image, "n_frames", 1))
            if image.width * image.height > PIXELS:
                return kind._replace(fault=f"{image.width:,} x {image.height:,} pixels are too many"), None
            kind = kind._replace(turned=image.getexif().get(ORIENTATION, 1) != 1)
            if kind.frames > 1 or kind.mode not in preflight.READABLE or image.size != (size or image.size):
                return kind, None
            deep = data.startswith(PNG) and data[DEPTH] == 16
            if deep and kind.mode != "I;16":  # PIL has cut these to 8 bits
                return kind._replace(sixteen="real"), None
            if kind.mode == "I;16":
                values = np.asarray(image)
                exact = "transparency" not in image.info and not (values % 257).any()
                kind = kind._replace(sixteen="exact" if exact else "real")
                return kind, (values // 257).astype(np.uint8)[..., None] if exact else None
            if kind.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
                return _without_alpha(kind, image)
            simple = image if kind.mode in ("L", "RGB") else image.convert("L" if kind.mode == "1" else "RGB")
            pixels = np.asarray(simple)
    except Exception as error:  # a decoder may raise anything on hostile bytes, and then they are no image
        return Kind(fault=_why(data, error)), None
    return kind, pixels.reshape(*pixels.shape[:2], -1)


def _why(data: bytes, error: Exception) -> str:
    """Why bytes cannot be read as an image, in words that are equal for all files with this fault."""
    from PIL import UnidentifiedImageError

    if strangers.is_image(data[:HEAD]):
        damaged = isinstance(error, UnidentifiedImageError)  # its message has an address that no two files share
        return "the header is damaged" if damaged else f"{type(error).__name__}: {error}"
    form = strangers.unread_image(data[:HEAD])
    if form is not None:
        return f"{form}; {strangers.way_out(form)}"
    return strangers.of_content(data[:HEAD]) or "the content is no image"


def _without_alpha(kind: Kind, image: Any) -> tuple[Kind, np.ndarray | None]:
    values = np.asarray(image.convert("RGBA"))
    if (values[..., 3] != 255).any():
        return kind._replace(alpha="used"), None
    return kind._replace(alpha="opaque"), values[..., : preflight.channels(kind)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="ganbench-decode")


def _decoded(images: Encoded, a: int, b: int, size: Size | None = None) -> Iterator[tuple[Kind, np.ndarray | None]]:
    """The images from a to before b, in order. While an image is used, threads read and decode the next ones.

    The size of the first image says how many images can wait in a bounded memory. Images of another size are refused, so
    they are not decoded.
    """
    waiting = deque[tuple[int, Future[tuple[Kind, np.ndarray | None]]]]()
    room, encoded = 1, 0
    for data in images.read(a, b):
        waiting.append((len(data), _pool().submit(examine, data, size)))
        encoded += len(data)
        while len(waiting) >= room or encoded > BLOCK:
            length, first = waiting.popleft()
            encoded -= length
            kind, pixels = first.result()
            yield kind, pixels
            if kind.width and size is None:
                size = kind.width, kind.height
                room = max(2, min(TOGETHER, BLOCK // (3 * kind.width * kind.height)))
            if not waiting:
                break
    for _, last in waiting:
        yield last.result()


def survey(name: str, images: Encoded) -> SampleSet:
    """Decode every image once: refuse what is not certain, count the rest, and return a set that can be scored.

    Raises:
        UserError: see the table in `samples.preflight`.
    """
    n = len(images.names)
    if not n:
        store = strangers.of_folder(images.others)
        if store:
            raise UserError(f"{name}: this {images.form} has {store}")
        links = _links(images.others)
        other = f"; it holds {preflight.several(images.others, len(images.others))}" if images.others else ""
        other += f"; links to folders are not followed ({preflight.several(links, len(links))})" if links else ""
        raise UserError(f"{name}: no images ({', '.join(SUFFIXES)}) in this {images.form}{other}")
    kinds: dict[Kind, Group] = {}
    tally: Tally | None = None
    held: np.ndarray | None = None
    shape: tuple[int, ...] = ()
    alike = True
    try:
        for i, (kind, pixels) in enumerate(_decoded(images, 0, n)):
            kinds.setdefault(kind, Group()).add(images.names[i])
            if pixels is None:
                continue
            if tally is None:
                shape = (n, *pixels.shape)
                tally = Tally(shape, pixels.dtype)
                held = np.empty(shape, np.uint8) if n * pixels.size <= HELD else None
            alike = alike and pixels.shape == shape[1:]
            if alike:
                tally.add(pixels[None])
                if held is not None:
                    held[i] = pixels
    except images.faults as error:
        raise UserError(f"{name}: changed while it was read ({error})") from None
    warnings = preflight.judge(name, kinds)
    assert tally is not None
    if not alike:  # grey images among colour images
        shape = (*shape[:3], 3)
    if alike and held is not None:
        x: Rows = held
    else:
        x = Stack(name, shape, np.uint8, lambda a, b: _decode(images, shape, a, b), images.faults)
    if not alike:
        tally = Tally(shape, x.dtype)
        for rows in blocks(x):
            tally.add(x[rows])
        x = np.asarray(x) if x.nbytes <= HELD else x
    links = _links(images.others)
    if links:
        listed = preflight.several(links, len(links))
        warnings.append(
            f"not followed, so their images are left out: {counted(len(links), 'link')} to folders ({listed})"
        )
    others = [name for name in images.others if name not in links]
    if others:
        count = len(others)
        named = preflight.several(others, count)
        warnings.append(f"left out, because no image was recognised: {counted(count, 'other file')} ({named})")
    warnings += images.labels.notes
    formats = Counter[str]()
    for kind, group in kinds.items():
        formats[f"{kind.format} {kind.mode}"] += group.count
    labels = images.labels
    report = {"form": images.form, "files": dict(formats), "labels": labels.meaning, "ignored": images.ignored}
    report |= {"classes": dict(labels.names)} if labels.names else {}
    own_names = tuple(images.names) if images.form in NAMED else None
    return finish(name, x, labels.y, tally, report, warnings, images.names).with_(names=own_names)


def _links(names: Iterable[str]) -> list[str]:
    """The links to folders among the names in a folder."""
    return [name for name in names if name.endswith("/")]


def finish(
    name: str,
    x: Rows,
    y: np.ndarray | None,
    tally: Tally,
    report: dict[str, Any],
    warnings: list[str],
    names: list[str] | None = None,
    span: tuple[float, float] | None = None,
) -> SampleSet:
    """The set, with the pre-flight report `report` and further facts in its manifest.

    `names` are those of the samples, `span` the declared black and white if the images were floats.
    """
    if len(tally.shape) == 4 and tally.rows:
        warnings = [*warnings, *preflight.narrow(float(tally.low), float(tally.high), span)]
    if tally.copies:
        pairs = [f"{names[a]} = {names[b]}" if names else f"{a} = {b}" for a, b in tally.pairs]
        listed = preflight.several(pairs, tally.copies)
        copies = counted(tally.copies, "exact copy")
        warnings = [*warnings, f"{copies} of other samples among {counted(len(x), 'sample')}: {listed}"]
    facts = {
        "n": len(x),
        "shape": list(x.shape[1:]),
        "range": [float(tally.low), float(tally.high)] if tally.rows else None,
        "copies": tally.copies,
        "grey": bool(tally.grey),
        "warnings": warnings,
    }
    if isinstance(x, Stack):
        x.sha256 = tally.sha256
    return SampleSet(x, y, {"name": name, "sha256": tally.sha256, "found": report | facts})


def _decode(images: Encoded, shape: tuple[int, ...], a: int, b: int) -> np.ndarray:
    """The images from a to before b as uint8 `[b - a, H, W, C]`. `survey` has already seen them."""
    out = np.empty((b - a, *shape[1:]), np.uint8)
    for i, (_, pixels) in enumerate(_decoded(images, a, b)):
        if pixels is None or pixels.shape[:2] != shape[1:3] or pixels.shape[2] > shape[3]:
            raise UserError(f"{images.names[a + i]} changed while it was read")
        out[i] = pixels
    return out
