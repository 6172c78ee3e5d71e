"""The real pipeline on a tiny board, in an exported tree without git: train, sample, embed, score, rank, publish, repeat."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from test_baselines_conformance import kinds

from ganbench import baseline
from ganbench.boards import controls, grid

REPOSITORY = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
TINY: dict[str, Any] = {
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


def snakemake(
    *arguments: str, targets: Sequence[str] = ["leaderboard"], code: int = 0, package: Path = REPOSITORY
) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "8", *targets, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(package)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def jobs(output: str) -> dict[str, int]:
    """Jobs per rule of a dry run."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported tree in which the board `tiny` has been built once. Its path has a space."""
    top = tmp_path_factory.mktemp("a house")
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
    board = pd.read_csv(house / "runs/boards/tiny/leaderboard.csv", dtype={"converged": "boolean"})
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


@pytest.mark.parametrize("dataset", ["ring", "digits"])
def test_every_row_has_the_number_of_a_second_ruler(house: Path, dataset: str) -> None:
    board = pd.read_csv(house / "runs/boards/tiny/leaderboard.csv")
    second = board[(board.dataset == dataset) & (board.metric == "fid")].set_index("row").second
    assert second["real"] < second["noise"]
    assert list(second.index[second.isna()]) == (["diverging"] if dataset == "ring" else [])


def test_table_and_place_are_printed(house: Path) -> None:
    output = (house / "first.log").read_text()
    assert "tiny, ring: ranked by " in output
    assert "runs/boards/tiny/: leaderboard.md" in " ".join(output.split())
    assert "# Board `tiny`" in (house / "runs/boards/tiny/leaderboard.md").read_text()
    assert (house / "runs/boards/tiny/samples-ring.png").stat().st_size > 5000


def test_second_run_has_nothing_to_do_even_after_a_touch() -> None:
    Path("baselines/gan.py").touch()
    assert "Nothing to be done" in snakemake("--config", "board=tiny")


def test_changed_baseline_trains_exactly_its_runs_again() -> None:
    path = Path("baselines/dcgan.py")
    source = path.read_text()
    path.write_text(source + "\nCHANGED = True\n")
    planned = jobs(snakemake("--config", "board=tiny", "-n"))
    path.write_text(source)
    assert planned == {
        "train": 3,
        "sample": 3,
        "embed": 3,
        "score": 3,
        "second": 3,
        "curve": 3,
        "overview": 1,
        "leaderboard": 1,
        "total": 20,
    }


TABLE = {"leaderboard": 1}
OF_DCGAN = {"train": 3, "sample": 3, "embed": 3, "score": 3, "second": 3, "curve": 3, "overview": 1} | TABLE
OF_GAN = {rule: 2 * count for rule, count in OF_DCGAN.items()} | {"overview": 1} | TABLE  # of both rows of `gan`
ALL_EMBEDDED = {"embed": 35, "score": 27, "second": 15, "curve": 9} | TABLE
NEW_SEED = {"train": 3, "sample": 3, "control": 8, "embed": 11, "score": 9, "second": 9, "curve": 3} | TABLE
Edit = tuple[str, str, str]  # the file, what is replaced in it, and by what
HARMLESS: list[Edit] = [
    ("ganbench/layers/maxout.py", "class Maxout", "# a comment\nclass Maxout"),
    ("ganbench/layers/resnet.py", "import torch\n", "import torch\nEDITED = True\n"),
    ("ganbench/features/inception.py", "BATCH = ", "EDITED = BATCH = "),
    ("ganbench/metrics/fid.py", "BLOCK = ", "EDITED = BLOCK = "),
    ("ganbench/training/loop.py", "HISTORY = 200", "HISTORY = 100"),
    ("baselines/dcgan.py", "import torch\n", "import torch  # a comment\n"),
]
EDITS = [  # each with the jobs that run again
    ("ganbench/layers/maxout.py", "class Maxout", "EDITED = True\n\n\nclass Maxout", OF_GAN),
    ("ganbench/layers/strided.py", "class Flatten", "EDITED = True\n\n\nclass Flatten", OF_DCGAN),
    ("ganbench/features/plain.py", "BATCH = 256", "BATCH = 128", ALL_EMBEDDED),
    ("baselines/boards/tiny.yaml", "Two minutes of everything", "Another sentence", TABLE),
    ("baselines/boards/tiny.yaml", "width: 4", "width: 6", OF_DCGAN),
    ("baselines/boards/tiny.yaml", "images: 300", "images: 400", OF_DCGAN),
    ("baselines/boards/tiny.yaml", "- modes\n", "- modes\n    - coverage\n", {"score": 15} | TABLE),
    ("baselines/boards/tiny.yaml", "- 2\n", "- 2\n- 3\n", NEW_SEED),
    ("baselines/boards/tiny.yaml", "      dcgan:\n", "      mine: {baseline: dcgan, set: {width: 6}}\n      dcgan:\n", OF_DCGAN),
]  # fmt: skip


