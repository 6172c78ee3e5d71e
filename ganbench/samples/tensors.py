"""Arrays of any dtype and layout, read as uint8 images `[n, H, W, 1 or 3]`, float32 points `[n, d]` or waves `[n, T, C]`.

Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ganbench.errors import UserError, counted
from ganbench.samples.encoded import finish
from ganbench.samples.rows import Rows
from ganbench.samples.sets import HELD, WAVES, Declared, SampleSet, Tally, blocks
from ganbench.samples.stack import Stack

CHANNELS = (1, 3)
SAY_RANGE = "give the values of black and white: `range='0,1'` or `range='-1,1'` or `range='0,255'`"


class Raw(NamedTuple):
    """Rows of an array as they lie somewhere."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fetch: Callable[[int, int], np.ndarray]  # the rows from a to before b
    faults: tuple[type[Exception], ...] = ()

    @classmethod
    def of(cls, x: np.ndarray) -> Raw:
        """An array in memory."""
        return cls(x.shape, x.dtype, lambda a, b: x[a:b])


class Plan(NamedTuple):
    """The plan for rows: their shape and dtype without n, and how a block is changed."""

    shape: tuple[int, ...]
    dtype: np.dtype
    change: Callable[[np.ndarray], np.ndarray]


def plan(name: str, shape: tuple[int, ...], dtype: np.dtype, declaration: Declared) -> Plan:
    """How rows of `shape` `[n, ...]` and `dtype` are read.

    Raises:
        UserError: it is not certain which images, points or waves they are.
    """
    kind = f"{dtype} of shape [{', '.join(map(str, shape))}]"
    if declaration.layout == WAVES and (len(shape) != 3 or dtype.kind != "f" or 0 in shape[1:]):
        raise UserError(f"{name}: {kind}; the layout {WAVES} is for waves, floats [n, T, C]")
    if dtype.kind == "f" and len(shape) == (3 if declaration.layout == WAVES else 2):
        return Plan(shape[1:], np.dtype(np.float32), lambda rows: _finite(name, _float32(rows)))
    if len(shape) not in (3, 4) or (dtype != np.uint8 and dtype.kind != "f"):
        raise UserError(
            f"{name}: {kind}; images are uint8 [n, H, W, C] (or floats, with `range=`), points are floats [n, d]"
            + _way_out(shape, dtype)
        )
    if is_one_image(shape):
        raise UserError(
            f"{name}: {kind} is a single image, but a score needs a set: give images as [n, H, W, C], grey images with C = 1"
        )
    if 0 in shape[1:]:
        raise UserError(f"{name}: {kind}; images must have at least one pixel")
    order = _layout(name, shape, declaration.layout)
    if dtype != np.uint8 and declaration.range is None:
        raise UserError(f"{name}: {kind}; images in floats need `range=`")
    black, white = declaration.range or (0.0, 255.0)

    def change(rows: np.ndarray) -> np.ndarray:
        images = rows[..., None] if len(shape) == 3 else rows.transpose(order)
        return np.ascontiguousarray(images if dtype == np.uint8 else _levels(name, images, black, white))

    image = (*shape[1:], 1) if len(shape) == 3 else tuple(shape[axis] for axis in order[1:])
    return Plan(image, np.dtype(np.uint8), change)


