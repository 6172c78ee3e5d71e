"""Every page of `results/` has its command, and every experiment writes its page."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import REPOSITORY

from experiments import few_samples, precision, processors, rates, semi_supervised
from experiments.__main__ import WITH_PAGE, name_of
from ganbench import data
from ganbench.training import checkpoint

RESULTS = REPOSITORY / "results"
ROW = re.compile(
    r"^\| \[`(?P<folder>[^`]+)`\]\((?P<page>[^)]+)\) \|.*\| `(?P<command>[^`]+)` \| *(?P<minutes>[\d,]+) \|$",
    re.MULTILINE,
)
TABLE = {row["folder"]: row for row in ROW.finditer((RESULTS / "README.md").read_text(encoding="utf-8"))}


def pages() -> list[Path]:
    """The folders of `results/` that hold a page."""
    return sorted({page.parent for page in RESULTS.rglob("*.md")} - {RESULTS})


def test_the_table_of_results_names_each_page_and_nothing_else() -> None:
    assert sorted(TABLE) == [folder.relative_to(RESULTS).as_posix() for folder in pages()]
    assert all((RESULTS / row["page"]).is_file() for row in TABLE.values())


@pytest.mark.parametrize("command", sorted({row["command"] for row in TABLE.values()}))
def test_the_command_of_a_page_parses(command: str) -> None:
    for part in command.split("&&"):
        program, *arguments = shlex.split(part)
        if program == "make":
            shown = subprocess.run([program, "--dry-run", *arguments], capture_output=True, text=True)
        else:
            called = arguments if program == "python" else ["-m", program, *arguments]
            shown = subprocess.run([sys.executable, *called, "--help"], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize("experiment", WITH_PAGE, ids=name_of)
def test_a_committed_page_is_what_its_tables_make(experiment: ModuleType) -> None:
    folder = RESULTS / name_of(experiment)
    assert experiment.page(folder) == (folder / "README.md").read_text(encoding="utf-8")


def test_hidden_instructions_change_only_the_rounding_of_a_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for switches in processors.WITHOUT.values():
        for name in (*switches, "GANBENCH_CACHE"):
            monkeypatch.setenv(name, "")  # so that the old value is back after the test
    processors.main(quick=True, out=tmp_path)
    table = pd.read_csv(tmp_path / "cells.csv").dropna(subset=["published", "now"])
    assert set(table.without) == set(processors.WITHOUT)
    assert table.same.all()
    np.testing.assert_allclose(table.now, table.published, rtol=1e-5)
    assert "the largest relative difference" in processors.page(tmp_path)


def test_precision_writes_a_table_and_its_page(tmp_path: Path) -> None:
    precision.main(quick=True, out=tmp_path)
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 2 * len(precision.SEEDS)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == precision.page(tmp_path)


def test_semi_supervised_counts_the_wrong_test_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(semi_supervised, "DATASET", "digits")
    monkeypatch.setattr(semi_supervised, "CHOOSING_EPOCHS", 1)
    for labels in ([20], [20, 50]):  # the second call trains only what the table does not have
        semi_supervised.main(labels=labels, splits=2, epochs=1, runs=tmp_path / "runs", out=tmp_path)
    table = pd.read_csv(tmp_path / "splits.csv")
    assert [list(line) for line in table[["labels", "split"]].to_numpy()] == [[20, 0], [20, 1], [50, 0], [50, 1]]
    gan, _ = checkpoint.load(tmp_path / "runs/20-s1")
    test = data.load("digits", "test")
    guess = gan.D(torch.from_numpy(np.array(test.x)).permute(0, 3, 1, 2) / 127.5 - 1).argmax(1)
    assert table["wrong"][1] == (guess.numpy() != test.y).sum()
    mean = table[table.labels == 20]["error_percent"].mean()
    assert f"| 20       | 2        | {mean:.2f} " in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_few_samples_writes_uniform_p_values_and_the_power(tmp_path: Path) -> None:
    few_samples.main(quick=True, out=tmp_path)
    uniform, power = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("uniform", "power"))
    assert (uniform.ks > 0.001).all()
    assert "over all draws" in few_samples.page(tmp_path).lower()
    assert (power.seen > power["seen with one less"] - 0.2).all()


def test_budgets_of_a_grid_are_those_of_the_measured_rates() -> None:
    table = pd.read_csv(REPOSITORY / rates.FILE)
    assert not table.duplicated(rates.KEYS).any()
    for line in table.to_dict("records"):
        grid = yaml.safe_load((REPOSITORY / f"baselines/boards/{line['board']}.yaml").read_text(encoding="utf-8"))
        track = grid["datasets"][line["dataset"]]
        assert track["rows"][line["row"]].get("images", track["images"]) == line["images"], line
        assert line["images"] == rates.budget(line["images per s"], line["minutes"])


def test_stages_of_a_short_run_have_the_share_of_a_whole_run() -> None:
    assert rates.shortened({"batch": 16, "images_per_phase": 4000, "images_alone": 3}, 0.01) == {
        "batch": 16, "images_per_phase": 40, "images_alone": 1,
    }  # fmt: skip
    assert (rates.budget(12.34, 20), rates.budget(0.5, 1), rates.budget(1e6, 60)) == (15_000, 30, 3_600_000_000)
