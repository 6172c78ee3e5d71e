"""Draw the plan of the package: its rooms, the floors they stand on, and who imports whom.

A room is a folder of `ganbench/` or a loose module. An arrow is an import at run time. A room stands one floor above the
highest room that it imports. The picture draws the arrows to the next floor; `plan.txt` lists all of them.
`python docs/refresh.py` writes both.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "ganbench"
ENTRANCES = ("__init__", "__main__")  # they only forward to other rooms
Plan = Mapping[str, set[str]]  # room -> the rooms that it imports
WIDTH, HEIGHT, FILES = 2.7, 1.6, 34  # of a room in inches, and characters in a line of its files


def files(room: str, package: Path = PACKAGE) -> list[Path]:
    """The Python files of a room: one for a loose module, those of the folder and of the folders in it otherwise."""
    loose = package / f"{room}.py"
    return [loose] if loose.is_file() else sorted((package / room).rglob("*.py"))


def rooms(package: Path = PACKAGE) -> list[str]:
    """The rooms by name."""
    folders = [path.parent.name for path in package.glob("*/__init__.py")]
    loose = [path.stem for path in package.glob("*.py") if path.stem not in ENTRANCES]
    return sorted(folders + loose)


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a module imports at run time; what is imported for type checkers alone does not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def plan(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Each room, and the other rooms that it imports."""
    names = rooms(package)
    arrows: dict[str, set[str]] = {}
    for room in names:
        dotted = {
            name for file in files(room, package) for name in imports(ast.parse(file.read_text(encoding="utf-8")))
        }
        targets = {name.split(".")[1] for name in dotted if name.startswith(f"{package.name}.")}
        arrows[room] = targets & set(names) - {room}
    return arrows


def floors(arrows: Plan) -> dict[str, int]:
    """The floor of each room, 1 at the bottom.

    Raises:
        ValueError: rooms import each other in a circle; the message names them.
    """
    heights: dict[str, int] = {}

    def height(room: str, above: tuple[str, ...] = ()) -> int:
        if room in above:
            raise ValueError(f"a circle of imports: {' -> '.join((*above[above.index(room) :], room))}")
        if room not in heights:
            heights[room] = 1 + max((height(below, (*above, room)) for below in arrows[room]), default=0)
        return heights[room]

    return {room: height(room) for room in arrows}


def listing(arrows: Plan, package: Path = PACKAGE) -> str:
    """What the picture shows, as text: a line per room, from the top floor down."""
    stands = floors(arrows)
    lines = [f"{len(arrows)} rooms, {max(stands.values())} floors, {sum(map(len, arrows.values()))} arrows"]
    for room in sorted(arrows, key=lambda room: (-stands[room], room)):
        inside = " ".join(contents(room, package))
        below = ", ".join(sorted(arrows[room])) or "nothing"
        lines.append(f"{stands[room]} {room}{f' ({inside})' if inside else ''} -> {below}")
    return "\n".join(lines) + "\n"


def contents(room: str, package: Path = PACKAGE) -> list[str]:
    """The files of a room that are not private, without their ending; a loose module has none beside itself."""
    if (package / f"{room}.py").is_file():
        return []
    return sorted(path.stem for path in (package / room).glob("[a-z]*.py"))


def draw(arrows: Plan, out: Path) -> None:
    """Draw the plan as a picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    stands = floors(arrows)
    storeys = [sorted(room for room in stands if stands[room] == floor) for floor in range(1, max(stands.values()) + 1)]
    widest = max(map(len, storeys)) * WIDTH
    figure, axes = plt.subplots(figsize=(widest + 0.6, len(storeys) * HEIGHT))
    places: dict[str, tuple[float, float]] = {}
    for floor, storey in enumerate(storeys):  # rooms stand above the middle of what they import
        wish = {room: sum(places[to][0] for to in arrows[room]) / max(1, len(arrows[room])) for room in storey}
        left = (widest - len(storey) * WIDTH) / 2
        for number, room in enumerate(sorted(storey, key=lambda room: (wish[room], room))):
            places[room] = left + (number + 0.5) * WIDTH, (floor + 0.5) * HEIGHT
        axes.axhspan(floor * HEIGHT, (floor + 1) * HEIGHT, color="0.97" if floor % 2 else "white", zorder=0)
        axes.text(-0.1, (floor + 0.5) * HEIGHT, str(floor + 1), color="0.5", ha="right", va="center", fontsize=11)
    for room, targets in arrows.items():
        for to in sorted(to for to in targets if stands[to] == stands[room] - 1):
            (x, y), (x_to, y_to) = places[room], places[to]
            ends = {"xy": (x_to, y_to + 0.36 * HEIGHT), "xytext": (x, y - 0.36 * HEIGHT)}
            axes.annotate("", **ends, arrowprops={"arrowstyle": "-|>", "color": "#8aa4c8", "lw": 0.9}, zorder=1)
    for room, (x, y) in places.items():
        inside = textwrap.wrap(" ".join(contents(room)), FILES)
        size = 0.92 * WIDTH, 0.72 * HEIGHT
        corner = x - size[0] / 2, y - size[1] / 2
        colour = "#dce7f5" if inside else "#f5eedc"
        axes.add_patch(plt.Rectangle(corner, *size, facecolor=colour, edgecolor="#51627d", zorder=2))
        top = y + 0.33 * HEIGHT if inside else y
        axes.text(x, top, room, ha="center", va="top" if inside else "center", fontsize=10, weight="bold", zorder=3)
        axes.text(x, y + 0.18 * HEIGHT, "\n".join(inside), ha="center", va="top", fontsize=6.2, zorder=3)
    axes.set(xlim=(-0.4, widest + 0.2), ylim=(0, len(storeys) * HEIGHT))
    axes.axis("off")
    figure.savefig(out, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