def is_one_image(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape is one image with 1 or 3 channels, first or last.

    >>> is_one_image((3, 32, 32)), is_one_image((32, 32, 1)), is_one_image((50, 28, 28)), is_one_image((50, 3, 32, 32))
    (True, True, False, False)
    """
    return len(shape) == 3 and (shape[0] in CHANNELS or shape[2] in CHANNELS)


def _way_out(shape: tuple[int, ...], dtype: np.dtype) -> str:
    """What to do with an array that is neither images nor points."""
    if dtype.kind in "iub" and len(shape) == 2:
        return "; flat images: give them their shape, for example x.reshape(n, 28, 28, 1)"
    if dtype.kind == "b" and len(shape) in (3, 4):
        return "; convert them: 255 * x.astype(np.uint8)"
    if dtype.kind in "iu" and len(shape) in (3, 4):
        return (
            "; convert them: x.astype(np.uint8) if their values are 0 to 255, else choose black and white (of medical "
            "images a window) and give floats: ((x - black) / (white - black)).clip(0, 1).astype('f4'), with `range='0,1'`"
        )
    return ""


def _layout(name: str, shape: tuple[int, ...], wanted: str | None) -> tuple[int, ...]:
    """The axes of `shape` in the order n, H, W, C."""
    if len(shape) == 3:
        return (0, 1, 2)
    first, last = (0, 2, 3, 1), (0, 1, 2, 3)
    possible = {"nchw": first} if shape[1] in CHANNELS else {}
    possible |= {"nhwc": last} if shape[3] in CHANNELS else {}
    text = f"shape [{', '.join(map(str, shape))}]"
    if not possible:
        four = "; drop the alpha channel" if 4 in (shape[1], shape[3]) else ""
        raise UserError(f"{name}: {text} has no axis of 1 or 3 channels, first or last{four}")
    if len(possible) == 2 and wanted is None:
        raise UserError(f"{name}: {text} can be channels first or last: say `layout='nchw'` or `layout='nhwc'`")
    # Most arrays allow only one layout. The option may be meant for another set, so it is ignored for them.
    return possible[wanted] if wanted in possible else next(iter(possible.values()))


def _float32(rows: np.ndarray) -> np.ndarray:
    """The nearest float32; a number beyond its range becomes infinite."""
    with np.errstate(over="ignore"):
        return rows.astype(np.float32)


def _finite(name: str, rows: np.ndarray) -> np.ndarray:
    good = np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))
    if not good.all():
        raise UserError(
            f"{name}: NaN or infinite values in {counted(int((~good).sum()), 'sample')} of a block, so no score is defined"
        )
    return rows


def _levels(name: str, images: np.ndarray, black: float, white: float) -> np.ndarray:
    """Grey levels 0 ... 255 of floats between black and white, rounded to the nearest."""
    values = np.rint((_finite(name, images).astype(np.float64) - black) * (255 / (white - black)))
    if values.size and (values.min() < 0 or values.max() > 255):
        raise UserError(
            f"{name}: values from {images.min():g} to {images.max():g}, outside the declared range {black:g} to "
            f"{white:g}; clip or rescale them yourself, or declare the right `range=`"
        )
    return values.astype(np.uint8)


def read_raw(
    name: str,
    form: str,
    raw: Raw,
    labels: np.ndarray | None,
    declaration: Declared,
    span: tuple[float, float] | None = None,
    warnings: Sequence[str] = (),
) -> SampleSet:
    """The sample set of an array: its rows are read once, and held in memory if it is small.

    Args:
        name, form: for reports.
        raw: the rows.
        labels: one integer per row.
        declaration: what the user declares.
        span: black and white of the floats that `raw` was made of; by default the declared range, if `raw` has floats.
        warnings: about the rows, for the report.

    Raises:
        UserError: see the table in `samples.preflight`.
    """
    n = raw.shape[0] if raw.shape else 0
    images = len(raw.shape) in (3, 4) and declaration.layout != WAVES
    if images and raw.dtype.kind == "f" and declaration.range is None:
        raise UserError(_undeclared(name, raw))
    shape, dtype, change = plan(name, raw.shape, raw.dtype, declaration)
    lazy = Stack(name, (n, *shape), dtype, lambda a, b: change(raw.fetch(a, b)), raw.faults)
    x: Rows = lazy if lazy.ndim == 4 and lazy.nbytes > HELD else np.asarray(lazy)
    tally = Tally(lazy.shape, dtype)
    for rows in blocks(x):
        tally.add(x[rows])
    y = one_per_sample(name, labels, n)
    meaning = "" if y is None else "integers, one per sample"
    span = declaration.range if raw.dtype.kind == "f" else span
    return finish(name, x, y, tally, {"form": form, "labels": meaning}, list(warnings), span=span)


def _undeclared(name: str, raw: Raw) -> str:
    """Why floats are refused, with the range that they have."""
    low, high = np.inf, -np.inf
    lazy = Stack(name, raw.shape, raw.dtype, raw.fetch, raw.faults)
    for rows in blocks(lazy):
        block = _finite(name, lazy[rows])
        low, high = min(low, float(block.min(initial=np.inf))), max(high, float(block.max(initial=-np.inf)))
    waves = f"; waves, floats [n, T, C], need `layout='{WAVES}'`" if len(raw.shape) == 3 else ""
    return f"{name}: {raw.dtype} images with values from {low:g} to {high:g}; {SAY_RANGE}{waves}"


def one_per_sample(name: str, labels: np.ndarray | None, n: int) -> np.ndarray | None:
    """Labels as int64 `[n]`."""
    if labels is None:
        return None
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise UserError(
            f"{name}: labels are {labels.dtype} of shape {labels.shape}; {counted(n, 'integer')} needed, one per sample"
        )
    return labels.astype(np.int64)
