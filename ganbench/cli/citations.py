"""BibTeX for `ganbench cite`: entries for ganbench, and for the papers behind metrics, baselines and datasets.

`references.bib` holds the entries. A metric's card and the docstring of a baseline give the arXiv numbers of their
papers; a dataset is in the table `DATASETS`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import resources

import yaml

from ganbench import baseline, data, metrics, paths
from ganbench._version import __version__
from ganbench.errors import choose

# The entries of each dataset, by arXiv number, or by key where the paper has none.
DATASETS = {
    "crawl-32": ["crawl2022tiles"],
    "digits": ["alpaydin1998optical"],
    "emoji-32": ["henderson2024emoji"],
    "emoji-64": ["henderson2024emoji"],
    "emoji-captions": ["henderson2024emoji"],
    "emoji-pairs": ["henderson2024emoji"],
    "fashion-mnist": ["1708.07747"],
    "gaussian1d": ["1406.2661"],
    "grid": ["1712.04086"],
    "mnist": ["lecun1998gradient"],
    "ring": ["1712.04086"],
    "shapes-32": ["1605.05395"],
    "shapes-32-attributes": ["1605.05395"],
    "shapes-64": ["1605.05395"],
    "shapes-relations-32": ["1605.05395"],
    "shapes-relations-64": ["1605.05395"],
    "shapes-stars": ["1703.10593"],
    "spoken-digits": ["1802.04208"],
    "stacked-mnist": ["1611.02163", "lecun1998gradient", "1712.04086"],
}
ARXIV = re.compile(r"\b\d{4}\.\d{4,5}\b")


@cache
def entries() -> dict[str, str]:
    """The entries of `references.bib`: by key, and by arXiv number if the paper has one."""
    text = (resources.files("ganbench.cli") / "references.bib").read_text(encoding="utf-8")
    table: dict[str, str] = {}
    for block in text.strip().split("\n\n"):
        key = re.match(r"@\w+\{([^,]+),", block)
        number = re.search(r"eprint = \{([^}]+)\}", block)
        table |= {match[1]: block for match in (key, number) if match}
    return table


def papers(name: str) -> list[str]:
    """The papers of a metric, a baseline or a dataset: arXiv numbers, or keys of `references.bib`.

    Raises:
        UserError: no metric, baseline or dataset has this name.
    """
    everything = {*metrics.names(), *baseline.names(), *data.names()}
    choose(name, everything, "metric, baseline or dataset")
    if name in metrics.names():
        return ARXIV.findall(metrics.get(name).card.paper)
    if name in baseline.names():
        docstring = ast.get_docstring(ast.parse((baseline.folder() / f"{name}.py").read_text(encoding="utf-8"))) or ""
        first, _, rest = docstring.partition("\n")
        return ARXIV.findall(first) or ARXIV.findall(rest)
    return DATASETS.get(name, [])


def cite(names: list[str]) -> str:
    """BibTeX: one entry for each paper behind these names; without names, the entry of ganbench itself.

    If `references.bib` has no entry for a paper (a plug-in's paper, for instance), a comment gives its arXiv number.

    Raises:
        UserError: no metric, baseline or dataset has one of these names.
    """
    if not names:
        return itself()
    cited = dict.fromkeys(paper for name in names for paper in papers(name))
    blocks = dict.fromkeys(entries().get(paper, f"% no entry for https://arxiv.org/abs/{paper}") for paper in cited)
    return "\n\n".join(blocks)


def itself() -> str:
    """The entry of ganbench itself, made from `CITATION.cff`."""
    facts = yaml.safe_load((paths.definitions() / "CITATION.cff").read_text(encoding="utf-8"))
    authors = " and ".join("{" + author["name"] + "}" for author in facts["authors"])
    return "\n".join(
        [
            "@software{ganbench,",
            f"  title = {{{facts['title']}}},",
            f"  author = {{{authors}}},",
            f"  version = {{{__version__}}},",
            f"  license = {{{facts['license']}}},",
            "}",
        ]
    )
