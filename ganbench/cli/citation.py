"""BibTeX for what a user used: ganbench itself, and the papers of metrics, baselines and datasets."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ganbench import baseline, data, metrics
from ganbench._version import __version__
from ganbench.errors import choose

PAPERS = Path(__file__).with_name("papers.bib")
ARXIV = re.compile(r"\b\d{4}\.\d{5}\b|\b\d{4}\.\d{4}\b")
SOFTWARE = f"""@software{{ganbench,
  author = {{{{The ganbench authors}}}},
  title = {{ganbench: a benchmark and evaluation suite for generative adversarial networks}},
  version = {{{__version__}}},
}}"""


class Paper(NamedTuple):
    """One entry of `papers.bib`."""

    number: str  # on arXiv, or ""
    datasets: tuple[str, ...]  # that it introduced
    text: str  # BibTeX


def papers() -> list[Paper]:
    """All entries of `papers.bib`."""
    texts = re.split(r"\n(?=@)", PAPERS.read_text(encoding="utf-8"))[1:]
    return [Paper(_field(text, "eprint"), tuple(_field(text, "keywords").split(", ")), text.strip()) for text in texts]


def _field(text: str, name: str) -> str:
    value = re.search(rf"^  {name} = {{(.*)}},$", text, re.MULTILINE)
    return value.group(1) if value else ""


def named(name: str) -> list[str]:
    """The arXiv numbers that the card of a metric, or the docstring of a baseline, names."""
    if name in metrics.names():
        return ARXIV.findall(metrics.get(name).card.paper)
    docstring = ast.get_docstring(ast.parse((baseline.folder() / f"{name}.py").read_text(encoding="utf-8"))) or ""
    first = docstring.partition("\n")[0]  # names the paper; the lines below name its sources too
    return ARXIV.findall(first) or ARXIV.findall(docstring)


def bibtex(names: Sequence[str]) -> str:
    """The BibTeX of ganbench and of the papers of these metrics, baselines and datasets, each once.

    Raises:
        UserError: no metric, baseline or dataset has one of these names.
    """
    chosen = [
        choose(n, {*metrics.names(), *baseline.names(), *data.names()}, "metric, baseline or dataset") for n in names
    ]
    numbers = {number for name in chosen if name not in data.names() for number in named(name)}
    wanted = [p.text for p in papers() if p.number in numbers or set(p.datasets) & set(chosen)]
    return "\n\n".join([SOFTWARE, *wanted])
