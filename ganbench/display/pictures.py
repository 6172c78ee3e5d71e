"""Sample sets as pictures: contact sheets of images, density maps of points."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ganbench.errors import UserError
from ganbench.samples import Rows, SampleSet

SIDE = 8  # images per side of a sheet
LINE = 96  # grey of the lines between them
VISIBLE = 64  # pixels that an image of a strip is high, or more
STEP = 100  # milliseconds per frame


def contact_sheet(x: Rows, rows: int = SIDE, columns: int = SIDE) -> np.ndarray:
    """The first images of uint8 `[n, H, W, C]`, `rows` by `columns`, with a grey line before each row and column.

    Returns:
        uint8 `[rows * (H + 1), columns * (W + 1), C]`; missing images are black.
    """
    n = rows * columns
    cells = np.zeros((n, *x.shape[1:]), np.uint8)
    cells[: min(len(x), n)] = x[:n]
    lined = np.pad(cells, ((0, 0), (1, 0), (1, 0), (0, 0)), constant_values=LINE)
    _, h, w, c = lined.shape
    return lined.reshape(rows, columns, h, w, c).swapaxes(1, 2).reshape(rows * h, columns * w, c)


def show(axes: Axes, x: Rows, rows: int = SIDE, columns: int = SIDE) -> None:
    """Draw a contact sheet."""
    sheet = contact_sheet(x, rows, columns)
    axes.imshow(
        sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )


def draw(axes: Axes, one: SampleSet, box: np.ndarray | None, numbered: bool = False) -> None:
    """Draw a sample set. `box` `[2, d]` is the range that points are shown in, the same for every set of a dataset.

    `numbered` writes their number beside the first 64 samples.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    if numbered:
        for i, (x, y) in enumerate(zip(*_places(one.x), strict=True)):
            axes.annotate(str(i), (x, y), color="tab:orange", fontsize=6, va="top")
    if one.x.ndim == 4:
        show(axes, one.x)
        return
    assert box is not None
    if one.x.shape[1] == 1:
        axes.hist(one.x[:, 0], bins=100, range=tuple(box[:, 0]), density=True, color="tab:blue")
        return
    axes.scatter(one.x[:, 0], one.x[:, 1], s=1, alpha=0.3, linewidths=0, color="tab:blue")
    axes.set_xlim(*box[:, 0])
    axes.set_ylim(*box[:, 1])
    axes.set_aspect("equal")


def _places(x: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Where the first 64 samples are drawn: the corners of their cells, or the points."""
    if x.ndim == 2:
        return _plane(x[: SIDE**2])
    row, column = np.divmod(np.arange(min(len(x), SIDE**2)), SIDE)
    return column * (x.shape[2] + 1), row * (x.shape[1] + 1)


def frame(x: np.ndarray) -> np.ndarray:
    """The range `[2, d]` of points `[n, d]` with a margin around it."""
    low, high = x.min(0), x.max(0)
    return np.stack([low - 0.2 * (high - low), high + 0.2 * (high - low)])


def overview(named: dict[str, SampleSet], path: Path, numbered: bool = False) -> None:
    """One picture with a panel per sample set, under its name; points in the frame of the last set that is not empty.

    `numbered` writes their number beside the first 64 samples.

    Raises:
        UserError: points of unequal dimensions, which no frame has room for.
    """
    points = [np.asarray(one.x) for one in named.values() if one.x.ndim == 2 and len(one.x)]
    if len(dimensions := {x.shape[1] for x in points}) > 1:
        raise UserError(f"points of {' and '.join(map(str, sorted(dimensions)))} dimensions do not go into one picture")
    box = frame(points[-1]) if points else None
    columns = min(len(named), 4)
    rows = -(-len(named) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, (name, one) in zip(figure.axes, named.items(), strict=False):
        axes.axis("on")
        axes.set_title(name if len(one.x) else f"{name}: {one.manifest['reason']}", fontsize=10, wrap=True)
        if len(one.x):
            draw(axes, one, box, numbered)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


class Panel(NamedTuple):
    """A few samples in their order: images as a small sheet, points before what the GAN makes otherwise."""

    title: str
    x: np.ndarray  # uint8 [n, H, W, C], or float32 [n, d]
    columns: int  # images side by side
    mark: int | None  # the sample that the panel is about
    cloud: np.ndarray | None  # float32 [m, d] behind points


def panels(parts: Sequence[Panel]) -> np.ndarray:
    """Panels side by side, uint8 `[height, width, 3]`. Points go from dark to light, and the marked one is a star."""
    heights = [-(-len(p.x) // p.columns) if p.cloud is None else 3 for p in parts]
    widths = [p.columns if p.cloud is None else 3 for p in parts]
    figure = Figure(figsize=(1.1 * sum(widths) + 0.3 * len(parts), 1.1 * max(heights) + 0.5), layout="constrained")
    ratios = {"width_ratios": widths}
    for axes, part, height in zip(
        figure.subplots(1, len(parts), squeeze=False, gridspec_kw=ratios).flat, parts, heights, strict=True
    ):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(part.title, fontsize=9)
        if part.cloud is None:
            show(axes, part.x, height, part.columns)
            continue
        x, y = _plane(part.x)
        axes.scatter(*_plane(part.cloud), s=3, color="silver", linewidths=0)
        axes.scatter(x, y, s=12, c=np.arange(len(x)), cmap="viridis", linewidths=0)
        if part.mark is not None:
            axes.plot(x[part.mark], y[part.mark], "*", color="tab:red", markersize=9)
    file = io.BytesIO()
    figure.savefig(file, dpi=110)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def _plane(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two coordinates of points `[n, d]`; on the line the second is 0."""
    return x[:, 0], x[:, 1] if x.shape[1] > 1 else np.zeros(len(x))


def strip(x: np.ndarray) -> np.ndarray:
    """A contact sheet of all of uint8 `[rows, columns, H, W, C]`, small images enlarged by repeating pixels."""
    rows, columns, height = x.shape[:3]
    sheet = contact_sheet(x.reshape(-1, *x.shape[2:]), rows, columns)
    times = -(-VISIBLE // height)
    return sheet.repeat(times, 0).repeat(times, 1)


def write_png(picture: np.ndarray, path: Path) -> None:
    """Write a uint8 `[H, W, C]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _image(picture).save(path)


def write_gif(frames: Sequence[np.ndarray], path: Path) -> None:
    """Write uint8 `[H, W, C]` frames as an animation without end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = map(_image, frames)
    first.save(path, save_all=True, append_images=others, duration=STEP, loop=0)


def _image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