def plan_after(edits: Iterable[Edit], package: Path, house: Path) -> dict[str, int]:
    """The jobs that run again after some edits, which are then taken back."""
    with ExitStack() as back:
        for file, old, new in edits:
            path = (package if file.startswith("ganbench") else house) / file
            text = path.read_text()
            assert old in text
            back.callback(path.write_text, text)
            path.write_text(text.replace(old, new, 1))
        return jobs(snakemake("--config", "board=tiny", "-n", package=package))


def test_edits_that_change_no_result_run_nothing_again(package: Path, house: Path) -> None:
    assert plan_after(HARMLESS, package, house) == {}


@pytest.mark.parametrize(("file", "old", "new", "expected"), EDITS)
def test_edit_runs_again_exactly_what_it_must(
    package: Path, house: Path, file: str, old: str, new: str, expected: dict[str, int]
) -> None:
    planned = plan_after([(file, old, new)], package, house)
    assert planned == expected | {"total": sum(expected.values())}


def test_raised_version_of_a_metric_scores_again_and_trains_nothing(package: Path, house: Path) -> None:
    path, board = package / "ganbench/metrics/fid.py", house / "baselines/boards/tiny.yaml"
    texts = path.read_text(), board.read_text()
    raised = re.sub(r"version=(\d+)", lambda match: f"version={int(match[1]) + 1}", texts[0], count=1)
    assert raised != texts[0]
    path.write_text(raised)
    try:
        refused = snakemake("--config", "board=tiny", "-n", package=package, code=1)
        board.write_text(texts[1].replace("    rank: fid", "    uncalibrated: [fid]\n    rank: fid"))
        planned = jobs(snakemake("--config", "board=tiny", "-n", package=package))
    finally:
        path.write_text(texts[0])
        board.write_text(texts[1])
    assert "fid (version " in refused
    assert "Traceback" not in refused
    assert planned == {"score": 27, "second": 12, "curve": 9, "leaderboard": 1, "total": 49}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package, whose code a test may edit."""
    top = tmp_path_factory.mktemp("package")
    shutil.copytree(REPOSITORY / "ganbench", top / "ganbench", ignore=shutil.ignore_patterns("__pycache__"))
    return top


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


def test_run_that_the_board_does_not_plan_is_one_line() -> None:
    output = snakemake("--config", "board=tiny", targets=["runs/gan-ring-12345678-s0/scores-tiny.json"], code=1)
    assert "board tiny has no run gan-ring-12345678-s0" in output
    assert "the run is now gan-ring-" in output
    assert "Error" not in output


def test_unknown_config_key_is_one_line() -> None:
    output = snakemake("--config", "bord=tiny", code=1)
    assert "no --config key 'bord'; did you mean 'board'?" in output
    assert "Traceback" not in output


def test_every_job_is_one_shell_command_with_quotes_and_asks_for_one_core(house: Path) -> None:
    planned = snakemake("--config", "board=tiny", "-n", "-p", "--forceall")  # with --cores 8
    commands = [line.strip() for line in planned.splitlines() if "client.py" in line]
    assert len(commands) == 145
    assert any("'--set=lr_g=1e+30'" in c or "--set=lr_g=1e+30" in c for c in commands)
    assert "threads:" not in planned  # Snakemake names more than one


def ganbench(*arguments: str, code: int = 0, **changed: str) -> str:
    """What a verb prints, stdout and stderr; as a pipe sees it."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | changed
    done = subprocess.run(
        [sys.executable, "-m", "ganbench", *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_verb_run_plans_nothing_for_a_built_board() -> None:
    assert ganbench("run", "tiny", "--dry-run").startswith("Nothing to do")


def test_plan_of_a_built_board_has_nothing_to_do_and_names_a_lost_score(house: Path) -> None:
    assert ganbench("plan", "tiny").startswith("tiny: nothing to do")
    run = next(run for run in grid.runs("tiny") if (run.row, run.seed) == ("gan", 1))
    scores = grid.scores_path(run.run, "tiny")
    content = scores.read_bytes()
    scores.unlink()
    try:
        output = ganbench("plan", "tiny", "--rows", "gan")
    finally:
        scores.write_bytes(content)
    assert "tiny: 2 jobs would run, 0 of them trainings" in output
    assert "score gan-ring-s1: missing output files" in output


def test_rows_of_a_board_need_only_their_own_jobs() -> None:
    assert jobs(snakemake("--config", "board=tiny", "rows=dcgan", "-n", "--forceall", targets=["rows"]))["train"] == 3
    assert "no row 'dcgna'; did you mean 'dcgan'" in snakemake("--config", "board=tiny", "rows=dcgna", "-n", code=1)


def test_verb_run_builds_a_file_and_prints_lines_and_the_table(house: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my boards"
    folder.mkdir()
    ring = {**TINY["datasets"]["ring"], "rows": {"gan": {"set": {"width_g": 8, "width_d": 8}}}}
    (folder / "just it.yaml").write_text(yaml.safe_dump({**TINY, "datasets": {"ring": ring}}))
    output = ganbench("run", str(folder / "just it.yaml"))
    assert "sample and score: 27/27 jobs" in output
    assert "gan" in output
    assert "The scheduler's log is runs/logs/run-just it.log" in output
    assert len(output.splitlines()) < 40
    assert (house / "runs/boards/just it/leaderboard.md").is_file()


def test_failed_job_is_a_block_with_the_end_of_its_log() -> None:
    path = Path("baselines/dcgan.py")
    source = path.read_text()
    head = "    def d_loss(self, real: Batch) -> dict[str, Tensor]:\n"
    path.write_text(source.replace(head, head + "        raise OSError('no such luck')\n", 1))
    assert path.read_text() != source
    try:
        output = ganbench("run", "tiny", "--", "--until", "train", code=1)
    finally:
        path.write_text(source)  # the other tests use this folder too
    assert output.count("FAILED: dcgan-digits-") == 3
    assert output.count("  stage: train\n") == 3
    assert "no such luck" in output
    assert "  log: runs/logs/dcgan-digits-" in output
    assert "3 jobs failed; 3 of 27 runs are missing; the scheduler's log is runs/logs/run-tiny.log" in output


def test_plan_of_a_board_leaves_no_folder_of_runs(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(house / "data"))
    monkeypatch.chdir(tmp_path)
    assert "jobs would run: " in ganbench("run", "biggan-ablation", "--dry-run")
    assert not (tmp_path / "runs").exists()
    assert "Snakemake cannot plan the board; nothing has run" in ganbench(
        "run", "biggan-ablation", "--dry-run", "--", "--no-such-option", code=1
    )


@pytest.mark.parametrize(("end", "send", "code"), [(signal.SIGINT, os.killpg, 130), (signal.SIGTERM, os.kill, 143)])
def test_interrupted_run_says_so_and_the_same_command_resumes(
    house: Path, tmp_path: Path, end: signal.Signals, send: Callable[[int, int], None], code: int
) -> None:
    rows = {"gan": {"images": 3_000_000 + end, "set": {"width_g": 8, "width_d": 8}}}
    ring = {**TINY["datasets"]["ring"], "rows": rows}
    path = tmp_path / f"long-{end.name}.yaml"
    path.write_text(yaml.safe_dump({**TINY, "datasets": {"ring": ring}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "ganbench", "run", str(path)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, start_new_session=True,
    )  # fmt: skip
    runs = [run.run for run in grid.runs(str(path)) if run.kind == "baseline"]
    wait_for(lambda: any(Path(f"runs/{run}/history.jsonl").is_file() for run in runs))
    send(process.pid, end)
    _, lines = process.communicate(timeout=60)
    assert process.returncode == code
    assert lines.splitlines()[-1] == "ganbench: interrupted; the same command again resumes"
    assert "train 3" in ganbench("run", str(path), "--dry-run")


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Return as soon as the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_published_board_has_a_record_per_run_and_can_be_traced(house: Path) -> None:
    ganbench("publish", "tiny", "--uncommitted")  # the tests may run before a commit
    target = house / "results/tiny"
    assert {p.name for p in target.iterdir()} >= {
        "README.md", "leaderboard.csv", "leaderboard.md", "leaderboard.parquet", "leaderboard.tex", "scores.csv", "manifest.json",
        "samples-ring.png", "runs",
    }  # fmt: skip
    records = [json.loads(p.read_text()) for p in (target / "runs").iterdir()]
    assert len(records) == 2 * 3 * 3 + 3 * 3
    trained = [r for r in records if "run" in r["samples"]]
    assert len(trained) == 9
    for record in trained:
        assert {"source", "config", "data", "seed", "versions"} <= set(record["samples"]["run"])
        assert record["scores"]["samples"]["sha256"] == record["samples"]["sha256"]
        assert {"quarter", "half"} <= set(record["curve"])
        assert record["scores"]["provenance"]["seconds"] >= 0
    assert "leaderboard.tex follow from the 27 records" in ganbench("verify", "tiny")


def test_every_baseline_goes_through_the_pipeline() -> None:
    """One seed of the board `smoke`, train to score: three would cost minutes, and the table is built above."""
    runs = [run for run in grid.runs("smoke") if run.kind == "baseline" and run.seed == 0]
    assert {run.row for run in runs} == {name for name in baseline.names() if "digits" in kinds(name)}
    scores = [Path(f"runs/{run.run}/scores-smoke.json") for run in runs]
    snakemake("--config", "board=smoke", targets=[*map(str, scores), "runs/boards/smoke/samples-digits.png"])
    for path in scores:
        assert json.loads(path.read_text())["metrics"]["fid"]["value"] > 0
    assert Path("runs/boards/smoke/samples-digits.png").stat().st_size > 5000
