"""A board of which a run crashed: the table of all other runs is written, marked, and names the missing runs."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ganbench import files, paths
from ganbench.boards import grid, kept, leaderboard, partial, published
from ganbench.boards.board import Board

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[1]
BOARD = """\
about: for tests
seeds: [0, 1, 2]
datasets:
  ring:
    images: 300
    samples: 300
    metrics: [fid, modes]
    uncalibrated: [fid, modes]
    rank: fid
    rows:
      gan: {set: {width_g: 4, width_d: 4}}
      mine: {baseline: ./mine.py, set: {width_g: 4, width_d: 4}}
"""
BROKEN = """
    def after_d_step(self, losses):
        import pathlib
        if not pathlib.Path("repaired").exists():
            raise ValueError("no luck today")
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the board was run once, and the three runs of the row `mine` crashed."""
    top = tmp_path_factory.mktemp("house")
    (top / "part.yaml").write_text(BOARD)
    (top / "mine.py").write_text((REPOSITORY / "baselines/gan.py").read_text() + BROKEN)
    (top / "said").write_text(run(top, "run", "./part.yaml", code=1))
    return top


def run(top: Path, *arguments: str, code: int = 0) -> str:
    """What a command prints, stdout and stderr."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "GANBENCH_DATA": str(REPOSITORY / "data")}
    command = [sys.executable, "-m", "ganbench", *arguments]
    done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(autouse=True)
def _inside(house: Path, _in_the_checkout: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(paths.data()))
    monkeypatch.chdir(house)


def test_crashed_runs_are_named_and_the_other_rows_have_a_table(house: Path) -> None:
    said = " ".join((house / "said").read_text().split())
    assert "no luck today" in said
    assert "This board is partial. 3 of 15 runs are missing: mine-ring-s0, mine-ring-s1 and mine-ring-s2." in said
    assert said.count("ganbench: 3 jobs failed; 3 of 15 runs are missing; the scheduler's log is ") == 1
    table = pd.read_csv("runs/boards/part/leaderboard.csv")
    assert set(table.row) == {"gan", "mine", "real", "copycat", "noise"}
    mine, gan = (table[(table.row == row) & (table.metric == "fid")].iloc[0] for row in ("mine", "gan"))
    assert (mine.reason, mine.seeds, gan["rank"]) == (partial.MISSING, 3, 1)
    assert pd.isna([mine["mean"], mine["rank"]]).all()
    assert gan["mean"] > 0
    page = Path("runs/boards/part/leaderboard.md").read_text()
    assert "**This board is partial. 3 of 15 runs are missing" in page
    assert Path("runs/boards/part/samples-ring.png").stat().st_size > 5000


def test_leaderboard_works_on_a_part() -> None:
    said = run(Path.cwd(), "leaderboard", "./part.yaml")
    assert said.startswith("This board is partial. 3 of 15 runs are missing")
    assert "3 of 3 runs missing" in " ".join(said.split())


def test_published_part_is_marked_and_never_replaces_a_whole_board(house: Path) -> None:
    run(house, "publish", "./part.yaml", "--uncommitted")
    manifest = house / "results/part/manifest.json"
    content = json.loads(manifest.read_text())
    assert content["missing"] == ["mine-ring-s0", "mine-ring-s1", "mine-ring-s2"]
    assert len(list((house / "results/part/runs").iterdir())) == 12
    run(house, "publish", "./part.yaml", "--uncommitted")  # a part may replace a part
    whole = {name: value for name, value in content.items() if name != "missing"}
    whole = files.seal({name: value for name, value in whole.items() if name != files.DIGEST})
    manifest.write_text(published.text(whole))
    said = run(house, "publish", "./part.yaml", "--uncommitted", code=2)
    assert said.startswith("ganbench: results/part is whole, and mine-ring-s0, mine-ring-s1 and mine-ring-s2")
    assert json.loads(manifest.read_text()) == whole


