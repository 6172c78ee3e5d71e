"""Numbers and tables for people: how many digits a number has, and how a table fits the terminal."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

from ganbench.errors import plain

GAP = "  "  # between two columns
NO_BREAK = "\u00a0"  # a space that no line ends at
NARROW = 8  # characters that a shortened cell keeps at least

Line = Mapping[str, str]  # a row of a table: the text of each column


def number(x: float) -> str:
    """Three significant digits, whole numbers from a thousand on.

    >>> number(0.01234), number(12345.6)
    ('0.0123', '12,346')
    """
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def decimals(values: Iterable[float]) -> int:
    """The number of decimals, at most 3, that gives the median of `values` three digits; a column has one number of decimals.

    >>> decimals([0.287, 0.05]), decimals([16.9, 4.72]), decimals([0.03, 0.12, 2.29]), decimals([934.0])
    (3, 1, 3, 0)
    """
    finite = [abs(x) for x in values if math.isfinite(x)]
    middle = median(finite) if finite else 0.0
    return 3 if middle < 1 else max(0, 2 - math.floor(math.log10(middle)))


def fixed(x: float, places: int) -> str:
    """A number with `places` decimals. A number that rounds to 0 has no sign.

    >>> fixed(4.7236, 2), fixed(-0.0001, 2), fixed(-1234.5, 0)
    ('4.72', '0.00', '-1,234')
    """
    text = f"{x:,.{places}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def value(x: float | None) -> str:
    """A number as text; empty for None."""
    return "" if x is None else number(x)


def interval(bounds: tuple[float, float] | None) -> str:
    """An interval in brackets; empty for None.

    >>> interval((0.01234, 12345.6)), interval(None)
    ('[0.0123, 12,346]', '')
    """
    return "" if bounds is None else f"[{number(bounds[0])}, {number(bounds[1])}]"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names as part of a sentence; of more than `most` + 1 names, the first `most` and the number of the others.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcdefg"))
    ('a', 'a, b and c', 'a, b, c, d and 3 more')
    """
    shown = list(names) if len(names) <= most + 1 else [*names[:most], f"{len(names) - most} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def width() -> int:
    """The columns of the terminal; 80 where there is none, as in a pipe or a file."""
    return shutil.get_terminal_size((80, 24)).columns


def wrap(text: str, indent: str, columns: int | None = None) -> str:
    """Text in lines of at most `columns` characters (by default `width()`), all but the first indented."""
    return textwrap.fill(text, columns or width(), subsequent_indent=indent, break_on_hyphens=False)


def chosen(lines: Sequence[Line], needed: Sequence[str], further: Sequence[str], columns: int) -> list[str]:
    """The columns of a table that fit side by side: all of `needed`, then each of `further` that still fits.

    `further` columns stand before the last needed one.
    """
    taken = list(needed)
    for name in further:
        wider = [*taken[:-1], name, taken[-1]]
        taken = wider if _total(lines, wider) <= columns else taken
    return taken


def layout(
    lines: Sequence[Line],
    names: Sequence[str],
    columns: int,
    cut: str,
    right: Collection[str] = (),
    rules: Collection[int] = (),
) -> list[str]:
    """The lines of a table: a head, a rule, and a line per row.

    Args:
        lines: the rows.
        names: the columns, from left to right.
        columns: width that the table may have. If the table is wider, its column `cut` is shortened; if that is not
            enough, the text of the last column goes on in the next line.
        cut: the column that may be shortened.
        right: columns that are flush right.
        rules: rows that a rule stands before.
    """
    sizes = {name: _size(lines, name) for name in names}
    last = names[-1]
    excess = sum(sizes.values()) + len(GAP) * (len(names) - 1) - columns
    sizes[cut] -= max(0, min(excess, sizes[cut] - NARROW))
    room = columns - sum(sizes[name] + len(GAP) for name in names[:-1])
    sizes[last] = min(sizes[last], max(room, NARROW))
    rule = "─" * (sum(sizes.values()) + len(GAP) * (len(names) - 1))
    out = [*_row(dict(zip(names, names, strict=True)), sizes, right), rule]
    for i, line in enumerate(lines):
        out += [rule] if i in rules else []
        out += _row(line, sizes, right)
    return out


def fitted(lines: Sequence[Line], names: Sequence[str], columns: int) -> list[str]:
    r"""The lines of a table with whole cells: side by side if they fit, else the first cell and below it the others.

    Args:
        lines: the rows.
        names: the columns. The first one names the row.
        columns: width that the table may have.

    >>> print(*fitted([{"metric": "recall", "value": "0.5", "perfect": "1"}], ["metric", "value", "perfect"], 20), sep="\n")
    recall
      value 0.5;
        perfect 1
    """
    if _total(lines, names) <= columns:
        return layout(lines, names, columns, cut=names[0])
    key, *others = names
    out = []
    for line in lines:
        indent = " " * (len(line[key]) - len(line[key].lstrip()) + len(GAP))
        out.append(wrap(line[key], indent, columns))
        cells = [f"{name} {line[name]}".replace(" ", NO_BREAK) for name in others if line[name]]
        below = wrap(indent + "; ".join(cells), indent + GAP, columns)
        out += [below.replace(NO_BREAK, " ")] if cells else []
    return out


def _row(line: Line, sizes: Mapping[str, int], right: Collection[str]) -> list[str]:
    """One row of a table; the text of the last column may need several lines."""
    *before, last = sizes
    cells = [_cell(line[name], sizes[name], name in right) for name in before]
    parts = textwrap.wrap(line[last], sizes[last], break_on_hyphens=False) or [""]
    parts = [f"{part:>{sizes[last]}}" if last in right else part for part in parts]
    head = GAP.join(cells) + GAP if before else ""
    return [f"{head}{parts[0]}".rstrip(), *(" " * len(head) + part for part in parts[1:])]


def _cell(text: str, size: int, right: bool) -> str:
    shown = text if len(text) <= size else f"{text[: size - 1]}…"
    return f"{shown:>{size}}" if right else f"{shown:<{size}}"


def _size(lines: Sequence[Line], name: str) -> int:
    return max(len(name), *(len(line[name]) for line in lines))


def _total(lines: Sequence[Line], names: Sequence[str]) -> int:
    return sum(_size(lines, name) for name in names) + len(GAP) * (len(names) - 1)


def parts(lines: Sequence[Line], keys: Sequence[str], columns: int) -> list[list[str]]:
    """The columns of a table in as many parts as the width asks for; every part has the key columns first."""
    out: list[list[str]] = []
    for name in (name for name in lines[0] if name not in keys):
        if out and _total(lines, [*out[-1], name]) <= columns:
            out[-1].append(name)
        else:
            out.append([*keys, name])
    return out


def table(lines: Sequence[Line], title: str, keys: Sequence[str]) -> None:
    """Print a table to stdout, in parts that fit the terminal. Every part has the key columns again."""
    shown = [{name: plain(text) for name, text in line.items()} for line in lines]
    print(plain(title))
    for names in parts(shown, keys, width()):
        print("\n".join(["", *layout(shown, names, width(), cut=keys[0])]))
    print()
