"""Samples from Python: an array, a tensor, images, a dataset, batches, or a function that draws samples."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from ganbench.errors import UserError, counted, in_words
from ganbench.samples import preflight
from ganbench.samples.encoded import examine
from ganbench.samples.preflight import Group
from ganbench.samples.sets import HELD, Declared, SampleSet
from ganbench.samples.stack import Stack
from ganbench.samples.tensors import SAY_RANGE, Raw, is_one_image, plan, read_raw

BATCH = 250  # samples per call of a function that draws
SQUARE = 8  # least side of a grey image in floats; smaller squares are batches of points
IMAGES = ("image", "images", "img", "imgs", "pixel_values", "sample", "samples", "x")
LABELS = ("label", "labels", "class", "class_label", "class_labels", "y")
EXPECTED = "images, points, (images, labels), or a mapping with 'image' and 'label' are expected"


class Batch(NamedTuple):
    """Samples that came together."""

    x: np.ndarray  # [k, ...]; grey images have a channel axis
    y: np.ndarray | None  # integers [k]
    layout: str | None = None  # "nhwc" where the axes are certain
    unread: str = ""  # what stood in the place of labels and is none


def read(samples: Any, declaration: Declared, n: int | None, name: str) -> SampleSet:
    """The set of an array, a tensor, images, a dataset, batches (a DataLoader), or `draw(k) -> k samples`.

    A list of images is a set, and so is a dataset that gives image after image. A source gives samples alone, a tuple of
    samples and labels (further parts of the tuple are not read), or a mapping with `image` and `label`. An image is an array, a
    tensor or a PIL image. Samples are kept in their order, on disk if the set is large.

    An array of three axes with 1 or 3 channels, first or last, is one image and never a batch.

    Args:
        samples: the source of the samples.
        declaration: what the user declares about floats and layout.
        n: how many samples. A function needs it; of other sources at most n samples are taken.
        name: for reports.

    Raises:
        UserError: `samples` gives no samples, samples differ in shape, or `read_raw` refuses the values.
    """
    if _is_array(samples):
        x = _array(samples)
        x = x[:n] if x.ndim else x
        return read_raw(name, "an array", Raw.of(x), None, declaration)
    if callable(samples) and not isinstance(samples, Iterable):
        if n is None:
            raise UserError(f"{name}: give the number of samples to draw: n=...")
        return _kept(name, "a function", _drawn(name, samples, n), n, declaration)
    if isinstance(samples, Mapping) or _is_labelled(samples):
        return _kept(name, "an array with labels", _batches(name, [samples], declaration), n, declaration)
    if isinstance(samples, Iterable) and not isinstance(samples, str | bytes) and not _is_picture(samples):
        threes = getattr(samples, "batch_size", None) == 3  # a DataLoader, so [3, H, W] is no image of three channels
        return _kept(name, "Python", _batches(name, samples, declaration, threes), n, declaration)
    if hasattr(samples, "__getitem__") and hasattr(samples, "__len__"):
        items = (samples[i] for i in range(len(samples)))
        return _kept(name, "a dataset", _batches(name, items, declaration), n, declaration)
    raise UserError(
        f"{name}: {type(samples).__name__} is no set of samples: give an array, a list of images, an iterable of batches or a "
        "function that draws"
    )


def _is_array(samples: Any) -> bool:
    """Whether this is an array or a tensor of any library."""
    return isinstance(samples, np.ndarray) or hasattr(samples, "detach") or _converts(samples)


def _converts(samples: Any) -> bool:
    return hasattr(samples, "__array__") and hasattr(samples, "shape") and hasattr(samples, "dtype")


def _is_picture(image: Any) -> bool:
    """Whether this is a PIL image."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def _is_labelled(samples: Any) -> bool:
    """Whether this is a tuple of all samples and their labels."""
    if not isinstance(samples, tuple) or len(samples) != 2 or not all(map(_is_array, samples)):
        return False
    x, y = map(_array, samples)
    return x.ndim > 1 and y.shape == x.shape[:1] and y.dtype.kind in "iu"


def _array(samples: Any) -> np.ndarray:
    """An array or a tensor of any device, as an array."""
    if not hasattr(samples, "detach"):
        return np.asarray(samples)
    tensor = samples.detach().cpu()
    array: np.ndarray = tensor.float().numpy() if tensor.dtype.is_floating_point else tensor.numpy()
    return array


