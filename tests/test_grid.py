"""Boards: what a grid may say, what changes a run's name, and which metrics may enter."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ganbench import baseline, metrics, paths
from ganbench.boards import controls, grid
from ganbench.boards.board import Track
from ganbench.errors import UserError

TINY = {
    "about": "for tests",
    "seeds": [0, 1, 2],
    "datasets": {
        "ring": {
            "images": 1000,
            "samples": 100,
            "metrics": ["modes", "modes.high_quality", "fid"],
            "rank": "fid",
            "rows": {"gan": {"set": {"width_g": 8}}, "gan-minimax": {"baseline": "gan", "images": 500}, "wgan": {}},
        },
        "digits": {"images": 1000, "samples": 100, "metrics": ["fid"], "rank": "fid", "rows": {"dcgan": {}}},
    },
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own: the lock, the baselines, a calibration that all metrics pass, and one board `tiny`."""
    (tmp_path / "baselines/boards").mkdir(parents=True)
    for name in baseline.names():
        (tmp_path / f"baselines/{name}.py").write_text((baseline.folder() / f"{name}.py").read_text())
    (tmp_path / "dvc.lock").write_text((paths.definitions() / "dvc.lock").read_text())
    monkeypatch.chdir(tmp_path)
    calibrated("ring", {})
    write(TINY)
    return tmp_path


def calibrated(dataset: str, verdicts: dict[str, str], root: Path = Path()) -> None:
    """Write a calibration in which every metric, at its version, keeps its promise but those in `verdicts`."""
    path = root / f"results/calibration/{dataset}/promises.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{m},{metrics.get(m).card.version},noise,+,{verdicts.get(m, 'pass')}" for m in metrics.names()]
    path.write_text("\n".join(["metric,version,corruption,promised,verdict", *lines]) + "\n")


def write(content: object) -> None:
    Path("baselines/boards/tiny.yaml").write_text(yaml.safe_dump(content))


def changed(path: str, value: object) -> dict[str, object]:
    """TINY with one entry changed, the path dotted."""
    content = yaml.safe_load(yaml.safe_dump(TINY))
    *parents, last = path.split("/")
    inner = content
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return content


def names(board: str) -> set[str]:
    return {run.run for run in grid.runs(board)}


def test_every_row_runs_on_every_seed_and_every_board_has_its_controls(house: Path) -> None:
    runs = grid.runs("tiny")
    trained = [r.row for r in runs if r.kind == "baseline" and r.dataset == "ring"]
    assert sorted(trained) == sorted(["gan", "gan-minimax", "wgan"] * 3)
    for dataset in TINY["datasets"]:
        assert sorted(r.row for r in runs if r.dataset == dataset and r.kind == "control") == sorted(
            [*controls.ROWS] * 3
        )
        assert [r.seed for r in runs if r.dataset == dataset and r.kind == "reference"] == [0, 1, 2]
    assert len(names("tiny")) == len(runs)


def test_rows_of_one_seed_share_one_reference(house: Path) -> None:
    references: dict[tuple[str, int], set[str]] = {}
    for run in grid.runs("tiny"):
        if run.scored:
            references.setdefault((run.dataset, run.seed), set()).add(run.reference)
    assert len(references) == 6
    assert all(len(names) == 1 for names in references.values())


def test_names_are_the_same_in_every_process(house: Path) -> None:
    assert grid.runs("tiny") == grid.runs("tiny")
    assert grid._name("wgan", "ring", {"images": 1, "set": {"c": 0.01}}, 0) == "wgan-ring-61e98a02-s0"


@pytest.mark.parametrize("board", ["quick"])  # the other pages are older than RECIPE 6
def test_names_are_those_of_the_published_runs(board: str) -> None:
    published = {path.stem for path in (paths.definitions() / "results" / board / "runs").glob("*.json")}
    assert {run.run for run in grid.runs(board) if run.scored} == published


def test_changed_setting_renames_its_row_alone(house: Path) -> None:
    before = names("tiny")
    write(changed("datasets/ring/rows/gan/set", {"width_g": 16}))
    after = names("tiny")
    assert {r.split("-s")[0].rsplit("-", 1)[0] for r in before ^ after} == {"gan-ring"}


def test_added_row_renames_nothing(house: Path) -> None:
    before = names("tiny")
    write(changed("datasets/digits/rows/gan", {}))
    assert before < names("tiny")


