"""The notebooks of the lectures show what they claim, and their page has their pictures."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY

from experiments import lectures
from ganbench import baseline, data
from ganbench.config import validate

NOTEBOOKS = lectures.notebooks()
PAGE = (REPOSITORY / "docs/lectures.md").read_text(encoding="utf-8")
MOST_PICTURES, MOST_BYTES = 15, 60_000
CLAIM = re.compile(r"^ *(assert|torch.testing.assert_close\()", re.MULTILINE)
FIRST = re.compile(r"SCALE = 1 |import |from |%")  # how cells begin that prepare the next cells


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_shows_what_it_claims(notebook: Path) -> None:
    assert list(lectures.execute(notebook)) == lectures.names(notebook)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_has_a_claim_and_no_output(notebook: Path) -> None:
    assert [cell for cell in lectures.cells(notebook) if not CLAIM.search(cell) and not FIRST.match(cell)] == []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_a_cell_that_does_not_show_its_claim_fails(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": ["SCALE = 1\n", "assert SCALE == 2"]}
    (tmp_path / "false.ipynb").write_text(json.dumps({"cells": [cell]}))
    with pytest.raises(AssertionError):
        lectures.execute(tmp_path / "false.ipynb")


def test_a_longer_training_paints_the_same_pictures(tmp_path: Path) -> None:
    paint = "# picture: line\nimport matplotlib.pyplot as plt\nplt.plot([0, SCALE])"
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in ("SCALE = 1", paint)]
    (tmp_path / "lecture.ipynb").write_text(json.dumps({"cells": cells}))
    short, long, again = (lectures.execute(tmp_path / "lecture.ipynb", scale) for scale in (1, 3, 3))
    assert list(short) == list(long) == ["line"]
    assert short != long == again


def test_the_pictures_are_small_and_each_is_on_the_page() -> None:
    painted = [name for notebook in NOTEBOOKS for name in lectures.names(notebook)]
    files = {path.stem: path.stat().st_size for path in lectures.FOLDER.glob("*.png")}
    assert sorted(painted) == sorted(files)
    assert len(files) <= MOST_PICTURES
    assert max(files.values()) <= MOST_BYTES
    assert all(f"](lectures/{name}.png)" in PAGE for name in painted)
    assert all(f"](lectures/{notebook.name})" in PAGE for notebook in NOTEBOOKS)


def test_every_baseline_is_on_the_page() -> None:
    assert [name for name in baseline.names() if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("command", re.findall(r"ganbench train (\w+ --dataset [^\n`]+)", PAGE.replace("\\\n", " ")))
def test_every_training_of_the_page_has_settings_of_its_gan(command: str) -> None:
    name, _, dataset, *options = shlex.split(command)
    settings = dict(value.split("=") for option, value in pairwise(options) if option == "--set")
    validate(baseline.config(baseline.resolve(name)), {k: yaml.safe_load(v) for k, v in settings.items()}, name)
    assert data.base(dataset) in data.names()