def _pixels(name: str, picture: Any) -> np.ndarray:
    """The pixels uint8 `[H, W, 1 or 3]` of a PIL image, by the rules for files."""
    file = io.BytesIO()
    try:
        picture.save(file, "PNG", compress_level=0)
    except Exception as error:  # its decoder may raise anything on hostile bytes
        raise UserError(
            f"{name}: a PIL image of mode {picture.mode} cannot be read as grey or RGB ({in_words(error)}); convert it: "
            f"{preflight.WINDOW} to 255, and give 8 bits per channel"
        ) from None
    kind, pixels = examine(file.getvalue())
    preflight.judge(name, {kind: Group(1, ["a PIL image"])})
    assert pixels is not None
    return pixels


def _drawn(name: str, draw: Callable[[int], Any], n: int) -> Iterator[Batch]:
    for start in range(0, n, BATCH):
        k = min(BATCH, n - start)
        given, labels = _parts(name, draw(k))
        x, layout = _together(name, given) if isinstance(given, Sequence) else (_array(given), None)
        if len(x) != k:
            raise UserError(f"{name}: asked for {counted(k, 'sample')}, the function gave {len(x)}")
        yield _batch(name, x[..., None] if x.ndim == 3 else x, labels, layout or ("nhwc" if x.ndim == 3 else None))


def _batches(name: str, items: Iterable[Any], declaration: Declared, threes: bool = False) -> Iterator[Batch]:
    """The samples of a source, item by item. The first item with a number of axes says what such an item is.

    Args:
        name: for messages.
        items: the source.
        declaration: what the user declares.
        threes: whether items are batches of three.
    """
    single: dict[int, bool] = {}
    for item in items:
        alone = threes and isinstance(item, list | tuple) and len(item) == 1
        given, labels = _parts(name, item[0] if alone else item)
        if isinstance(given, Sequence):
            x, layout = _together(name, given)
            yield _batch(name, x, labels, layout)
            continue
        if _is_picture(given):
            yield _batch(name, _pixels(name, given)[None], labels, "nhwc")
            continue
        x = _array(given)
        if x.ndim not in single:
            single[x.ndim] = not (threes and x.ndim == 3) and _is_single(name, x, declaration)
        if single[x.ndim]:
            x = x[None]
        grey = x.ndim == 3
        yield _batch(name, x[..., None] if grey else x, labels, "nhwc" if grey else None)


def _is_single(name: str, x: np.ndarray, declaration: Declared) -> bool:
    """Whether an array is one sample: a point, a grey image, or an image with channels. Otherwise it is a batch.

    Raises:
        UserError: it can be a grey image, and it can be a batch of points.
    """
    if x.ndim == 2:
        if x.dtype.kind == "f" and declaration.range is None and len(x) == x.shape[1] >= SQUARE:
            raise UserError(
                f"{name}: an item of {len(x)} x {len(x)} floats can be a grey image or a batch of points: for images "
                "declare `range='0,1'`, points give as an array [n, d]"
            )
        return x.dtype.kind != "f" or declaration.range is not None
    return x.ndim == 1 or is_one_image(x.shape)


def _together(name: str, images: Sequence[Any]) -> tuple[np.ndarray, str | None]:
    """The images of a list as one array, and their layout if it is certain."""
    pictures = all(map(_is_picture, images))
    arrays = [_pixels(name, image) if pictures else _array(image) for image in images]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise UserError(f"{name}: samples of shape {shapes[0]} and {shapes[1]}; all must be alike")
    return np.stack(arrays), "nhwc" if pictures else None


def _parts(name: str, item: Any) -> tuple[Any, Any]:
    """The samples of an item, an array, a PIL image or a list of these, and what stands in the place of their labels."""
    if isinstance(item, Mapping):
        x, y = (next((item[key] for key in keys if key in item), None) for keys in (IMAGES, LABELS))
        if x is None:
            raise UserError(f"{name}: a mapping has {', '.join(map(repr, item)) or 'nothing'}; {EXPECTED}")
    elif isinstance(item, tuple | list) and item and not _is_list_of_images(item):
        x, y = item[0], item[1] if len(item) > 1 else None
    else:
        x, y = item, None
    if isinstance(x, list | tuple) and not _is_list_of_images(x):
        raise UserError(f"{name}: an item is {type(item).__name__} of {type(x).__name__}; {EXPECTED}")
    if not (isinstance(x, list | tuple) or _is_picture(x) or (_is_array(x) and np.ndim(x))):
        raise UserError(f"{name}: an item is {_kind(item)}; {EXPECTED}")
    return x, y


