"""What has a name is whole: files, folders, and what killed processes leave."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml

from ganbench import data, files, samples
from ganbench.boards import damage
from ganbench.data import pins
from ganbench.errors import UserError
from ganbench.samples import SampleSet
from ganbench.scoring import Scorer, result

KILLED = """
import sys, time
from pathlib import Path
from ganbench import files
with files.{function}(Path(sys.argv[1])) as it:
    {write}
    print("half", flush=True)
    time.sleep(60)
"""


def killed(path: Path, function: str, write: str) -> None:
    """Begin to replace a file or a folder in another process, and kill it in the middle."""
    code = KILLED.format(function=function, write=write)
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_killed_write_leaves_the_old_file_and_the_next_write_cleans(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write(path, "old")
    killed(path, "replacing", "it.write(b'new'); it.flush()")
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    files.write(tmp_path / "b.json", "another")
    assert names(tmp_path) == {"a.json", "b.json"}


def test_killed_folder_leaves_the_old_folder_and_the_next_one_cleans(tmp_path: Path) -> None:
    path = tmp_path / "board"
    with files.replacing_folder(path) as new:
        (new / "a").write_text("old")
    killed(path, "replacing_folder", "(it / 'a').write_text('new')")
    assert (path / "a").read_text() == "old"
    assert len(names(tmp_path)) == 2
    files.sweep(tmp_path)
    assert names(tmp_path) == {"board"}


def test_folder_lost_between_two_renames_gets_its_name_back(tmp_path: Path) -> None:
    path = tmp_path / "board"
    path.mkdir()
    (path / "a").write_text("old")
    killed(path, "replacing_folder", "Path(sys.argv[1]).rename(it.parent / 'old')")
    assert not path.exists()
    files.sweep(tmp_path)
    assert (path / "a").read_text() == "old"
    assert names(tmp_path) == {"board"}


def test_file_that_another_process_writes_is_not_swept(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "a") as file:
        file.write(b"whole")
        files.sweep(tmp_path)
        files.write(tmp_path / "b", "")
    assert (tmp_path / "a").read_text() == "whole"


def test_error_while_writing_leaves_everything_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_text("old")

    def fail() -> None:
        with files.replacing(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as error:
        fail()
    assert error.value.filename == str(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == {"a.npz"}


def test_full_disk_under_a_folder_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device") as error, files.replacing_folder(tmp_path / "data"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert error.value.filename == str(tmp_path / "data")


def test_mode_of_a_file_follows_the_umask_and_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    before = os.umask(0o022)
    try:
        files.write(tmp_path / "link", "content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "link").is_symlink()


def test_write_into_a_file_in_place_of_a_folder_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as error:
        files.write(tmp_path / "folder", "")
    assert error.value.filename == str(tmp_path / "folder")


def a_set(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x, features = rng.normal(size=(50, 2)).astype(np.float32), rng.normal(size=(50, 3)).astype(np.float32)
    samples.write(tmp_path / "a.npz", SampleSet(x, np.arange(50), {"name": "a"}, features=features))
    return tmp_path / "a.npz"


@pytest.mark.parametrize("name", ["features", "arr_1"])
def test_embedding_with_other_features_than_recorded_is_refused(tmp_path: Path, name: str) -> None:
    path = a_set(tmp_path)
    arrays = dict(np.load(path))
    assert samples.read(path).features is not None
    np.savez(path, **(arrays | {name: arrays[name] + 1}))
    with pytest.raises(UserError, match=rf"a\.npz is damaged: {name} is not what its manifest records"):
        samples.read(path)


def test_manifest_is_there_before_its_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stop)
    with pytest.raises(KeyboardInterrupt):
        a_set(tmp_path)
    assert names(tmp_path) == {"a.json"}


def test_changed_score_and_infinite_score_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    scored = Scorer.of(points, points, features="identity", metrics=["fid"])(points + 1)
    files.write(path, scored.to_json())
    assert result.read(path) == scored
    content = json.loads(path.read_text())
    content["metrics"]["fid"]["value"] /= 2
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"scores\.json: not a result, because it was changed or damaged"):
        result.read(path)
    for number in ("NaN", "1e999", "-Infinity"):
        del content["digest"], content["metrics"]["fid"]["value"]
        content["metrics"]["fid"]["value"] = 0
        path.write_text(json.dumps(content).replace('"value": 0', f'"value": {number}'))
        with pytest.raises(UserError, match=f"it has the number {number}, and a number must be finite"):
            result.read(path)
        content["digest"] = ""


def test_damaged_files_of_a_board_are_named_and_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.paths.runs", lambda: tmp_path)
    run = "gan-ring-01234567-s0"
    whole = {"scores-quick.json": json.dumps(files.seal({"a": 1})), "curve-quick.json": "{}", "scores-mnist.json": "{"}
    cut = {
        "scores-quick.json": json.dumps(files.seal({"a": 1}) | {"a": 2}),
        "curve-quick.json": '{"column": "fi',
        "samples-9.npz": "PK",
        "embedding-9-pixels.json": "",
        "model.safetensors": "",
        "run.json": "{}",
    }
    for name, content in whole.items():
        files.write(tmp_path / run / name, content)
    assert damage.mend([run, "not-there"], "quick") == []
    board = tmp_path / "boards/quick/leaderboard.csv"
    for path in (board, *(tmp_path / run / name for name in cut)):
        files.write(path, cut.get(path.name, ""))
    said = damage.mend([run], "quick")
    assert sorted(line.partition(" was damaged; it is deleted and made again")[0] for line in said) == sorted(
        str(tmp_path / run / name) for name in cut
    )
    assert names(tmp_path / run) == {"scores-mnist.json"}
    assert not board.exists()


def test_what_was_made_of_a_damaged_file_is_deleted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.paths.runs", lambda: tmp_path)
    whole = ("samples-9.json", "embedding-9-pixels.json", "scores-quick.json", "curve-quick.json")
    for run, damaged in (("a", "embedding-9-pixels.json"), ("b", "")):
        for name in whole:
            files.write(tmp_path / run / name, "" if name == damaged else "{}")
    assert len(damage.mend(["a", "b"], "quick")) == 1
    assert names(tmp_path / "a") == {"samples-9.json"}
    assert names(tmp_path / "b") == set(whole)


def test_lock_that_dvc_is_writing_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path("dvc.lock").read_text()
    lock = tmp_path / "dvc.lock"
    lock.write_text("")
    steps = iter(["", whole[: len(whole) // 2], whole])

    def sleep(seconds: float) -> None:
        lock.write_text(next(steps))

    monkeypatch.setattr("ganbench.paths.definitions", lambda: tmp_path)
    monkeypatch.setattr(time, "sleep", sleep)
    last = list(yaml.safe_load(whole)["stages"])[-1]
    with monkeypatch.context() as patch:
        patch.setattr(pins, "SETTLED", 60.0)
        assert pins.version(last)
    lock.write_text("")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(UserError, match=r"dvc\.lock is damaged \(TypeError\); restore it"):
        data.version("digits")


def test_killed_build_of_a_dataset_is_cleaned_by_the_next(tmp_path: Path) -> None:
    killed(tmp_path / "ring", "replacing_folder", "(it / 'train.npy').write_text('half')")
    data.build("ring", tmp_path)
    assert {name for name in names(tmp_path) if name != ".ring.lock"} == {"ring"}


def test_signal_ends_a_verb_with_one_line_and_its_code() -> None:
    code = "import os; from ganbench import cli; from ganbench.cli import catalogue; "
    code += "catalogue.boards = lambda: os.kill(os.getpid(), {}); cli.main()"
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        command = [sys.executable, "-c", code.format(int(number)), "list", "boards"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (expected, "ganbench: interrupted\n")


WORKER = """
import sys, time
from ganbench.cli.worker import Worker
worker = Worker()
worker.start()
print(worker.process.pid, flush=True)
time.sleep(60)
"""


def test_scratch_of_a_killed_worker_goes_and_that_of_a_living_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    killed, living = (
        subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        for _ in range(2)
    )
    workers = [int(process.stdout.readline()) for process in (killed, living) if process.stdout]
    assert len(names(tmp_path)) == 2
    killed.kill()
    killed.communicate()
    with files.shared_scratch() as own:
        assert len(names(tmp_path)) == 2
        assert own.name in names(tmp_path)
    assert len(names(tmp_path)) == 1
    living.kill()
    living.communicate()
    with files.shared_scratch():
        assert len(names(tmp_path)) == 1
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
