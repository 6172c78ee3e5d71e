"""What the guides show is what the code takes, and the reference shows docstrings as they are meant."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY

from ganbench import data, features
from ganbench.boards.board import Board

GUIDES = REPOSITORY / "docs/guides"


def _blocks(page: str, language: str) -> list[str]:
    text = (GUIDES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The settings of Sphinx, imported without Sphinx."""
    monkeypatch.syspath_prepend(REPOSITORY / "docs")
    spec = importlib.util.spec_from_file_location("conf", REPOSITORY / "docs/conf.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_board_of_the_guide_is_a_board() -> None:
    (text,) = _blocks("add-a-board.md", "yaml")
    board = Board.model_validate(yaml.safe_load(text))
    assert list(board.datasets["digits"].rows) == ["lsgan", "hinge"]


def test_extractor_of_the_guide_embeds_digits(tmp_path: Path) -> None:
    (text,) = _blocks("add-an-extractor.md", "python")
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert features.embed(str(path), np.asarray(data.load("digits", "test").x[:10])).features.shape == (10, 10)


def test_reference_has_every_public_module_once(conf: ModuleType, tmp_path: Path) -> None:
    conf.write_reference(tmp_path)
    text = "\n".join(page.read_text() for page in tmp_path.glob("*.md"))
    modules = re.findall(r"automodule:: (\S+)", text)
    assert len(modules) == len(set(modules))
    assert {"ganbench.gan", "ganbench.metrics", "ganbench.metrics.fid"} <= set(modules)
    assert not [name for name in modules if "._" in name]


def test_reference_shows_a_table_of_a_docstring_as_a_table(conf: ModuleType) -> None:
    rows = conf.to_rst(["| name | what |", "|---|---|", "| `a` | *b |"])
    assert [row.strip() for row in rows] == [
        "", ".. list-table::", ":header-rows: 1", "", "* - name", "- what", "* - ``a``", "- \\*b",
    ]  # fmt: skip


def test_reference_leaves_examples_alone(conf: ModuleType) -> None:
    assert conf.to_rst([">>> a_ * b"]) == [">>> a_ * b"]


def test_reference_keeps_code_that_is_broken_over_lines(conf: ModuleType) -> None:
    assert conf.to_rst(["call `f(a,", "  b)` and `c`", "", "then `d`"]) == [
        "call ``f(a, b)`` and ``c``",
        "",
        "then ``d``",
    ]
