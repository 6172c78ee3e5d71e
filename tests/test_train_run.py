"""The record of a run, and how its GAN is found again."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from ganbench import baseline, code, paths
from ganbench.config import RECIPE
from ganbench.errors import UserError
from ganbench.scoring import sources
from ganbench.training import checkpoint, loop
from ganbench.training.run import Run

GAN = Path("baselines/gan.py")
RECORDS = sorted(Path(__file__).parents[1].glob("results/*/runs/*.json"))


def train(path: Path, out: Path) -> Run:
    return loop.train(path, "ring", out, seed=0, images=100, overrides={"width_g": 8, "width_d": 8})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a baseline of ganbench."""
    out = tmp_path_factory.mktemp("runs") / "gan"
    train(baseline.folder() / "gan.py", out)
    return out


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_published_records_are_read_and_written_byte_for_byte() -> None:
    every = [record["samples"]["run"] for record in map(_read, RECORDS) if "run" in record["samples"]]
    runs = [
        run for run in every if isinstance(run, dict) and run["recipe"] == RECIPE
    ]  # an older record has other fields
    assert len(runs) >= 30
    for run in runs:
        assert Run.model_validate(run).to_json(indent=1) == json.dumps(run, indent=1)


def _read(path: Path) -> dict[str, dict[str, object]]:
    content: dict[str, dict[str, object]] = json.loads(path.read_text())
    return content


def test_run_is_read_as_it_was_written(folder: Path) -> None:
    before = (folder / "run.json").read_bytes()
    Run.read(folder).write(folder)
    assert (folder / "run.json").read_bytes() == before


def test_moved_run_finds_its_baseline_by_name(folder: Path) -> None:
    _change(folder, baseline_path="../another/machine/gan.py")
    assert Run.read(folder).locate_baseline() == baseline.folder() / "gan.py"


def test_own_gan_is_found_at_its_path_though_its_name_is_taken(tmp_path: Path) -> None:
    mine = tmp_path / "gan.py"
    mine.write_text(GAN.read_text() + "MINE = True\n")
    train(mine, tmp_path / "run")
    run = Run.read(tmp_path / "run")
    assert run.locate_baseline().resolve() == mine
    mine.unlink()
    with pytest.raises(UserError, match=r"baselines/gan\.py has changed since this run was trained"):
        run.locate_baseline()


def test_missing_own_gan_is_one_line_with_its_place(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(GAN.read_text())
    train(mine, tmp_path / "run")
    mine.unlink()
    with pytest.raises(
        UserError, match=r"baseline 'mine' of this run is not installed, and its file .*mine\.py is missing"
    ):
        checkpoint.load(tmp_path / "run")


def test_changed_baseline_is_refused_before_it_is_executed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(GAN.read_text())
    train(mine, tmp_path / "run")
    mine.write_text(f"open({str(tmp_path / 'executed')!r}, 'w').close()\n" + GAN.read_text())
    with pytest.raises(UserError, match="has changed since"):
        checkpoint.load(tmp_path / "run")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: re.sub(r'"classes": \d+', '"classes": -1', text),
        lambda text: text.replace('"shape": [\n  2\n ]', '"shape": "2"'),
        lambda text: text.replace('"baseline_path": "', '"baseline_path": null, "x": "'),
    ],
    ids=["empty", "list", "no fields", "truncated", "deep", "classes", "shape", "no path"],
)
def test_damaged_record_is_one_line(folder: Path, damage: Callable[[str], str]) -> None:
    path = folder / "run.json"
    text = path.read_text()
    path.write_text(damage(text))
    assert path.read_text() != text
    with pytest.raises(UserError, match=r"run\.json is damaged \("):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is damaged"), (b"\x10" + b"x" * 40, "is damaged"), (None, "is missing")],
    ids=["empty", "noise", "missing"],
)
def test_damaged_weights_are_one_line(folder: Path, content: bytes | None, message: str) -> None:
    (folder / "model.safetensors").unlink()
    if content is not None:
        (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=rf"model\.safetensors {message}"):
        checkpoint.load(folder)


def test_weights_of_another_gan_are_one_line(folder: Path) -> None:
    _change(folder, overrides={"width_g": 16, "width_d": 8})
    with pytest.raises(UserError, match="holds the weights of another GAN") as error:
        checkpoint.load(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x10" + b"x" * 40])
def test_damaged_checkpoints_are_one_line(folder: Path, content: bytes) -> None:
    for path in (folder / "state").iterdir():
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"training\.safetensors is damaged .*; delete it"):
        train(baseline.folder() / "gan.py", folder)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_checkpoint_with_one_wrong_bit_is_named_and_the_one_before_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = (folder / "model.safetensors").read_bytes()
    state = folder / "state/training.safetensors"
    flip(state)
    train(baseline.folder() / "gan.py", folder)
    said = capsys.readouterr().err.splitlines()[0]
    assert "training.safetensors is damaged (its content has another SHA-256" in said
    assert said.endswith("; the checkpoint before it, at 0 images, is used")
    assert (folder / "model.safetensors").read_bytes() == model


