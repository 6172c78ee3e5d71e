"""Sphinx: the pages of this folder, and an API reference made of the docstrings. `make docs` builds `docs/_build/html`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

import plan  # noqa: E402

from ganbench import __version__  # noqa: E402

project, author, release = "ganbench", "The ganbench authors", __version__
copyright = author
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
napoleon_custom_sections = [("Extras", "params_style")]  # the further numbers of a metric
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# Pages link to files of the repository that are no pages. tests/test_docs_links.py checks every such link.
suppress_warnings = ["myst.xref_missing", "ref.python"]  # ref.python: a short name of a type that two modules have
autodoc_default_options = {"members": True, "ignore-module-all": True, "member-order": "bysource"}
autodoc_typehints_format = "short"

HIDDEN = {"cli"}  # the verbs explain themselves: `ganbench VERB --help`


def write_reference(folder: Path) -> None:
    """Write a page per room of the plan, with all its public modules, and an index."""
    folder.mkdir(exist_ok=True)
    rooms = [room for room in plan.rooms() if not room.startswith("_") and room not in HIDDEN]
    for room in rooms:
        modules = [
            ".".join(file.relative_to(DOCS.parent).with_suffix("").parts).removesuffix(".__init__")
            for file in plan.files(room)
            if not re.match(r"_(?!_init__)", file.stem) and "_" not in {part[0] for part in file.parts[-2:-1]}
        ]
        blocks = [f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n" for module in modules]
        _write(folder / f"{room}.md", f"# ganbench.{room}\n\n" + "\n".join(blocks))
    listed = "\n".join(rooms)
    front = "`from ganbench import score` scores a sample set, see [scoring](../scoring.md#from-python)."
    _write(folder / "index.md", f"# API reference\n\n{front}\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n")


def _write(path: Path, text: str) -> None:
    """Write a file only where it differs, so that Sphinx builds only what changed."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def to_rst(lines: list[str]) -> list[str]:
    """Docstrings as reStructuredText: their code in single backticks, their tables and their `*` and `|` are Markdown.

    >>> to_rst(["the names `a|b` and a*"])
    ['the names ``a|b`` and a\\\\*']
    """
    out: list[str] = []
    table = False
    for line in _whole_code(lines):
        indent = line[: len(line) - len(line.lstrip())]
        if not line.lstrip().startswith("| "):
            if not line.lstrip().startswith("|"):
                table = False
                out.append(_inline(line))
            continue
        cells = [_inline(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not table:
            out += ["", f"{indent}.. list-table::", f"{indent}   :header-rows: 1", ""]
        table = True
        for number, cell in enumerate(cells):
            out.append(f"{indent}   {'* - ' if number == 0 else '  - '}{cell}")
    return out


def _whole_code(lines: list[str]) -> list[str]:
    """The lines, with code that is broken over two of them on one line."""
    paragraphs = re.split(r"(\n\s*\n)", "\n".join(lines))
    pieces = [paragraph.split("`") for paragraph in paragraphs]
    for parts in pieces:
        parts[1::2] = [re.sub(r"\s*\n\s*", " ", code) for code in parts[1::2]]
    return "".join("`".join(parts) for parts in pieces).split("\n")


def _inline(text: str) -> str:
    if text.lstrip().startswith(">>>"):
        return text
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"`{part}`" if part.startswith("`") else re.sub(r"([*|\\]|_\b)", r"\\\1", part) for part in parts)


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Sphinx calls this for each docstring before napoleon reads its sections."""
    lines[:] = [*to_rst(lines), ""]


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples, whose docstrings say nothing, and what pydantic adds."""
    return True if type(obj).__name__ == "_tuplegetter" or name.startswith("model_") else None


def setup(app: Any) -> None:
    """Connect the hooks."""
    write_reference(DOCS / "api")
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-skip-member", skip)
