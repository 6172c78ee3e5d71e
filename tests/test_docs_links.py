"""The documents point at files, headings and commands that exist, and their printed parts are fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import REPOSITORY
from PIL import Image

from ganbench.cli import app

PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for pattern in ("*.md", "docs/*.md", "docs/guides/*.md", "docs/decisions/*.md", ".github/*.md", "results/README.md")
    for path in REPOSITORY.glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def _text(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The anchors of a page: its headings as a forge spells them, and those that it writes out."""
    text = _text(page)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    spelled = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return set(spelled) | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("name", PAGES)
def test_every_link_within_the_repository_has_a_target(name: str) -> None:
    page = REPOSITORY / name
    for link in LINK.findall(_text(page)):
        if re.match(r"https?:|mailto:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), link


@pytest.mark.parametrize("name", PAGES)
def test_no_list_or_table_was_joined_by_a_reflow(name: str) -> None:
    text = _text(REPOSITORY / name)
    assert re.findall(r"[.:;] - [A-Z`*]|\| \| \*\*|\| \| \[`", text) == []
    item = False
    for line in text.splitlines():
        begins = re.match(r" *(-|\d+\.) ", line)
        assert not item or begins or line.startswith((" ", "#", "|", "<")) or not line.strip(), line
        item = bool(begins) or (item and line.startswith(" "))
        assert not line.startswith("| ") or line.endswith(" |"), line


def test_every_page_is_in_an_index() -> None:
    pages = {Path(page).relative_to("docs").with_suffix("").as_posix() for page in PAGES if page.startswith("docs/")}
    listed = set()
    for index in REPOSITORY.glob("docs/**/index.md"):
        folder = index.parent.relative_to(REPOSITORY / "docs")
        names = re.findall(r"^[\w/-]+$", index.read_text(encoding="utf-8"), re.MULTILINE)
        listed |= {(folder / name).as_posix() for name in names}
    assert pages - {"index"} <= listed


def test_printed_parts_are_fresh() -> None:
    check = subprocess.run(
        [sys.executable, "docs/refresh.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr


def test_pictures_on_the_front_are_those_that_the_command_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(REPOSITORY / "docs")
    from front import findings

    for finding in findings():
        path = tmp_path / f"{finding.name}.png"
        finding.draw(path)
        with Image.open(path) as drawn, Image.open(REPOSITORY / "docs/front" / path.name) as shown:
            assert drawn.size == shown.size
            pair = [np.asarray(picture.convert("L"), float) for picture in (drawn, shown)]
        assert np.abs(pair[0] - pair[1]).mean() < 1, "run `python docs/refresh.py`"


def _commands(page: str) -> list[str]:
    """Every call of ganbench in a shell block of a page, with the lines that continue it."""
    blocks = re.findall(r"^ *```(.*)\n((?:.*\n)*?) *```", (REPOSITORY / page).read_text(encoding="utf-8"), re.MULTILINE)
    lines = [line.strip() for language, block in blocks if language in ("", "sh") for line in _joined(block)]
    return [line for line in lines if line.startswith("ganbench ")]


def _joined(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("page", [page for page in PAGES if _commands(page)])
def test_every_command_of_a_page_has_a_verb_with_its_options(page: str) -> None:
    root = typer.main.get_command(app)
    for line in _commands(page):
        words = shlex.split(line, comments=True)[1:]
        command = root
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        own = words[: words.index("--")] if "--" in words else words
        assert {word.partition("=")[0] for word in own if re.match(r"--\w", word)} <= known, line