def test_missing_checkpoint_is_replaced_by_the_one_before(folder: Path) -> None:
    model = (folder / "model.safetensors").read_bytes()
    (folder / "state/training.safetensors").unlink()  # a process was killed between two renames
    train(baseline.folder() / "gan.py", folder)
    assert (folder / "model.safetensors").read_bytes() == model


def test_weights_with_one_wrong_bit_are_refused_and_made_again(folder: Path) -> None:
    path = folder / "model.safetensors"
    before = path.read_bytes()
    flip(path)
    with pytest.raises(UserError, match=r"model\.safetensors is damaged \(its content has another SHA-256"):
        checkpoint.load(folder)
    train(baseline.folder() / "gan.py", folder)
    assert path.read_bytes() == before


def test_weights_without_a_digest_are_still_read(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file(checkpoint.read(path)[0], path, {"identity": "{}"})
    assert checkpoint.load(folder)[1].baseline == "gan"


@pytest.mark.parametrize("name", ["model.safetensors", "state/training.safetensors", "run.json", "history.jsonl"])
def test_files_of_a_run_follow_the_umask(folder: Path, name: str) -> None:
    before = os.umask(0o027)
    try:
        (folder / "state/training.safetensors").unlink()
        train(baseline.folder() / "gan.py", folder)
    finally:
        os.umask(before)
    assert (folder / name).stat().st_mode & 0o777 == 0o640


def test_own_gan_runs_only_when_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, executed = tmp_path / "mine.py", tmp_path / "executed"
    mine.write_text(GAN.read_text() + f"open({str(executed)!r}, 'w').close()\n")
    train(mine, tmp_path / "run")
    executed.unlink()
    monkeypatch.setattr("sys.modules", {k: v for k, v in sys.modules.items() if "baseline_mine" not in k})
    with pytest.raises(UserError, match=r"needs the code of .*mine\.py, .* if you trust it, pass `trust=`"):
        sources.open_set(str(tmp_path / "run"), "test")
    assert not executed.exists()
    capsys.readouterr()
    assert checkpoint.load(tmp_path / "run", trust=True)[1].baseline == "mine"
    assert executed.exists()
    assert re.search(r"running the code of .*mine\.py, SHA-256 [0-9a-f]{12}$", capsys.readouterr().err.strip())
    monkeypatch.setenv("GANBENCH_TRUST", code.source_hash(mine))
    assert checkpoint.load(tmp_path / "run")[1].baseline == "mine"


def test_second_process_says_who_holds_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = checkpoint.RunFolder(folder, Run.read(folder))
    holder = rf"is in use by process {os.getpid()} on \S+ since 20\S+ \S+; "
    with run.held():
        with pytest.raises(UserError, match=holder + "wait for its end, or choose"):
            loop.train(GAN, "ring", folder, seed=0, images=100, overrides={"width_g": 8, "width_d": 8}, wait=False)
        waiting = threading.Thread(target=train, args=(GAN, folder))
        waiting.start()
        said = ""
        while not said:
            said = capsys.readouterr().err
            time.sleep(0.01)
        assert re.search(holder + "waiting for its end$", said.strip())
    waiting.join()


def test_half_a_line_of_history_is_left_out(folder: Path) -> None:
    whole = (folder / "history.jsonl").read_text()
    with (folder / "history.jsonl").open("a") as file:
        file.write(whole.splitlines()[-1][:20])
    train(baseline.folder() / "gan.py", folder)
    assert (folder / "history.jsonl").read_text() == whole


def test_recorded_path_is_relative_to_the_definitions(folder: Path) -> None:
    run = Run.read(folder)
    assert run.baseline_path == "baselines/gan.py"
    assert (paths.definitions() / run.baseline_path).is_file()


@pytest.mark.parametrize("name", ["gan", "baselines/gan.py"])
def test_baseline_is_called_by_name_and_by_path(name: str) -> None:
    assert baseline.resolve(name).resolve() == GAN.resolve()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dcgn", "no baseline 'dcgn'; did you mean 'dcgan'"),
        ("baselines/dcgn.py", r"no file baselines/dcgn\.py, and no baseline 'dcgn'; did you mean 'dcgan'"),
        ("elsewhere/dcgan.py", r"elsewhere/dcgan\.py: no such file; write the name alone .*: dcgan"),
        ("tests", "no baseline 'tests'"),
    ],
)
def test_wrong_baseline_is_answered_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        baseline.resolve(name)


def _change(folder: Path, **fields: object) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | fields))
