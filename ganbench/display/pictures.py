"""Sample sets as pictures: contact sheets of images and of spectrograms of waves, clouds of points, histograms of numbers."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ganbench import files
from ganbench.errors import UserError
from ganbench.samples import Rows, SampleSet

SIDE = 8  # images per side of a sheet
LINE = 96  # grey value of the lines between images
VISIBLE = 64  # least height of an image in a strip, in pixels
STEP = 100  # milliseconds per frame
CELL_OF_WAVE = 64  # pixels of each side of the spectrogram of a wave
FAINT = 1e-6  # the power that is black, 60 dB below a sine wave of amplitude 1, which is white


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


def spectrograms(x: Rows) -> np.ndarray:
    """The first channel of waves float `[n, T, C]` as pictures uint8 `[n, 64, 64, 1]`: time to the right, pitch upwards.

    A column is a window of time, and a row is a frequency, in even steps up to half of the rate. A grey level counts decibels.
    """
    waves = np.asarray(x[..., 0], np.float64)
    frame = 2 * CELL_OF_WAVE
    padded = np.pad(waves, ((0, 0), (frame // 2, frame)))  # silence before the first window and after the last one
    starts = np.linspace(0, waves.shape[1], CELL_OF_WAVE).astype(int)
    window = np.hanning(frame)
    power = np.square(np.abs(np.fft.rfft(padded[:, starts[:, None] + np.arange(frame)] * window)) * 2 / window.sum())
    level = 1 - np.log10(np.maximum(power[..., 1:], FAINT)) / np.log10(FAINT)
    grey = np.rint(255 * np.clip(level, 0, 1)).astype(np.uint8)
    return np.asarray(grey.swapaxes(1, 2)[:, ::-1, :, None])


def paint_sheet(axes: Axes, x: Rows, rows: int = SIDE, columns: int = SIDE) -> None:
    """Paint a contact sheet of the first images of uint8 `[n, H, W, C]`."""
    sheet = contact_sheet(x, rows, columns)
    axes.imshow(
        sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )


def paint(axes: Axes, samples: SampleSet, box: np.ndarray | None, numbered: bool = False) -> None:
    """Paint a sample set.

    Waves are shown as spectrograms. Points are shown in the range `box` `[2, d]`, the same for every set of a dataset. A
    panel says which share of its points lies outside of the range, if it is at least 1 %. If `numbered`, the first 64
    samples have their numbers beside them.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    if samples.x.ndim == 3:
        samples = samples.with_(x=spectrograms(samples.x[: SIDE**2]))
    if numbered:
        for i, (x, y) in enumerate(zip(*_places(samples.x), strict=True)):
            axes.annotate(str(i), (x, y), color="tab:orange", fontsize=6, va="top")
    if samples.x.ndim == 4:
        paint_sheet(axes, samples.x)
        return
    assert box is not None
    outside = ((samples.x < box[0]) | (samples.x > box[1])).any(1).mean()
    if outside >= 0.01:
        axes.text(
            0.5, 0.97, f"{outside:.0%} of the samples lie outside", transform=axes.transAxes, ha="center", va="top"
        )
    axes.set_xlim(*box[:, 0])
    if samples.x.shape[1] == 1:
        axes.hist(samples.x[:, 0], bins=100, range=tuple(box[:, 0]), color="tab:blue")
        return
    axes.scatter(samples.x[:, 0], samples.x[:, 1], s=1, alpha=0.3, linewidths=0, color="tab:blue")
    axes.set_ylim(*box[:, 1])
    axes.set_aspect("equal")


