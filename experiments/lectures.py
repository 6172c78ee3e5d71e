"""Execute the notebooks of the lectures, and write the pictures of docs/lectures.md.

\b
    python -m experiments lectures [--scale 20] [--out docs/lectures]

A cell that begins with `# picture: NAME` paints NAME.png. `SCALE` in the first cell of a notebook is the length of trainings.
The tests execute the notebooks as they are, with SCALE = 1. The pictures of the page are made with 20.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import typer
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from ganbench import files

FOLDER = Path(__file__).resolve().parents[1] / "docs/lectures"
PICTURE = re.compile(r"# picture: (\S+)\n")
COLOURS = 64  # of a picture; so it is small


def notebooks() -> list[Path]:
    """The notebooks, one for each lecture."""
    return sorted(FOLDER.glob("*.ipynb"))


def cells(notebook: Path) -> list[str]:
    """The code of each cell that has code."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def names(notebook: Path) -> list[str]:
    """The names of the pictures that a notebook paints."""
    return [match[1] for cell in cells(notebook) if (match := PICTURE.match(cell))]


def execute(notebook: Path, scale: int = 1) -> dict[str, bytes]:
    """Execute the cells in their order, in one namespace.

    Returns:
        The pictures as .png, by name.

    Raises:
        AssertionError: a cell does not show what it claims.
    """
    matplotlib.use("Agg")
    space: dict[str, Any] = {"__name__": notebook.stem}
    painted = {}
    for number, cell in enumerate(cells(notebook)):
        exec(compile(cell, f"{notebook.name}, cell {number}", "exec"), space)
        space["SCALE"] = scale
        if match := PICTURE.match(cell):
            painted[match[1]] = png(plt.gcf())
        plt.close("all")
    return painted


def png(figure: Figure) -> bytes:
    """A figure as a .png of few colours; equal figures give equal bytes."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=100)
    Image.open(full).convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    return small.getvalue()


def main(
    scale: Annotated[int, typer.Option(min=1, help="length of the trainings")] = 20,
    out: Annotated[Path, typer.Option(help="folder of the pictures")] = FOLDER,
) -> None:
    """Write the pictures of all notebooks."""
    for notebook in notebooks():
        for name, content in execute(notebook, scale).items():
            files.write(out / f"{name}.png", content)
            print(f"wrote {name}.png, {len(content):,} bytes")
