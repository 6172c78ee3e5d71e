"""Docstrings and the texts of boards as HTML: paragraphs, lists, equations, code."""

from __future__ import annotations

import re
import textwrap

from markupsafe import Markup, escape

CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\barXiv:(\d{4}\.\d{4,5})\b")


def inline(text: str) -> Markup:
    """A sentence, in which words between backticks are code and arXiv numbers are links.

    >>> inline("`fid` < 3")
    Markup('<code>fid</code> &lt; 3')
    """
    coded = CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(LINK.sub(r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', coded))


def blocks(docstring: str) -> Markup:
    """A docstring: indented lines are equations, lines that begin with a dash are a list, and other lines are paragraphs."""
    out = []
    for block in re.split(r"\n\s*\n", textwrap.dedent(docstring).strip("\n")):
        lines = block.splitlines()
        start = next((i for i, line in enumerate(lines) if line.startswith("- ")), len(lines))
        if all(line.startswith("    ") for line in lines):
            out.append(Markup('<pre tabindex="0"><code>{}</code></pre>').format(textwrap.dedent(block)))
            continue
        if start:
            out.append(Markup("<p>{}</p>").format(inline(" ".join(line.strip() for line in lines[:start]))))
        if start < len(lines):
            items = re.split(r"^- ", "\n".join(lines[start:]), flags=re.MULTILINE)[1:]
            texts = [Markup("<li>{}</li>").format(inline(" ".join(item.split()))) for item in items]
            out.append(Markup("<ul>{}</ul>").format(Markup("").join(texts)))
    return Markup("\n").join(out)
