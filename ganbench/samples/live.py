"""Samples from Python: an array, a tensor, an iterable of batches, or a function that draws samples."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from ganbench.errors import UserError, counted
from ganbench.samples.sets import HELD, Declared, SampleSet
from ganbench.samples.stack import Stack
from ganbench.samples.tensors import SAY_RANGE, Raw, plan, read_raw

BATCH = 250  # samples per call of a function that draws
IMAGES, LABELS = ("image", "images", "img", "pixel_values"), ("label", "labels")


def read(samples: Any, declaration: Declared, n: int | None, name: str) -> SampleSet:
    """The set of an array, a tensor, an iterable of batches (a DataLoader), or `draw(k) -> k samples`.

    A batch is an array `[k, ...]`, a pair of it and labels `[k]`, or a mapping with `image` and `label`. Batches are
    kept in their order, on disk if the set is large.

    Args:
        samples: the source of the samples.
        declaration: what the user declares about floats and layout.
        n: how many samples. A function needs it; of batches at most n samples are taken.
        name: for reports.

    Raises:
        UserError: `samples` gives no samples, batches differ in shape, or `read_raw` refuses the values.
    """
    if _is_array(samples):
        x = _array(samples)
        x = x[:n] if x.ndim else x
        return read_raw(name, "an array", Raw.of(x), None, declaration)
    if callable(samples):
        if n is None:
            raise UserError(f"{name}: give the number of samples to draw: n=...")
        return _kept(name, "a function", _drawn(name, samples, n), n, declaration)
    if isinstance(samples, Iterable) and not isinstance(samples, str | bytes):
        return _kept(name, "batches", samples, n, declaration)
    raise UserError(
        f"{name}: {type(samples).__name__} is not an array, an iterable of batches or a function that draws"
    )


def _is_array(samples: Any) -> bool:
    return isinstance(samples, np.ndarray) or hasattr(samples, "detach")


def _array(samples: Any) -> np.ndarray:
    """An array or a tensor of any device, as an array."""
    if not hasattr(samples, "detach"):
        return np.asarray(samples)
    tensor = samples.detach().cpu()
    array: np.ndarray = tensor.float().numpy() if tensor.dtype.is_floating_point else tensor.numpy()
    return array


def _drawn(name: str, draw: Callable[[int], Any], n: int) -> Iterator[Any]:
    for start in range(0, n, BATCH):
        k = min(BATCH, n - start)
        batch = draw(k)
        if len(_parts(name, batch)[0]) != k:
            raise UserError(
                f"{name}: asked for {counted(k, 'sample')}, the function gave {len(_parts(name, batch)[0])}"
            )
        yield batch


def _parts(name: str, batch: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples and labels of a batch."""
    if isinstance(batch, Mapping):
        x, y = (next((batch[key] for key in keys if key in batch), None) for keys in (IMAGES, LABELS))
    else:
        x, y = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)
    if x is None or not _is_array(x) or not x.ndim:
        raise UserError(f"{name}: a batch is {type(batch).__name__}; arrays or (array, labels) are expected")
    return _array(x), None if y is None else _array(y)


def _kept(name: str, form: str, batches: Iterable[Any], n: int | None, declaration: Declared) -> SampleSet:
    """The set of all batches, in an unnamed temporary file that is deleted with the set."""
    with ExitStack() as opened:
        samples = _filed(name, form, batches, n, declaration, opened.enter_context(tempfile.SpooledTemporaryFile(HELD)))
        if isinstance(samples.x, Stack):
            samples.x.owns(opened.pop_all())
    return samples


def _filed(
    name: str,
    form: str,
    batches: Iterable[Any],
    n: int | None,
    declaration: Declared,
    file: tempfile.SpooledTemporaryFile[bytes],
) -> SampleSet:
    """The set of all batches, kept as uint8 images or float32 points."""
    labels: list[np.ndarray | None] = []
    rows, shape, dtype = 0, None, np.dtype(np.uint8)
    for batch in batches:
        x, y = _parts(name, batch)
        x, y = (x, y) if n is None else (x[: n - rows], None if y is None else y[: n - rows])
        if x.ndim in (3, 4) and x.dtype.kind == "f" and declaration.range is None:
            low, high = x.min(initial=np.inf), x.max(initial=-np.inf)
            raise UserError(f"{name}: {x.dtype} images, the first batch from {low:g} to {high:g}; {SAY_RANGE}")
        rows_plan = plan(name, x.shape, x.dtype, declaration)
        if shape not in (None, rows_plan.shape):
            raise UserError(f"{name}: batches of samples of shape {shape} and {rows_plan.shape}; all must be alike")
        shape, dtype = rows_plan.shape, rows_plan.dtype
        file.write(np.ascontiguousarray(rows_plan.change(x)).data)
        labels.append(y)
        rows += len(x)
        if rows == n:
            break
    if shape is None:
        raise UserError(f"{name}: the source gave no batch")
    row = int(np.prod(shape)) * dtype.itemsize

    def fetch(a: int, b: int) -> np.ndarray:
        file.seek(a * row)
        return np.frombuffer(file.read((b - a) * row), dtype).reshape(b - a, *shape)

    given = [y for y in labels if y is not None]
    if given and len(given) < len(labels):
        raise UserError(f"{name}: some batches have labels and some have none")
    y = np.concatenate(given) if given else None
    return read_raw(name, form, Raw((rows, *shape), dtype, fetch), y, Declared(layout="nhwc"))
