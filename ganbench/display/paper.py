"""Tables for papers: LaTeX with booktabs, and Markdown. Cells are the texts that people read elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.errors import plain

SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "±": r"$\pm$",
    "–": "--",
    "“": "``",
    "”": "''",
}
NARROW = 5  # columns that fit the text of a page; a table with more is scaled to its width


def in_latex(text: str) -> str:
    r"""A text for LaTeX: signs with a meaning there are escaped, arrows are mathematics.

    >>> in_latex("kid_of 5 % ≥ {3}")
    'kid\\_of 5 \\% $\\geq$ \\{3\\}'
    """
    return "".join(SPECIAL.get(sign, sign) for sign in plain(text))


def in_markdown(text: str) -> str:
    r"""A text for Markdown: signs with a meaning in a line are escaped, and no HTML is left.

    >>> in_markdown("*fid_x* | <b>")
    '\\*fid\\_x\\* \\| &lt;b&gt;'
    """
    escaped = "".join(f"\\{sign}" if sign in "\\`*_[]|" else sign for sign in plain(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def latex(heads: Sequence[str], rows: Sequence[Sequence[str] | None], caption: str, label: str) -> str:
    """A table environment with booktabs. `None` among the rows is a rule; the first column is flush left, the others right."""
    lines = [r"\midrule" if row is None else " & ".join(map(in_latex, row)) + r" \\" for row in rows]
    table = [
        rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        " & ".join(map(in_latex, heads)) + r" \\",
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    wide = len(heads) > NARROW
    needed = r"\usepackage{booktabs,graphicx}" if wide else r"\usepackage{booktabs}"
    shown = [r"\resizebox{\textwidth}{!}{%", *table, "}"] if wide else table
    whole = [
        f"% {needed}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{in_latex(caption)}}}",
        rf"\label{{{label}}}",
        *shown,
        r"\end{table}",
    ]
    return "\n".join(whole) + "\n"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table in Markdown below its caption; the first column is flush left, the others right."""
    rule = [":---", *["---:"] * (len(heads) - 1)]
    lines = [list(map(in_markdown, heads)), rule, *(list(map(in_markdown, row)) for row in rows)]
    return "\n".join([in_markdown(caption), "", *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"
