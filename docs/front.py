"""Draw the findings on the README's front, and write what they show in words; every source is a published file.

`python docs/refresh.py` writes both. `docs/front/cgan-recipe-3.json` and `.png` are the record and the samples that this
repository published for `cgan` before `RECIPE` 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image
from scipy import ndimage

from ganbench.boards import controls, posters, published
from ganbench.display.text import fixed, listed, number

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/front"
MARKS = "<!-- front: begin -->\n", "<!-- front: end -->"
SHOWN = 7  # rows of the ring's poster, beside the control `real`
BEST = 4  # rows of MNIST's board
PAPER = 200  # grey value below which a pixel is a sample
NEAR = 9  # pixels that join the samples of a mode


class Finding(NamedTuple):
    """A picture, what it shows for those who cannot see it, and the sentences below it."""

    name: str
    said: str
    sentences: str
    draw: Callable[[Path], None]


def findings() -> list[Finding]:
    """All findings in the order of the README."""
    return [_cgan(), _ring(), _protocols(), _mnist()]


def block() -> str:
    """The findings as they stand in the README."""
    parts = [
        f'{finding.sentences}\n\n<img src="docs/front/{finding.name}.png" width="700" alt="{finding.said}">'
        for finding in findings()
    ]
    return "\n" + "\n\n".join(parts) + "\n\n"


def readme(text: str) -> str:
    """The README with the findings of today."""
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    return f"{before}{begin}{block()}{end}{after}"


def draw() -> None:
    """Draw all pictures."""
    for finding in findings():
        finding.draw(FOLDER / f"{finding.name}.png")


def record(path: Path) -> dict[str, Any]:
    """The metrics of a published record."""
    metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["scores"]["metrics"]
    return metrics


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=130, metadata={"Software": None})
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(posters.COLOURS)
    few.save(path, optimize=True)


def _panels(n: int, columns: int, size: float) -> tuple[Figure, Iterator[Axes]]:
    rows = -(-n // columns)
    figure = Figure(figsize=(size * columns, (size + 0.3) * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for panel in axes:
        panel.axis("off")
    return figure, iter(figure.axes)


def _paint(axes: Axes, picture: Image.Image, title: str) -> None:
    axes.imshow(np.asarray(picture), interpolation="nearest")
    axes.set_title(title, fontsize=12)


def _grid(path: Path) -> Image.Image:
    """The samples of a grid in `docs/grids`, without its title."""
    with Image.open(path) as picture:
        return posters.inside(picture.convert("RGB"))


def _cgan() -> Finding:
    """A conditional GAN whose samples were perfect one by one."""
    before, after = record(FOLDER / "cgan-recipe-3.json"), record(ROOT / "results/mnist/cgan-s0.json")
    told = [
        f"classifier score {number(scores['classifier_score']['value'])}, recall {number(scores['recall']['value'])}"
        for scores in (before, after)
    ]
    perfect = number(before["classifier_score"]["perfect"])

    def draw(path: Path) -> None:
        figure, panels = _panels(2, 2, 3.6)
        grids = (FOLDER / "cgan-recipe-3.png", ROOT / "docs/grids/cgan.png")
        for when, text, grid in zip(("before", "after"), told, grids, strict=True):
            _paint(next(panels), _grid(grid), f"{when}: {text}")
        _save(figure, path)

    return Finding(
        "cgan",
        f"two sheets of digits by a conditional GAN; before its repair: {told[0]}; after its repair: {told[1]}",
        f"**A perfect score can hide a collapse.** Before its repair the conditional GAN had a classifier score of "
        f"{number(before['classifier_score']['value'])} on MNIST; a perfect generator has {perfect}. Its precision was "
        f"{number(before['precision']['value'])}, and its recall was {number(before['recall']['value'])}: the digits of a "
        f"class are nearly one picture. [Its noise was off when samples were drawn](docs/baselines.md#repaired-in-recipe-6). "
        f"The repaired GAN has a recall of {number(after['recall']['value'])}.",
        draw,
    )


def modes() -> pd.Series:
    """The modes that the first seed of each row of the board `modes` reaches on the ring, the fewest first."""
    scores = pd.read_csv(ROOT / "results/modes/scores.csv")
    first = scores[(scores.dataset == "ring") & (scores.metric == "modes") & (scores.seed == 0) & scores.value.notna()]
    reached = first[first.kind == "baseline"].sort_values(["value", "row"]).set_index("row").value.astype(int)
    return reached.iloc[np.linspace(0, len(reached) - 1, SHOWN).round().astype(int)]


def _ring() -> Finding:
    """Samples on a ring of eight modes, from the run that reaches the fewest modes to runs that reach all."""
    shown = modes()
    told = {str(row): f"{count} of {len(circles())}" for row, count in shown.items()}

    def draw(path: Path) -> None:
        figure, panels = _panels(SHOWN + 1, 4, 2.1)
        for row, count in (told | {"real": "the data"}).items():
            axes = next(panels)
            axes.axis("on")
            axes.set_xticks([])
            axes.set_yticks([])
            panel = poster()[row]
            _paint(axes, panel, f"{row}\n{count}")
            for x, y in circles():
                place = (x * panel.width, y * panel.height)
                axes.add_patch(Circle(place, 0.055 * panel.width, fill=False, color="tab:orange", linewidth=1.2))
        _save(figure, path)

    return Finding(
        "ring",
        f"samples of {SHOWN} baselines on a ring of eight modes, circles are modes; modes found: "
        f"{', '.join(f'{row}: {count}' for row, count in told.items())}",
        f"**A collapse is counted.** The circles are the modes of the data. The titles say how many of the "
        f"{len(circles())} modes the samples of a run reach: here {shown.iloc[0]} to {shown.iloc[-1]}. The board "
        f"[`modes`](results/modes/README.md) has {len(published.read('modes').board.datasets['ring'].rows)} rows with five "
        "seeds each.",
        draw,
    )


def poster() -> dict[str, Image.Image]:
    """The panels of the published samples of `modes` on the ring, without frames, by row."""
    rows = [*published.read("modes").board.datasets["ring"].rows, *controls.ROWS]
    with Image.open(ROOT / "results/modes/samples-ring.png") as picture:
        whole = picture.convert("RGB")
    places = posters.places(whole, len(rows))
    return {row: posters.inside(whole.crop(place)) for row, place in zip(rows, places, strict=True)}


def circles() -> list[tuple[float, float]]:
    """Where the modes lie in a panel, as shares of its width and of its height: the middles of the clouds of `real`."""
    samples = np.asarray(poster()["real"].convert("L")) < PAPER
    clouds, count = ndimage.label(ndimage.binary_dilation(samples, iterations=NEAR))
    middles = ndimage.center_of_mass(samples, clouds, range(1, count + 1))
    return [(x / samples.shape[1], y / samples.shape[0]) for y, x in middles]


def protocols(gan: str = "gan") -> pd.DataFrame:
    """FID of the same samples under each protocol of `results/spread`, the least FID first."""
    table = pd.read_csv(ROOT / "results/spread/spread.csv")
    return table[(table.samples == gan) & (table.metric == "fid") & table.value.notna()].sort_values("value")


PROTOCOLS = {"house": "the house's protocol", "training split": "against the training split"}


def _protocols() -> Finding:
    """One set of samples under many protocols."""
    table = protocols()
    own = table[table.varied != "extractor"]
    others = table[table.varied == "extractor"]
    names = [PROTOCOLS.get(str(choice), str(choice)) for choice in table.choice]

    def draw(path: Path) -> None:
        figure = Figure(figsize=(7.6, 2.6), layout="constrained")
        axes = figure.subplots()
        for y, (value, low, high) in enumerate(zip(table.value, table.low, table.high, strict=True)):
            axes.plot([low, high], [y, y], color="#86b6dc", linewidth=6, solid_capstyle="butt")
            axes.plot(value, y, "o", color="#005c99")
            axes.annotate(number(value), (value, y), (8, -4), textcoords="offset points")
        axes.set_yticks(range(len(names)), names)
        axes.set_xscale("log")
        axes.set_xlim(table.value.min() / 1.5, table.value.max() * 2)
        axes.set_xlabel("FID, with its 95 % interval where it is known")
        axes.spines[["top", "right"]].set_visible(False)
        axes.invert_yaxis()
        _save(figure, path)

    return Finding(
        "protocols",
        "FID of one set of samples by protocol: "
        + ", ".join(f"{name} {number(value)}" for name, value in zip(names, table.value, strict=True)),
        f"**One set of samples has many FIDs.** The {own.n.max():,} samples of one run on digits have a FID of "
        f"{number(own.value.min())} to {number(own.value.max())} with one extractor, and of "
        f"{listed([number(value) for value in others.value])} with others. [How far a number moves](results/spread/README.md).",
        draw,
    )


def mnist() -> pd.Series:
    """FID of the run of each baseline on MNIST, the least first."""
    paths = sorted((ROOT / "results/mnist").glob("*-s0.json"))
    fids = {path.name.removesuffix("-s0.json"): record(path)["fid"]["value"] for path in paths}
    return pd.Series(fids).drop("noise").sort_values()


def _mnist() -> Finding:
    """The first rows on MNIST."""
    fids = mnist()
    titles = _titles(fids[:BEST])

    def draw(path: Path) -> None:
        figure, panels = _panels(BEST, BEST, 2.1)
        for row, title in zip(fids.index[:BEST], titles, strict=True):
            _paint(next(panels), _grid(ROOT / f"docs/grids/{row}.png"), title)
        _save(figure, path)

    return Finding(
        "mnist",
        f"samples of the {BEST} baselines with the least FID on MNIST: {', '.join(titles)}",
        f"**A board gives every baseline the same time.** These are the {BEST} of {len(fids)} baselines with the least FID "
        "after about five minutes of one CPU core on MNIST, one run each. "
        "[The other baselines and their numbers](results/mnist/README.md).",
        draw,
    )


def _titles(fids: pd.Series) -> Sequence[str]:
    return [f"{row}: FID {fixed(float(fid), 2)}" for row, fid in fids.items()]