def _kind(item: Any) -> str:
    """What an item is, for messages."""
    inside = f" of {type(item[0]).__name__}" if isinstance(item, list | tuple) and item else ""
    return f"{type(item).__name__}{inside}"


def _is_list_of_images(item: Any) -> bool:
    """Whether a list is a batch of single images. A tuple is not: its second part may be a target."""
    if not isinstance(item, list) or not item:
        return False
    return all(map(_is_picture, item)) or all(_is_array(part) and is_one_image(np.shape(part)) for part in item)


def _batch(name: str, x: np.ndarray, labels: Any, layout: str | None) -> Batch:
    """A batch with its labels. What stands in their place and is no integer per sample is not read."""
    if labels is None:
        return Batch(x, None, layout)
    if _is_picture(labels) or (_is_array(labels) and np.ndim(labels) > 2):
        raise UserError(f"{name}: an item has two images, so it is not certain which one is a sample; give one of them")
    y = _array(labels) if _is_array(labels) else np.array(labels if isinstance(labels, int | list | tuple) else None)
    y = y[None] if y.ndim == 0 else y
    if y.dtype.kind not in "iu" or y.ndim != 1:
        return Batch(x, None, layout, _kind(labels) if not _is_array(labels) else f"{y.dtype} of shape {y.shape}")
    if len(y) != len(x):
        raise UserError(f"{name}: {counted(len(y), 'label')} for {counted(len(x), 'sample')}; one per sample is needed")
    return Batch(x, y, layout)


def _kept(name: str, form: str, batches: Iterable[Batch], n: int | None, declaration: Declared) -> SampleSet:
    """The set of all batches, in an unnamed temporary file that is deleted with the set."""
    with ExitStack() as opened:
        samples = _filed(name, form, batches, n, declaration, opened.enter_context(tempfile.SpooledTemporaryFile(HELD)))
        if isinstance(samples.x, Stack):
            samples.x.owns(opened.pop_all())
    return samples


def _filed(
    name: str,
    form: str,
    batches: Iterable[Batch],
    n: int | None,
    declaration: Declared,
    file: tempfile.SpooledTemporaryFile[bytes],
) -> SampleSet:
    """The set of all batches, kept as uint8 images or float32 points."""
    labels: list[np.ndarray | None] = []
    rows, shape, dtype, floats, unread = 0, None, np.dtype(np.uint8), False, ""
    for batch in batches:
        x, y = (
            (batch.x, batch.y) if n is None else (batch.x[: n - rows], None if batch.y is None else batch.y[: n - rows])
        )
        floats, unread = x.dtype.kind == "f", unread or batch.unread
        if x.ndim == 4 and floats and declaration.range is None:
            low, high = x.min(initial=np.inf), x.max(initial=-np.inf)
            raise UserError(f"{name}: {x.dtype} images, the first batch from {low:g} to {high:g}; {SAY_RANGE}")
        rows_plan = plan(name, x.shape, x.dtype, declaration._replace(layout=batch.layout or declaration.layout))
        if shape not in (None, rows_plan.shape):
            raise UserError(f"{name}: samples of shape {shape} and {rows_plan.shape}; all must be alike")
        shape, dtype = rows_plan.shape, rows_plan.dtype
        file.write(np.ascontiguousarray(rows_plan.change(x)).data)
        labels.append(y)
        rows += len(x)
        if rows == n:
            break
    if shape is None:
        raise UserError(f"{name}: the source gave no samples")
    row = int(np.prod(shape)) * dtype.itemsize

    def fetch(a: int, b: int) -> np.ndarray:
        file.seek(a * row)
        return np.frombuffer(file.read((b - a) * row), dtype).reshape(b - a, *shape)

    given = [y for y in labels if y is not None]
    if given and len(given) < len(labels):
        raise UserError(f"{name}: some batches have labels and some have none")
    y = np.concatenate(given) if given else None
    warnings = [f"the second part of each item is {unread}; it is no label, and was not read"] if unread else []
    declared = Declared(declaration.range if floats else None, "nhwc")
    return read_raw(name, form, Raw((rows, *shape), dtype, fetch), y, declared, declared.range, warnings)