def test_changed_baseline_renames_its_runs_and_a_touch_does_not(house: Path) -> None:
    before = names("tiny")
    path = house / "baselines/wgan.py"
    path.touch()
    assert names("tiny") == before
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    gone = before - names("tiny")
    assert {r.split("-")[0] for r in gone} == {"wgan"}


def test_changed_data_renames_the_runs_of_that_dataset_alone(house: Path) -> None:
    before = names("tiny")
    lock = yaml.safe_load((house / "dvc.lock").read_text())
    lock["stages"]["ring"]["outs"][0]["md5"] = "0" * 32 + ".dir"
    (house / "dvc.lock").write_text(yaml.safe_dump(lock))
    kept = before & names("tiny")
    assert kept == {r for r in before if "-digits-" in r}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seeds", [0, 1], "seeds: must have at least 3 entries"),
        (
            "datasets/ring/rows/gan/set",
            {"widht_g": 8},
            "rows.gan.set.widht_g: no setting 'widht_g'; did you mean 'width_g'",
        ),
        ("datasets/ring/rows/dcgna", {}, "no baseline 'dcgna'; did you mean 'dcgan'"),
        ("datasets/ring/metrics", ["fdi"], "rank: 'fid' is not among the metrics|no metric 'fdi'"),
        ("datasets/ring/rank", "coverage", "rank: 'coverage' is not among the metrics"),
        ("datasets/ring/features", "identiy", "no extractor 'identiy'; did you mean 'identity'"),
        ("datasets/rings", {}, "datasets.rings.images: is missing"),
        ("sedes", [0], "tiny.yaml:.*: sedes: no setting 'sedes'; did you mean 'seeds'"),
    ],
)
def test_fault_in_a_grid_is_one_clear_line(house: Path, path: str, value: object, message: str) -> None:
    write(changed(path, value))
    with pytest.raises(UserError, match=message) as error:
        grid.runs("tiny")
    assert "\n" not in str(error.value)


def test_unknown_metric_in_a_grid_is_answered_with_the_right_one(house: Path) -> None:
    write(changed("datasets/ring/metrics", ["fid", "precison"]))
    with pytest.raises(UserError, match="no metric 'precison'; did you mean 'precision'"):
        grid.runs("tiny")


def test_metric_that_breaks_a_promise_on_the_boards_data_is_refused(house: Path) -> None:
    calibrated("digits", {"fid": "fail"})
    message = r"fid cannot enter a board of digits.* its promise '\+' under noise in the calibration results/calibration/digits/promises.csv .*`ganbench calibrate digits`"
    with pytest.raises(UserError, match=message):
        grid.runs("tiny")


def test_metric_without_a_kept_promise_is_refused(house: Path) -> None:
    calibrated("ring", {"modes": "not judged"})
    with pytest.raises(UserError, match=r"modes .* cannot enter .* keeps a promise .*`ganbench calibrate ring`"):
        grid.runs("tiny")


