"""Numbers and tables for people: how many digits, and how a table fits a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def number(x: float) -> str:
    """Three significant digits, whole numbers from a thousand on.

    >>> number(0.01234), number(12345.6)
    ('0.0123', '12,346')
    """
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def value(x: float | None) -> str:
    """A number, or nothing where there is none."""
    return "" if x is None else number(x)


def interval(bounds: tuple[float, float] | None) -> str:
    """An interval in brackets; nothing where there is none.

    >>> interval((0.01234, 12345.6)), interval(None)
    ('[0.0123, 12,346]', '')
    """
    return "" if bounds is None else f"[{number(bounds[0])}, {number(bounds[1])}]"


def wrap(text: str, indent: str) -> str:
    """Text in lines as wide as the terminal (80 columns where there is none), all but the first indented."""
    return textwrap.fill(text, shutil.get_terminal_size().columns, subsequent_indent=indent, break_on_hyphens=False)


def table(lines: Sequence[Mapping[str, str]], title: str, keys: Sequence[str]) -> None:
    """Print a table to stdout. A terminal too narrow for it gets it in parts, each with the key columns again."""
    console = Console()
    width = {c: max(len(c), *(len(line[c]) for line in lines)) + 3 for c in lines[0]}
    if not console.is_terminal:
        console = Console(width=sum(width.values()) + len(title))
    parts: list[list[str]] = [[]]
    for column in (c for c in lines[0] if c not in keys):
        if parts[-1] and 1 + sum(width[c] for c in [*keys, *parts[-1], column]) > console.width:
            parts.append([])
        parts[-1].append(column)
    console.print(title, style="bold", markup=False, highlight=False)
    for part in parts:
        shown = Table(box=box.SIMPLE_HEAD)
        for column in [*keys, *part]:
            shown.add_column(column, no_wrap=True)
        for line in lines:
            shown.add_row(*(line[c] for c in [*keys, *part]))
        console.print(shown)
