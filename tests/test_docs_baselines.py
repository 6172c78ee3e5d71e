"""What docs/baselines.md says of our runs is what their records say."""

from __future__ import annotations

import ast
import json
import re

import pandas as pd
import pytest
from conftest import REPOSITORY

from experiments import deviations, tune
from ganbench import baseline
from ganbench.boards import grid
from ganbench.display.text import value

PAGE = (REPOSITORY / "docs/baselines.md").read_text(encoding="utf-8")
LINES = {
    found[1]: line
    for line in PAGE.splitlines()
    if line.startswith("| ") and (found := re.search(r"baselines/(\w+)\.py", line))
}


@pytest.mark.parametrize("name", baseline.names())
def test_page_has_a_row_a_picture_and_the_record_of_every_baseline(name: str) -> None:
    path, cell = REPOSITORY / f"results/mnist/{name}-s0.json", LINES[name].split(" | ")[3]
    if not path.is_file():
        assert cell == "not trained yet"
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    run, fid = record["samples"]["run"], value(record["scores"]["metrics"]["fid"]["value"])
    if "curve" in record:
        assert cell.startswith(f"{value(record['curve']['quarter'])}, {value(record['curve']['half'])}, {fid}")
    else:  # older than RECIPE 6
        steps = run["seen"] // run["config"]["batch"]
        assert cell == f"{fid} ({steps:,} steps, {run['seconds']:,.0f} s)"
    assert f"](grids/{name}.png)" in PAGE
    assert (REPOSITORY / f"docs/grids/{name}.png").is_file()


@pytest.mark.parametrize("name", [n for n in baseline.names() if (REPOSITORY / f"results/mnist/{n}-s0.json").is_file()])
def test_page_has_a_line_for_each_difference_that_a_file_names(name: str) -> None:
    text = ast.get_docstring(ast.parse((REPOSITORY / f"baselines/{name}.py").read_text(encoding="utf-8"))) or ""
    named = re.findall(r"^- ", text.partition("Different from")[2], re.MULTILINE)
    table = PAGE.partition("## What differs from the authors")[2].partition("### Repaired")[0]
    lines = re.findall(rf"^\| (?:<a [^>]*></a>)?`{name}` \|", table, re.MULTILINE)
    assert named
    assert len(lines) >= len(named)


def test_measured_effects_of_differences_are_those_of_their_table() -> None:
    measured = deviations.factors(pd.read_csv(REPOSITORY / "results/deviations/runs.csv"))
    assert len(measured) + PAGE.count("no run yet") == len(deviations.DIFFERENCES)
    quoted = [(row, factor) for row, factor in re.findall(r"`(\w+)` \|.*× (\S+ \[\S+ \S+\]) on digits", PAGE)]
    assert sorted(quoted) == sorted(
        (row.partition(" ")[0], factor) for row, factor in measured[["row", "factor"]].values
    )


@pytest.mark.parametrize(("searches", "board"), [(["mnist", "mnist-whole"], "mnist"), (["ring"], "modes")])
def test_board_has_the_settings_of_the_best_trial_of_each_row(searches: list[str], board: str) -> None:
    best: dict[str, dict[str, object]] = {}
    for search in searches:  # a later search counts more: its trials have the whole budget
        plan = tune.plan(search, REPOSITORY / tune.FOLDER)
        table = pd.read_csv(REPOSITORY / tune.FOLDER / f"{search}.csv")
        chosen = tune.best(table, plan["rank"])
        best |= {str(row): json.loads(settings) for row, settings in zip(chosen.row, chosen.settings, strict=True)}
    rows = {run.row: run.settings for run in grid.runs(board) if run.dataset == plan["dataset"]}
    assert {row: rows[row] for row in best} == best