@pytest.fixture
def elsewhere(house: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of the checkout `house`, as users of an installed package have it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(paths, "PACKAGE", house / "ganbench")
    return folder


def test_own_verdict_replaces_the_shipped_one_and_its_file_can_be_deleted(elsewhere: Path) -> None:
    calibrated("mnist", {}, grid.folder().parents[1])
    calibrated("ring", {"fid": "fail"})
    with pytest.raises(
        UserError,
        match=r"fid cannot enter .* in the calibration results/calibration/ring/promises\.csv \(this calibration is your own, "
        r"and you can delete its folder\)",
    ):
        grid.runs("tiny")
    Path("results/calibration/ring/promises.csv").unlink()
    assert len(grid.runs("tiny"))


def test_own_calibration_that_judges_nothing_blocks_nothing(elsewhere: Path) -> None:
    calibrated("ring", dict.fromkeys(metrics.names(), "not judged"))
    assert len(grid.runs("tiny"))


def test_own_calibration_without_a_kept_promise_is_named(elsewhere: Path) -> None:
    calibrated("ring", {"modes": "not judged"}, grid.folder().parents[1])
    calibrated("mnist", {"modes": "fail"})
    with pytest.raises(UserError) as error:
        grid.runs("tiny")
    assert "modes (version" in str(error.value)
    assert "results/calibration/mnist/promises.csv (this calibration is your own, and you can delete" in str(
        error.value
    )
    assert "ring/promises.csv (ganbench brings this calibration)" in str(error.value)


def test_calibration_of_a_checkout_may_be_changed_and_git_knows(house: Path) -> None:
    calibrated("ring", {"fid": "fail"})
    with pytest.raises(UserError, match="`git status results/calibration/ring` shows whether you have changed"):
        grid.runs("tiny")


def test_promise_broken_on_other_data_is_no_obstacle(house: Path) -> None:
    calibrated("mnist", {"fid": "fail"})
    assert len(grid.runs("tiny"))


def test_metric_that_was_not_asked_for_may_break_its_promise(house: Path) -> None:
    calibrated("digits", {"kid": "fail"})
    assert len(grid.runs("tiny"))


def test_calibration_of_another_version_does_not_count(house: Path) -> None:
    path = house / "results/calibration/ring/promises.csv"
    path.write_text(path.read_text().replace(f"fid,{metrics.get('fid').card.version},", "fid,0,"))
    with pytest.raises(UserError, match=r"fid .* cannot enter a board"):
        grid.runs("tiny")


def test_board_without_any_calibration_is_refused_with_the_command_to_run(house: Path) -> None:
    (house / "results/calibration/ring/promises.csv").unlink()
    with pytest.raises(UserError, match="run `ganbench calibrate digits`"):
        grid.runs("tiny")


def test_unknown_board_is_answered_with_the_right_one(house: Path) -> None:
    with pytest.raises(UserError, match="no board 'tyni'; did you mean 'tiny'"):
        grid.board("tyni")


@pytest.mark.parametrize("name", grid.boards())
def test_boards_of_the_repository_are_valid(name: str) -> None:
    assert len(grid.runs(name))


def test_gpu_of_a_track_renames_no_run_and_enters_no_published_file(house: Path) -> None:
    before = names("tiny")
    published = grid.board("tiny").model_dump()
    write(changed("datasets/digits/gpu", True))
    assert names("tiny") == before
    assert grid.board("tiny").model_dump() == published
    assert {run.dataset for run in grid.runs("tiny") if run.gpu} == {"digits"}
    assert {run.kind for run in grid.runs("tiny") if run.gpu} == {"baseline"}


def test_grid_of_a_thousand_runs_is_read_in_a_second(house: Path) -> None:
    """Each look into all installed packages takes milliseconds, and each row asked twice."""
    rows = {f"row{i}": {"baseline": "gan", "set": {"width_g": 8 + i}} for i in range(60)}
    ring = {**TINY["datasets"]["ring"], "rows": rows}  # type: ignore[index]
    write({**TINY, "seeds": list(range(5)), "datasets": {"ring": ring, "grid": ring, "gaussian1d": ring}})
    grid.board("tiny")
    begun = time.process_time()
    assert len(grid.runs("tiny")) == 3 * (1 + 5 * (60 + 4))
    assert time.process_time() - begun < 2  # 0.3 seconds of a free core


@pytest.mark.parametrize(
    ("dataset", "rank", "features", "second", "ruler"),
    [
        ("digits", "fid", None, None, ("pixels", "fid", "fid (pixels)")),
        ("digits", "fid", None, "digits-cnn", ("digits-cnn", "fid", "fid (digits-cnn)")),
        ("digits", "fid", "pixels", None, ("digits-exposed", "fid", "fid (digits-exposed)")),
        ("digits", "fid", "pixels", "pixels", None),
        ("emoji-32", "fid", "pixels", None, None),  # ganbench brings no classifier of it
        ("digits", "classifier_score", None, None, None),  # it reads logits and no features
        ("ring", "fid", None, None, ("identity", "total_variation", "total_variation")),
        ("ring", "total_variation", None, None, ("identity", "sliced_wasserstein", "sliced_wasserstein")),
        ("gaussian1d", "total_variation", None, None, ("identity", "wasserstein_1d", "wasserstein_1d")),
    ],
)
def test_the_second_ruler_follows_from_data_and_extractor(
    dataset: str, rank: str, features: str | None, second: str | None, ruler: tuple[str, str, str] | None
) -> None:
    track: dict[str, Any] = {
        "images": 1,
        "samples": 2,
        "features": features,
        "second": second,
        "metrics": [rank],
        "rank": rank,
        "rows": {},
    }
    assert grid.second_ruler(dataset, Track.model_validate(track)) == ruler
