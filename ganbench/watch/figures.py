"""The pictures of a run: its losses, and its samples at one moment.

The colours are those of Okabe and Ito and the map "PuOr": people who see red and green alike can tell them apart. Each picture
brings its white paper, so it is readable on a light page and on a dark page.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scipy.special import ndtr

from ganbench import data
from ganbench.data.mixture import Mixture
from ganbench.display import pictures
from ganbench.metrics.modes import modes, radius
from ganbench.samples import SampleSet
from ganbench.training.objectives import Loss
from ganbench.watch.view import Line, View

BLUE, ORANGE, GREEN, INK = "#0072b2", "#d55e00", "#009e73", "#333333"
CELLS = 60  # of the histogram of samples on the line
BANDS = 11  # of D's field; few even bands keep a film small
DPI = 70  # of a moment
WIDE, NARROW, TITLE = (
    320,
    200,
    28,
)  # most and least width of a picture of a moment, and the height of its title, in pixels
QUIET = 1e-9  # is added to waves, because silence has no logarithm


def losses(view: View) -> Figure:
    """Both losses over the images seen, each with the level that has a meaning as a dashed line."""
    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    objective = view.objective
    of_d, of_g = (None, None) if objective is None else (objective.d, objective.g)
    players = (("d/loss", "D", BLUE, of_d), ("g/loss", "G", ORANGE, of_g))
    panels = figure.subplots(2, 1, sharex=True)
    for axes, (name, player, colour, loss) in zip(panels, players, strict=True):
        _loss(axes, [line for line in view.history if name in line], name, colour, loss)
        axes.set_ylabel(f"loss of {player}", color=INK)
    panels[-1].set_xlabel("real images seen")
    panels[-1].xaxis.set_major_formatter("{x:,.0f}")
    return figure


def _loss(axes: Axes, lines: list[Line], name: str, colour: str, loss: Loss | None) -> None:
    axes.plot([line["images"] for line in lines], [line[name] for line in lines], color=colour, linewidth=1.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    if loss is not None and loss.level is not None:
        axes.axhline(loss.level.value, color=INK, linestyle="--", linewidth=1)
        axes.annotate(
            str(loss.level),
            (1, loss.level.value),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=INK,
        )
        axes.margins(y=0.12)


def caption(moment: SampleSet, mixture: Mixture | None) -> str:
    """The title of a moment: when it was, and the count of modes that the metric gives where the modes are known."""
    title = f"{moment.manifest['seen']:,} images"
    if moment.manifest.get("reason"):
        return f"{title}: no samples ({moment.manifest['reason']})"
    if mixture is None or len(mixture.means) == 1:
        return title
    return f"{title}: {modes(np.asarray(moment.x), mixture).value:g} of {len(mixture.means)} modes"


def moment(taken: SampleSet) -> Figure:
    """The samples of a moment under its caption. A pixel of an image is a whole number of pixels at `DPI`."""
    dataset = taken.manifest["run"]["dataset"]
    points = taken.x.ndim == 2
    mixture = data.mixture(dataset) if points else None
    sheet = None if points or taken.x.ndim == 3 or not len(taken.x) else _sheet(np.asarray(taken.x))
    figure = Figure(figsize=(4, 4.3), layout="constrained") if sheet is None else _around(sheet)
    figure.suptitle(caption(taken, mixture), fontsize=11, color=INK, wrap=True)
    if sheet is not None:
        return figure
    axes = figure.subplots()
    if not len(taken.x) or not points:
        axes.axis("off")
        _spectrograms(axes, np.asarray(taken.x))
        return figure
    box = pictures.frame(np.asarray(data.load(dataset, "train").x))
    if taken.x.shape[1] == 1:
        _line(axes, taken, mixture, box[:, 0])
    else:
        _plane(axes, taken, mixture, box)
    return figure


def optimal(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """D* = p / (p + q), the best answer to a generator with density q (Goodfellow et al. 2014, proposition 1); nan at 0 / 0."""
    both = p + q
    best: np.ndarray = np.divide(p, both, out=np.full(np.shape(both), np.nan), where=both > 0)
    return best


def densities(x: np.ndarray, mixture: Mixture, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean densities p of the mixture and p_g of samples `[n, 1]` in cells on the line: each `[len(edges) - 1]`."""
    at_edges = ndtr((edges[:, None] - mixture.means[:, 0]) / mixture.sd).mean(1)
    widths = np.diff(edges)
    return np.diff(at_edges) / widths, np.histogram(x[:, 0], edges)[0] / len(x) / widths