def test_one_missing_seed_leaves_no_mean_of_the_others() -> None:
    board = grid.board("./part.yaml")
    scores = partial.fill(leaderboard.collect(board, leaderboard.recorded("./part.yaml")), board)
    there = scores[(scores.row == "gan") & (scores.seed != 1)]
    rest = partial.fill(pd.concat([scores[scores.kind == "control"], there]), only(board, "gan"))
    assert list(rest.row) == list(scores[scores.row != "mine"].row)
    lines = leaderboard.summarise(rest)
    line = lines[(lines.row == "gan") & (lines.metric == "fid")].iloc[0]
    assert line.reason == f"{partial.MISSING} (seed 1 of 3 seeds)"
    assert pd.isna(line["mean"])
    assert partial.missing(rest) == ["gan-ring-s1"]


def only(board: Board, row: str) -> Board:
    """The board with one of its rows."""
    track = board.datasets["ring"]
    smaller = track.model_copy(update={"rows": {row: track.rows[row]}})
    return board.model_copy(update={"datasets": {"ring": smaller}})


def test_board_without_any_trained_run_has_its_controls(house: Path) -> None:
    hidden = [path.rename(path.with_suffix(".hidden")) for path in Path("runs").glob("gan-*/scores-part.json")]
    try:
        said = run(house, "leaderboard", "./part.yaml")
    finally:
        for path in hidden:
            path.rename(path.with_suffix(".json"))
    assert said.startswith("This board is partial. 6 of 15 runs are missing")


def test_repaired_board_is_whole_after_the_same_command(house: Path) -> None:
    assert "train mine-ring-s0" in run(house, "plan", "./part.yaml")
    Path("repaired").touch()
    said = run(house, "run", "./part.yaml")
    assert "train: 3/3 jobs" in said
    assert "partial" not in said
    assert "partial" not in Path("runs/boards/part/leaderboard.md").read_text()
    assert "Nothing to do" in run(house, "run", "./part.yaml", "--dry-run")


def test_runs_of_another_machine_stay_when_a_board_is_published_again(house: Path) -> None:
    run(house, "publish", "./part.yaml", "--uncommitted")
    before = {path.name: path.read_bytes() for path in (house / "results/part/runs").iterdir()}
    poster, scores = (Path("results/part") / name for name in ("samples-ring.png", "scores.csv"))
    pixels, table = np.asarray(Image.open(poster)), scores.read_bytes()
    away = [path.rename(path.with_name(f"away-{path.name}")) for path in Path("runs").glob("[gn]*-ring-*-s0")]
    assert len(away) == 2  # gan and noise, the frame of the points
    try:
        run(house, "publish", "./part.yaml", "--uncommitted")
        assert "missing" not in json.loads((house / "results/part/manifest.json").read_text())
        assert {path.name: path.read_bytes() for path in (house / "results/part/runs").iterdir()} == before
        assert (scores.read_bytes(), len(before)) == (table, 15)
        assert np.array_equal(np.asarray(Image.open(poster))[:, :352], pixels[:, :352])  # the panel of gan
        record = house / "results/part/runs" / f"{away[0].name.removeprefix('away-')}.json"
        record.write_bytes(record.read_bytes().replace(b"0", b"1", 1))
        assert "other bytes" in run(house, "publish", "./part.yaml", "--uncommitted", code=2)
        record.write_bytes(before[record.name])
    finally:
        for path in away:
            path.rename(path.with_name(path.name.removeprefix("away-")))


def test_published_run_counts_only_with_the_scores_that_the_plan_asks_for() -> None:
    (plan,) = [run for run in grid.runs("./part.yaml") if run.run.startswith("gan-") and run.seed == 1]
    (there,) = [run for run in leaderboard.recorded("./part.yaml") if run.run == plan.run]
    assert kept.answers(there, plan)
    newer = dataclasses.replace(plan, metrics=plan.metrics | {"fid": plan.metrics["fid"] + 1})
    further = dataclasses.replace(plan, metrics=plan.metrics | {"kid": 1})
    other = dataclasses.replace(plan, features="pixels")
    assert not any(kept.answers(there, wrong) for wrong in (newer, further, other))


def test_published_run_of_another_processor_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    there = leaderboard.recorded("./part.yaml")
    with monkeypatch.context() as changed:
        changed.setattr(kept, "processor", lambda: "a processor of 1979")
        assert kept.runs("./part.yaml", there[1:]) == there[1:]
    assert kept.runs("./part.yaml", there[1:]) == there
