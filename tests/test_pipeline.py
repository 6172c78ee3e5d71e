"""The real pipeline on a tiny board, in an exported tree without git: train, sample, embed, score, rank, publish, repeat."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ganbench import baseline
from ganbench.boards import controls, grid

REPOSITORY = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
TINY = {
    "about": "Two minutes of everything.",
    "seeds": [0, 1, 2],
    "datasets": {
        "ring": {
            "images": 600,
            "samples": 300,
            "metrics": ["modes", "modes.high_quality", "fid", "memorisation", "support"],
            "rank": "fid",
            "rows": {
                "gan": {"set": {"width_g": 8, "width_d": 8}},
                "diverging": {
                    "baseline": "gan",
                    "set": {"width_g": 8, "optimiser": "adam", "lr_g": 1e30, "lr_d": 1e30},
                },
            },
        },
        "digits": {
            "images": 300,
            "samples": 200,
            "features": "pixels",
            "metrics": ["fid"],
            "rank": "fid",
            "rows": {"dcgan": {"set": {"width": 4, "batch": 32}}},
        },
    },
}


def snakemake(*arguments: str, targets: Sequence[str] = ["leaderboard"], code: int = 0) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "8", *targets, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def jobs(output: str) -> dict[str, int]:
    """Jobs per rule of a dry run."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported tree in which the board `tiny` has been built once."""
    top = tmp_path_factory.mktemp("house")
    for name in ("Snakefile", "dvc.lock", "dvc.yaml"):
        shutil.copy(REPOSITORY / name, top)
    for name in ("baselines", "profiles", "results/calibration"):
        shutil.copytree(REPOSITORY / name, top / name)
    (top / "baselines/boards/tiny.yaml").write_text(yaml.safe_dump(TINY))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        output = snakemake("--config", "board=tiny")
    (top / "first.log").write_text(output)
    return top


@pytest.fixture(autouse=True)
def _inside(house: Path, _in_the_checkout: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house)


def test_board_has_every_row_and_every_control(house: Path) -> None:
    board = pd.read_csv(house / "runs/boards/tiny/leaderboard.csv")
    for dataset, rows in (("ring", {"gan", "diverging"}), ("digits", {"dcgan"})):
        assert set(board.row[board.dataset == dataset]) == rows | set(controls.ROWS)
    assert (board.seeds == 3).all()
    parquet = pd.read_parquet(house / "runs/boards/tiny/leaderboard.parquet")
    pd.testing.assert_frame_equal(board, parquet, check_dtype=False)


def test_trained_rows_have_their_cost_and_a_rank(house: Path) -> None:
    board = pd.read_csv(house / "runs/boards/tiny/leaderboard.csv")
    gan = board[board.row == "gan"].iloc[0]
    assert gan.seconds > 0
    assert gan.parameters > 0
    assert gan["rank"] == 1


def test_diverged_row_is_empty_with_its_reason(house: Path) -> None:
    board = pd.read_csv(house / "runs/boards/tiny/leaderboard.csv")
    row = board[board.row == "diverging"]
    assert row["mean"].isna().all()
    assert row.reason.str.contains("diverged").all()
    assert row["rank"].isna().all()


def test_controls_show_what_the_metrics_see(house: Path) -> None:
    board = pd.read_csv(house / "runs/boards/tiny/leaderboard.csv")
    ring = board[board.dataset == "ring"].pivot(index="row", columns="metric", values="mean")
    assert ring.memorisation["copycat"] > 0.95
    assert ring.memorisation["real"] < 0.05
    assert ring.modes["real"] == 8
    assert ring["modes.high_quality"]["real"] > 0.97 > 0.2 > ring["modes.high_quality"]["noise"]
    assert ring.fid["real"] < ring.fid["noise"]


def test_table_and_place_are_printed(house: Path) -> None:
    output = (house / "first.log").read_text()
    assert "tiny: ring" in output
    assert "The board is in runs/boards/tiny/" in output
    assert "# Board `tiny`" in (house / "runs/boards/tiny/leaderboard.md").read_text()
    assert (house / "runs/boards/tiny/samples-ring.png").stat().st_size > 5000


def test_second_run_has_nothing_to_do() -> None:
    assert "Nothing to be done" in snakemake("--config", "board=tiny")


def test_touched_baseline_runs_nothing() -> None:
    Path("baselines/gan.py").touch()
    assert "Nothing to be done" in snakemake("--config", "board=tiny", "-n")


def test_changed_baseline_trains_exactly_its_runs_again() -> None:
    path = Path("baselines/dcgan.py")
    source = path.read_text()
    path.write_text(source + "\nCHANGED = True\n")
    planned = jobs(snakemake("--config", "board=tiny", "-n"))
    path.write_text(source)
    assert planned == {"train": 3, "sample": 3, "embed": 3, "score": 3, "overview": 1, "leaderboard": 1, "total": 14}


def test_changed_data_trains_exactly_the_runs_that_use_it_again() -> None:
    lock = Path("dvc.lock").read_text()
    content = yaml.safe_load(lock)
    content["stages"]["digits"]["outs"][0]["md5"] = "0" * 32 + ".dir"
    Path("dvc.lock").write_text(yaml.safe_dump(content))
    planned = jobs(snakemake("--config", "board=tiny", "-n"))
    Path("dvc.lock").write_text(lock)
    assert planned["data"] == 1
    assert planned["train"] == 3


def test_typo_in_the_board_is_one_line() -> None:
    output = snakemake("--config", "board=tny", code=1)
    assert "did you mean 'tiny'" in output
    assert "Traceback" not in output


def test_published_board_has_a_record_per_run_and_can_be_traced(house: Path) -> None:
    command = [sys.executable, "-m", "ganbench", "publish", "tiny"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    target = house / "results/tiny"
    assert {p.name for p in target.iterdir()} >= {
        "leaderboard.csv", "leaderboard.md", "leaderboard.parquet", "scores.csv", "manifest.json", "samples-ring.png", "runs",
    }  # fmt: skip
    records = [json.loads(p.read_text()) for p in (target / "runs").iterdir()]
    assert len(records) == 2 * 3 * 3 + 3 * 3
    trained = [r for r in records if "run" in r["samples"]]
    assert len(trained) == 9
    for record in trained:
        assert {"source", "config", "data", "seed", "versions"} <= set(record["samples"]["run"])
        assert record["scores"]["samples"]["sha256"] == record["samples"]["sha256"]


def test_every_baseline_goes_through_the_pipeline() -> None:
    """One seed of the board `smoke`, train to score: three would cost minutes, and the table is built above."""
    runs = grid.runs("smoke")
    runs = runs[(runs.kind == "baseline") & (runs.seed == 0)]
    assert set(runs.row) == set(baseline.names())
    scores = [Path(f"runs/{run}/scores-smoke.json") for run in runs.run]
    snakemake("--config", "board=smoke", targets=[*map(str, scores), "runs/boards/smoke/samples-digits.png"])
    for path in scores:
        assert json.loads(path.read_text())["metrics"]["fid"]["value"] > 0
    assert Path("runs/boards/smoke/samples-digits.png").stat().st_size > 5000