def _line(axes: Axes, taken: SampleSet, mixture: Mixture | None, box: np.ndarray) -> None:
    """p, p_g, D and D* in one plot, as in figure 1 of Goodfellow et al. 2014. The densities have the left scale."""
    edges = np.linspace(box[0], box[1], CELLS + 1)
    right = axes.twinx()
    right.set_ylim(0, 1.05)
    right.set_ylabel("D and D*")
    axes.set_ylabel("density")
    axes.set_xlim(*box)
    if mixture is None:
        axes.hist(np.asarray(taken.x)[:, 0], edges.tolist(), density=True, color=ORANGE, label="p_g: samples")
    else:
        p, q = densities(np.asarray(taken.x), mixture, edges)
        axes.set_ylim(0, 1.6 * p.max())  # the same in each frame of a film
        axes.stairs(q, edges, fill=True, color=ORANGE, alpha=0.45, label="p_g: samples")
        axes.stairs(p, edges, color=BLUE, linewidth=1.6, label="p: data")
        right.stairs(optimal(p, q), edges, color=GREEN, linewidth=1.2, baseline=None, label="D* = p / (p + p_g)")
    if taken.discriminator is not None:
        right.plot(*taken.discriminator.T, color="black", linewidth=1.8, label="D")
    handles = [artist for side in (axes, right) for artist in side.get_legend_handles_labels()[0]]
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)


def _plane(axes: Axes, taken: SampleSet, mixture: Mixture | None, box: np.ndarray) -> None:
    """The cloud of samples, the modes as circles, and the field of D behind them. Sharp edges keep a film small."""
    if taken.discriminator is not None:
        x, y, D = taken.discriminator.T
        probability = taken.manifest["answers"] == "probability"
        low, high = (0.0, 1.0) if probability or D.min() == D.max() else (float(D.min()), float(D.max()))
        side = len(np.unique(x))
        columns, rows, field = (part.reshape(side, -1) for part in (x, y, D))
        axes.contourf(
            columns,
            rows,
            field,
            levels=np.linspace(low, high, BANDS + 1),
            cmap="PuOr_r",
            alpha=0.55,
            extend="both",
            antialiased=False,
        )
    axes.scatter(taken.x[:, 0], taken.x[:, 1], s=2, color="black", linewidths=0, antialiased=False)
    if mixture is not None:
        for centre in mixture.means:
            axes.add_patch(Circle((centre[0], centre[1]), radius(mixture), fill=False, color=BLUE, linewidth=1.4))
    axes.set_xlim(*box[:, 0])
    axes.set_ylim(*box[:, 1])
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])


def _sheet(x: np.ndarray) -> np.ndarray:
    """A contact sheet, uint8 `[H, W, C]`: images in a square, or the frames of a clip in a row."""
    if x.ndim == 5:
        shown = np.linspace(0, x.shape[1] - 1, min(x.shape[1], pictures.SIDE)).astype(int)
        return pictures.contact_sheet(x[:, shown].reshape(-1, *x.shape[2:]), len(x), len(shown))
    side = min(pictures.SIDE, max(1, WIDE // (x.shape[2] + 1)))
    return pictures.contact_sheet(x, side, side)


def _around(sheet: np.ndarray) -> Figure:
    """A figure that holds a sheet, enlarged by a whole number, and has room for a title above the sheet."""
    h, w = np.array(sheet.shape[:2]) * max(1, WIDE // max(sheet.shape[:2]))
    figure = Figure(figsize=(max(w, NARROW) / DPI, (h + TITLE) / DPI))
    axes = figure.add_axes((0, 0, w / max(w, NARROW), h / (h + TITLE)))
    axes.axis("off")
    grey = sheet.shape[-1] == 1
    axes.imshow(
        sheet.squeeze(-1) if grey else sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto"
    )
    return figure


def _spectrograms(axes: Axes, x: np.ndarray) -> None:
    """Waves `[n, T, C]` as spectrograms of their first channel, one above the other."""
    for i, wave in enumerate(x):
        part = axes.inset_axes((0, 1 - (i + 1) / len(x), 1, 0.92 / len(x)))
        window = min(256, len(wave))
        part.specgram(wave[:, 0] + QUIET, NFFT=window, noverlap=window // 2, cmap="cividis")
        part.axis("off")
