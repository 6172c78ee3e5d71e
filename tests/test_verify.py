"""`ganbench verify`: a good board passes, and an altered byte, a wrong number and a moved cell are each named."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ganbench import files, paths, samples
from ganbench.boards import controls, curve, grid, leaderboard, origin, published, publishing, verification
from ganbench.boards.verification import Records
from ganbench.cli import main
from ganbench.config import RECIPE
from ganbench.errors import UserError
from ganbench.samples import SampleSet
from ganbench.scoring import Scorer
from ganbench.statistics import Scale, further
from ganbench.training import checkpoint, loop
from ganbench.training.provenance import Work
from ganbench.training.sampling import Drawing, write_samples

COMMIT = "c" * 40
BOARDS = sorted(path.parent.name for path in Path("results").glob("*/manifest.json") if (path.parent / "runs").is_dir())
TINY = {
    "about": "A row and three seeds.",
    "seeds": [0, 1, 2],
    "datasets": {
        "ring": {
            "images": 600, "samples": 300, "metrics": ["fid", "modes"], "rank": "fid",
            "rows": {"gan": {"set": {"width_g": 8, "width_d": 8}}},
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny.yaml`, its runs and the published board, made by the pipeline's functions in this process."""
    out = tmp_path_factory.mktemp("house")
    (out / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganbench.paths.root", lambda: out)
        patch.setattr("ganbench.training.provenance.state", lambda checkout: (COMMIT, False))
        for run in grid.runs(board := str(out / "tiny.yaml")):
            make(run, board)
        publishing.publish(board)
    return out


def make(run: grid.PlannedRun, board: str) -> None:
    """Train, sample and score a run; a reference comes before the runs that are scored against it."""
    folder = paths.runs() / run.run
    path = folder / f"samples-{run.n}.npz"
    if run.kind in ("control", "reference"):
        controls.write(run.row, run.dataset, run.n, run.seed, path)
    if run.kind == "baseline":
        code, images = paths.definitions() / run.path, run.images
        loop.train(code, run.dataset, folder, seed=run.seed, images=images, overrides=run.settings, device="cpu")
        write_samples(folder, Drawing(run.n, run.seed), path)
    if run.scored:
        reference = samples.read(paths.runs() / run.reference / f"samples-{run.n}.npz")
        scorer = Scorer.of(reference, f"{run.dataset}:train", features=run.features, metrics=run.metrics, seed=run.seed)
        scores = scorer(samples.read(path)).model_copy(update={"provenance": Work().record()})
        files.write(grid.scores_path(run.run, board), scores.to_json())
        if run.kind == "baseline":
            points = curve.measure(folder, "fid", scorer, run.n, run.seed)
            curve.write(points, leaderboard.curve_path(run.run, board))


@pytest.fixture
def folder(top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the published board. The folder of runs is that of the board."""
    monkeypatch.setattr("ganbench.paths.root", lambda: tmp_path)
    (tmp_path / "runs").symlink_to(top / "runs")
    shutil.copytree(top / "results/tiny", tmp_path / "results/tiny")
    return tmp_path / "results/tiny"


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `ganbench verify` prints."""

    def run(*arguments: str | Path, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["ganbench", "verify", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code or 0) == code, out + err
        return out + err if code == 2 else out

    return run


def test_good_board_passes(folder: Path, verify: Callable[..., str]) -> None:
    assert verify(folder).splitlines() == [
        "tiny: 22 files and the manifest have the bytes that were published",
        "tiny: scores.csv, leaderboard.csv, leaderboard.parquet, leaderboard.md, leaderboard.tex follow from the 12 records",
    ]


def test_cell_is_described_with_its_record_and_its_commit(folder: Path, verify: Callable[..., str]) -> None:
    line = verify(folder, "gan", "--seed", "1").splitlines()[-1]
    assert line.startswith("ring gan seed 1: fid ")
    assert f"commit {COMMIT}" in line
    name = line.rpartition("/")[2]
    assert (folder / "runs" / name).is_file()
    assert name.endswith("-s1.json")


@pytest.mark.parametrize(
    "name", ["runs/gan-ring-*-s1.json", "leaderboard.csv", "leaderboard.md", "leaderboard.parquet", "leaderboard.tex", "scores.csv", "manifest.json"]
)  # fmt: skip
@pytest.mark.parametrize("where", [0.1, 0.5, 0.999])
def test_one_altered_byte_is_named(folder: Path, verify: Callable[..., str], name: str, where: float) -> None:
    (path,) = folder.glob(name)
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1
    path.write_bytes(content)
    lines = [line for line in verify(folder, code=1).splitlines() if line.startswith("WRONG: ")]
    assert len(lines) >= 1
    assert all(path.name in line for line in lines)


def test_any_altered_byte_of_a_record_is_named_without_a_traceback(folder: Path) -> None:
    path = next(folder.glob("runs/gan-ring-*-s1.json"))
    content = path.read_bytes()
    for where in np.random.default_rng(0).integers(0, len(content), 40):
        path.write_bytes(content[:where] + bytes([content[where] ^ 1]) + content[where + 1 :])
        try:
            board = Records.read(folder)
            texts = [found.text for found in verification.findings(board, [], False, False, False, False)]
        except published.Altered as error:
            texts = [str(error)]
        assert [text.partition(": ")[0].endswith(path.name) for text in texts] == [True]


def test_missing_and_added_files_are_named(folder: Path) -> None:
    (folder / "scores.csv").rename(folder / "other.csv")
    (folder / "submissions").mkdir()
    (folder / "submissions/a.json").touch()  # what others have sent is no part of the board
    manifest = published.read(folder).manifest
    assert [line.rpartition("/")[2] for line in published.altered(folder, manifest)] == [
        "other.csv: was not published",
        "scores.csv: is missing",
    ]


@pytest.mark.parametrize("name", ["scores.csv", "leaderboard.csv", "leaderboard.md", "leaderboard.tex"])
def test_number_that_does_not_follow_from_the_records_is_named(
    folder: Path, verify: Callable[..., str], name: str
) -> None:
    """Whoever edits a table can compute its hash too."""
    value = leaderboard.collect(Records.read(folder).board, Records.read(folder).runs).value.iloc[0]
    old = {".md": f"{value:.3g}", ".tex": "8, 8, 8 of 8"}.get(Path(name).suffix, str(value))
    before, control, after = (folder / name).read_text().partition("real")
    assert old in after
    (folder / name).write_text(before + control + after.replace(old, f"9{old}", 1))
    published.rehash(folder, [name])
    wrong = [line for line in verify(folder, code=1).splitlines() if line.startswith("WRONG: ")]
    assert len(wrong) == 1
    assert f"{name}: it does not follow from the records: " in wrong[0]


def reseal(folder: Path, **facts: Any) -> None:
    """Write the manifest again, with the hashes of the files as they are now."""
    publishing._finish(folder, published.read(folder).manifest | facts)


def test_scores_of_other_samples_and_other_settings_are_named(folder: Path, verify: Callable[..., str]) -> None:
    path = next(folder.glob("runs/gan-ring-*-s0.json"))
    record = json.loads(path.read_text())
    record["samples"]["sha256"] = "0" * 64
    record["samples"]["run"]["images"] = 6000
    path.write_text(published.text(record))
    reseal(folder)
    output = verify(folder, code=1)
    assert "its scores are those of other samples" in output
    assert "its images is not that of the board" in output


def test_samples_are_scored_again_and_other_samples_are_named(
    folder: Path, top: Path, verify: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(folder, "--rescore").count("the same samples have the same scores") == 12
    monkeypatch.setattr("ganbench.paths.runs", lambda: folder.parent / "no runs")
    output = verify(folder, "--rescore")
    assert output.count("the same samples have the same scores") == 9  # the controls
    assert "3 sample sets cannot be scored again: no " in output
    board = Records.read(folder)
    (cell,) = board.choose("gan", "ring", 0)
    write_samples(top / "runs" / cell.run, Drawing(300, 7), folder.parent / "no runs" / cell.run / "samples-300.npz")
    assert "holds other samples than the published ones" in verify(folder, "gan", "--rescore", code=1)


def test_metric_that_gives_another_number_has_moved(folder: Path) -> None:
    path = next(folder.glob("runs/real-ring-*-s0.json"))
    record = json.loads(path.read_text())
    scores = {name: fact for name, fact in record["scores"].items() if name != files.DIGEST}
    scores["metrics"]["fid"]["value"] *= 1.01
    path.write_text(published.text(record | {"scores": files.seal(scores)}))
    board = Records.read(folder)
    (finding,) = verification.rescore(board, board.choose("real", "ring", 0))
    assert finding.wrong
    assert "moved, with the same samples: fid " in finding.text


def test_cell_that_is_trained_anew_has_the_same_bits(folder: Path, verify: Callable[..., str]) -> None:
    lines = verify(folder, "gan", "--seed", "0", "--retrain").splitlines()
    record = json.loads(next(folder.glob("runs/gan-ring-*-s0.json")).read_text())["samples"]
    bits = f"samples {record['sha256'][:12]}, model {record['model'][:12]}"
    assert lines[-1] == f"ring gan seed 0: same bits ({bits}), and the same scores"
    assert "same bits" in verify(folder, "copycat", "--seed", "0", "--retrain")


def planted(top: Path, folder: Path, factor: float) -> tuple[Records, leaderboard.Recorded, Path]:
    """The samples of a run whose weights are multiplied by a factor."""
    board = Records.read(folder)
    (cell,) = board.choose("gan", "ring", 0)
    shutil.copytree(top / "runs" / cell.run, folder.parent / "planted")
    weights, facts = checkpoint.read(folder.parent / "planted/model.safetensors")
    moved = {name: factor * tensor if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    checkpoint.write(folder.parent / "planted/model.safetensors", moved, facts)
    write_samples(folder.parent / "planted", Drawing(300, 0), path := folder.parent / "planted.npz")
    return board, cell, path


def test_slightly_changed_weight_is_another_draw_inside_the_interval(top: Path, folder: Path, tmp_path: Path) -> None:
    finding = verification.judge(*planted(top, folder, 1.001), "f" * 64, tmp_path)
    assert not finding.wrong
    assert finding.text.startswith("ring gan seed 0: another draw, inside the row's own interval: fid ")
    assert "interval of a further draw [" in finding.text


def test_samples_far_from_the_row_have_moved(folder: Path, tmp_path: Path) -> None:
    board = Records.read(folder)
    (cell,) = board.choose("gan", "ring", 0)
    far = np.random.default_rng(0).normal(1e4, 1, (300, 2)).astype(np.float32)
    samples.write(tmp_path / "far.npz", SampleSet(far, None, {"name": "far", "source": "far"}))
    finding = verification.judge(board, cell, tmp_path / "far.npz", "f" * 64, tmp_path)
    assert finding.wrong
    assert finding.text.startswith("ring gan seed 0: moved: fid ")


def test_control_that_differs_has_moved(folder: Path, tmp_path: Path) -> None:
    board = Records.read(folder)
    (cell,) = board.choose("copycat", "ring", 0)
    controls.write("copycat", "ring", 300, 1, tmp_path / "other.npz")
    assert verification.judge(board, cell, tmp_path / "other.npz", None, tmp_path).wrong


def test_another_model_with_the_same_samples_is_not_called_the_same_bits(
    folder: Path, top: Path, tmp_path: Path
) -> None:
    board = Records.read(folder)
    (cell,) = board.choose("gan", "ring", 0)
    path = top / "runs" / cell.run / "samples-300.npz"
    assert "another draw" in verification.judge(board, cell, path, "f" * 64, tmp_path).text


@pytest.mark.parametrize("k", [3, 6])
def test_interval_of_a_further_draw_holds_it_as_often_as_it_says(k: int) -> None:
    rng, scale, hits = np.random.default_rng(k), Scale("log", 0.0), 0
    for _ in range(4000):
        values = np.exp(rng.normal(size=k + 1))
        low, high = further(values[:k], scale, 0.9)
        hits += low <= values[k] <= high
    assert hits / 4000 == pytest.approx(0.9, abs=0.015)
    assert further(np.full(k, 2.0), scale, 0.9) == (-np.inf, np.inf)


def test_board_of_an_older_recipe_is_not_trained_anew(folder: Path, verify: Callable[..., str]) -> None:
    reseal(folder, recipe=RECIPE - 1)
    output = verify(folder, "gan", "--seed", "0", "--retrain", code=2)
    assert output.splitlines() == [
        f"ganbench: tiny was made with RECIPE {RECIPE - 1}, and this program has RECIPE {RECIPE}: it would train other runs, "
        "so nothing is trained"
    ]


def test_wrong_arguments_are_one_line(folder: Path, verify: Callable[..., str]) -> None:
    for arguments, words in (
        (["gna"], "no row 'gna'; did you mean 'gan'?"),
        (["gan", "--seed", "9"], "no seed '9'"),
        (["--dataset", "rng"], "no dataset of this board 'rng'; did you mean 'ring'?"),
        (["--retrain"], "--retrain: name a row too"),
    ):
        output = verify(folder, *arguments, code=2)
        assert words in output
        assert "Traceback" not in output
    assert "holds no published board" in verify(folder / "runs", code=2)


# Publishing


@pytest.fixture
def dirty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.training.provenance.state", lambda checkout: (COMMIT, True))


@pytest.fixture
def house(top: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The board whose runs are there."""
    monkeypatch.setattr("ganbench.paths.root", lambda: top)
    monkeypatch.setattr("ganbench.paths.results", lambda: top / "further results")
    return str(top / "tiny.yaml")


@pytest.mark.usefixtures("dirty")
def test_table_of_uncommitted_code_is_refused_or_marked(house: str) -> None:
    with pytest.raises(UserError, match=r"uncommitted code had a part in the table of tiny, .* --uncommitted"):
        publishing.publish(house)
    page = (publishing.publish(house, uncommitted=True) / "leaderboard.md").read_text()
    assert "> **Uncommitted code** made this table" in page


def test_runs_of_uncommitted_code_are_refused_or_marked(house: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.training.provenance.state", lambda checkout: (COMMIT, False))
    run = next(run for run in grid.runs(house) if run.kind == "control")
    path = grid.scores_path(run.run, house)
    before = path.read_text()
    scores = {name: fact for name, fact in json.loads(before).items() if name != files.DIGEST}
    scores["provenance"]["dirty"] = True
    path.write_text(json.dumps(files.seal(scores)))
    try:
        with pytest.raises(UserError, match=rf"uncommitted code had a part in 1 run of tiny \({run.run}\)"):
            publishing.publish(house)
        page = (publishing.publish(house, uncommitted=True) / "leaderboard.md").read_text()
    finally:
        path.write_text(before)
    assert f"it had a part in 1 run of this board ({run.run})" in page


def test_page_names_recipe_versions_date_and_commit(folder: Path) -> None:
    head = (folder / "leaderboard.md").read_text().partition(origin.END)[0]
    date = published.read(folder).manifest["date"]
    assert f"Made with `RECIPE` {RECIPE}; the last score is of {date}." in head
    assert "`fid` 2, `modes` 1" in head
    assert f"Commit: {COMMIT[:12]}." in head
    assert "Older" not in head


def test_renewed_board_gets_its_badge_and_keeps_every_number(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in published.files_of(folder)}
    manifest = (folder / "manifest.json").read_bytes()
    publishing.renew("tiny")
    assert {name: (folder / name).read_bytes() for name in published.files_of(folder)} == before
    assert (folder / "manifest.json").read_bytes() == manifest
    for path in folder.glob("runs/gan-*.json"):
        path.write_text(path.read_text().replace(f'"recipe": {RECIPE},', f'"recipe": {RECIPE - 1},'))
    reseal(folder)
    publishing.renew("tiny")
    page = (folder / "leaderboard.md").read_text()
    assert f"> **Older than the program**: `RECIPE` {RECIPE - 1} (now {RECIPE})." in page
    assert page.partition(origin.END)[2] == before["leaderboard.md"].decode().partition(origin.END)[2]
    (folder / "scores.csv").write_text("")
    with pytest.raises(published.Altered, match=r"scores\.csv: other bytes .*; restore the published files first"):
        publishing.renew("tiny")


def test_older_version_of_a_metric_is_a_badge() -> None:
    facts = {"recipe": RECIPE, "metrics": {"fid": 1, "modes": 1}, "date": "2026-01-01", "commits": []}
    badge, made = origin.sentences(facts)
    assert badge.startswith("> **Older than the program**: `fid` 1 (now 2). ")
    assert "The records name no commit." in made


# The boards of this repository


@pytest.mark.parametrize("name", BOARDS)
def test_published_boards_have_their_bytes_and_tables(name: str, verify: Callable[..., str]) -> None:
    output = verify(f"results/{name}")
    assert "have the bytes that were published" in output
    assert ("follow from the" in output) == (published.read(Path("results") / name).manifest["recipe"] == RECIPE)


@pytest.mark.parametrize("name", BOARDS)
def test_published_pages_have_the_badge_of_today(name: str) -> None:
    folder = Path("results") / name
    page = (folder / "leaderboard.md").read_text()
    assert origin.stamp(page, published.read(folder).manifest) == page, f"run `ganbench publish {name} --renew`"
