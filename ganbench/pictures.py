"""Sample sets as pictures: contact sheets of images, density maps of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.samples import SampleSet

SIDE = 8  # images per side of a sheet
LINE = 96  # grey of the lines between them


def contact_sheet(x: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The first images of uint8 `[n, H, W, C]`, `side` by `side`, with a grey line before each row and column.

    Returns:
        uint8 `[side * (H + 1), side * (W + 1), C]`; missing images are black.
    """
    cells = np.zeros((side * side, *x.shape[1:]), np.uint8)
    cells[: min(len(x), side * side)] = x[: side * side]
    lined = np.pad(cells, ((0, 0), (1, 0), (1, 0), (0, 0)), constant_values=LINE)
    _, h, w, c = lined.shape
    return lined.reshape(side, side, h, w, c).swapaxes(1, 2).reshape(side * h, side * w, c)


def draw(axes: Axes, one: SampleSet, box: np.ndarray | None) -> None:
    """Draw a sample set. `box` `[2, d]` is the range that points are shown in, the same for every set of a dataset."""
    axes.set_xticks([])
    axes.set_yticks([])
    if one.x.ndim == 4:
        sheet = contact_sheet(one.x)
        axes.imshow(
            sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
        )
        return
    assert box is not None
    if one.x.shape[1] == 1:
        axes.hist(one.x[:, 0], bins=100, range=tuple(box[:, 0]), density=True, color="tab:blue")
        return
    axes.scatter(one.x[:, 0], one.x[:, 1], s=1, alpha=0.3, linewidths=0, color="tab:blue")
    axes.set_xlim(*box[:, 0])
    axes.set_ylim(*box[:, 1])
    axes.set_aspect("equal")


def frame(x: np.ndarray) -> np.ndarray:
    """The range `[2, d]` of points `[n, d]` with a margin around it."""
    low, high = x.min(0), x.max(0)
    return np.stack([low - 0.2 * (high - low), high + 0.2 * (high - low)])


def overview(named: dict[str, SampleSet], path: Path) -> None:
    """One picture with a panel per sample set, under its name; points in the frame of the last set that is not empty."""
    box = None
    for one in named.values():
        if one.x.ndim == 2 and len(one.x):
            box = frame(one.x)
    columns = min(len(named), 4)
    rows = -(-len(named) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, (name, one) in zip(figure.axes, named.items(), strict=False):
        axes.axis("on")
        axes.set_title(name if len(one.x) else f"{name}: {one.manifest['reason']}", fontsize=10, wrap=True)
        if len(one.x):
            draw(axes, one, box)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