def _places(x: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Where the first 64 samples are in the picture: the corners of their cells, or the points themselves."""
    if x.ndim == 2:
        return _plane(x[: SIDE**2])
    row, column = np.divmod(np.arange(min(len(x), SIDE**2)), SIDE)
    return column * (x.shape[2] + 1), row * (x.shape[1] + 1)


def frame(x: np.ndarray) -> np.ndarray:
    """The range `[2, d]` of points `[n, d]`, lowest and highest coordinates, with a margin of a fifth of its width."""
    low, high = x.min(0), x.max(0)
    return np.stack([low - 0.2 * (high - low), high + 0.2 * (high - low)])


def overview(named: dict[str, SampleSet], path: Path, numbered: bool = False) -> None:
    """Write one picture with a panel per sample set, under its name. Points are in the frame of the last set that is not empty.

    If `numbered`, the first 64 samples have their numbers beside them.

    Raises:
        UserError: the sets have points of unequal dimensions, so one frame cannot show them, or `path` is not a .png.
    """
    if path.suffix != ".png":
        raise UserError(f"{path}: an overview is written as .png")
    points = [np.asarray(samples.x) for samples in named.values() if samples.x.ndim == 2 and len(samples.x)]
    if points and any(samples.x.ndim > 2 and len(samples.x) for samples in named.values()):
        raise UserError("one picture cannot show points together with images or waves")
    if len(dimensions := {x.shape[1] for x in points}) > 1:
        raise UserError(
            f"one picture cannot show points of {' and '.join(map(str, sorted(dimensions)))} dimensions together"
        )
    box = frame(points[-1]) if points else None
    columns = min(len(named), 4)
    rows = -(-len(named) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, (name, samples) in zip(figure.axes, named.items(), strict=False):
        axes.axis("on")
        empty = f"{name}: {samples.manifest.get('reason') or 'no samples'}"
        axes.set_title(name if len(samples.x) else empty, fontsize=10, wrap=True)
        if len(samples.x):
            paint(axes, samples, box, numbered)
    write_figure(figure, path)


def write_figure(figure: Figure, path: Path, dpi: int = 110) -> None:
    """Write a figure of matplotlib as .png; equal figures give equal bytes."""
    with files.replacing(path) as file:
        figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})


class Panel(NamedTuple):
    """A few samples in their order: images as a small sheet, points in front of a cloud of other samples."""

    title: str
    x: np.ndarray  # uint8 [n, H, W, C], or float32 [n, d]
    columns: int  # images side by side
    mark: int | None  # number of the sample that the panel is about
    cloud: np.ndarray | None  # samples behind points, float32 [m, d]; None for images


def panels(parts: Sequence[Panel]) -> np.ndarray:
    """Panels side by side, uint8 `[height, width, 3]`. Points go from dark to light, and the marked point is a star."""
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
            paint_sheet(axes, part.x, height, part.columns)
            continue
        x, y = _plane(part.x)
        axes.scatter(*_plane(part.cloud), s=3, color="silver", linewidths=0)
        axes.scatter(x, y, s=12, c=np.arange(len(x)), cmap="viridis", linewidths=0)
        if part.mark is not None:
            axes.plot(x[part.mark], y[part.mark], "*", color="tab:red", markersize=9)
    return render(figure)


def render(figure: Figure, dpi: int = 110) -> np.ndarray:
    """A figure of matplotlib as a picture, uint8 `[height, width, 3]`."""
    file = io.BytesIO()
    figure.savefig(file, dpi=dpi)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def _plane(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two coordinates of points `[n, d]`, each `[n]`; the second is 0 where d is 1."""
    return x[:, 0], x[:, 1] if x.shape[1] > 1 else np.zeros(len(x))


class Line(NamedTuple):
    """A row of a gallery."""

    images: list[np.ndarray]  # uint8 [H, W, C], of any sizes
    caption: str = ""  # below the images


CELL, TEXT, HEAD = 1.1, 0.17, 0.25  # inches: side of a picture, height of a line of text, height of the heads
LETTERS = 15  # of a caption, per picture above it
GROUND = "0.85"  # of a gallery, so that white pictures have an edge


def gallery(lines: Sequence[Line], heads: Sequence[str], path: Path) -> None:
    """Write rows of images as .png, each with its caption below, and with heads above the columns."""
    columns = max(len(line.images) for line in lines)
    texts = [textwrap.wrap(line.caption, LETTERS * columns) for line in lines]
    head = HEAD if any(heads) else 0.06
    height = head + sum(CELL + 0.06 + TEXT * len(text) + (0.06 if text else 0) for text in texts)
    width = (CELL + 0.06) * columns + 0.06
    figure = Figure(figsize=(width, height), facecolor=GROUND)
    top = height - head
    for k, title in enumerate(heads):
        figure.text(
            (0.06 + (CELL + 0.06) * k + CELL / 2) / width, (top + 0.07) / height, title, fontsize=9, ha="center"
        )
    for line, text in zip(lines, texts, strict=True):
        for k, image in enumerate(line.images):
            place = (0.06 + (CELL + 0.06) * k) / width, (top - CELL) / height, CELL / width, CELL / height
            axes = figure.add_axes(place)
            axes.axis("off")
            flat = image.squeeze(-1) if image.shape[-1] == 1 else image
            axes.imshow(flat, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        top -= CELL + 0.06
        for part in text:
            top -= TEXT
            figure.text(0.06 / width, (top + 0.04) / height, part, fontsize=9)
        top -= 0.06 if text else 0
    write_figure(figure, path)


def strip(x: np.ndarray) -> np.ndarray:
    """A contact sheet of uint8 `[rows, columns, H, W, C]`; small images are enlarged by repeating pixels."""
    rows, columns, height = x.shape[:3]
    sheet = contact_sheet(x.reshape(-1, *x.shape[2:]), rows, columns)
    times = -(-VISIBLE // height)
    return sheet.repeat(times, 0).repeat(times, 1)


def write_png(picture: np.ndarray, path: Path) -> None:
    """Write a picture, uint8 `[H, W, C]`, as .png."""
    with files.replacing(path) as file:
        _image(picture).save(file, "PNG")


def write_gif(frames: Sequence[np.ndarray], path: Path, step: int = STEP, colours: int | None = None) -> None:
    """Write frames, uint8 `[H, W, C]`, as a .gif that repeats for ever.

    Args:
        frames: the frames in their order.
        path: of the file.
        step: milliseconds per frame.
        colours: how many colours a frame keeps, without dithering; fewer colours make a smaller file.
    """
    first, *others = map(_image, frames)
    if colours is not None:
        palette = _image(np.concatenate(frames)).quantize(colours, dither=Image.Dither.NONE)
        first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in (first, *others))
    with files.replacing(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=step, loop=0)


def _image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
