"""What a board needs: the plan, seconds from earlier runs, memory, rows, and a GPU for each job that asks for one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench import baseline, code, config
from ganbench.boards import costs, grid
from ganbench.boards.grid import PlannedRun
from ganbench.boards.plan import Cell, Job, cells, text, to_json
from ganbench.cli import client
from ganbench.errors import UserError
from ganbench.training.run import RECORD

GAN = PlannedRun(
    run="gan-ring-aaaaaaaa-s0", kind="baseline", row="gan", dataset="ring", seed=0, n=500, features="identity",
    train="train-ring-bbbbbbbb-s0", metrics={"fid": 1}, path="baselines/gan.py", images=1000, settings={"width_g": 8},
)  # fmt: skip
REAL = replace(GAN, run="real-ring-cccccccc-s0", kind="control", row="real", path="", images=0, settings={})


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(run: str, **changed: Any) -> Path:
    """A finished run in `runs/`."""
    settings = baseline.config(baseline.resolve("gan")).model_validate({"width_g": 8}).model_dump(mode="json")
    content = {
        "baseline": "gan", "dataset": "ring", "config": settings, "device": "cpu", "seen": 500, "cpu_seconds": 5.0,
        "seconds": 50.0, "seed": 0, "recipe": config.RECIPE, "source": code.source_hash(baseline.resolve("gan")),
    }  # fmt: skip
    path = Path("runs", run, RECORD)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content | changed))
    return path


def test_seconds_are_those_of_the_same_settings(elsewhere: Path) -> None:
    record("a", cpu_seconds=5.0)
    record("b", cpu_seconds=500.0, config={"width_g": 16})
    assert costs.seconds(GAN, costs.records()) == pytest.approx(10)


def test_seconds_of_other_settings_are_the_slowest(elsewhere: Path) -> None:
    record("a", cpu_seconds=5.0, config={"width_g": 16})
    record("b", cpu_seconds=500.0, config={"width_g": 32})
    assert costs.seconds(GAN, costs.records()) == pytest.approx(1000)


@pytest.mark.parametrize(
    "changed", [{"dataset": "grid"}, {"baseline": "wgan"}, {"device": "cuda"}, {"seen": 0}, {"seen": None}]
)
def test_seconds_are_unknown_without_a_run_of_the_same_kind(elsewhere: Path, changed: dict[str, Any]) -> None:
    record("a", **changed)
    assert costs.seconds(GAN, costs.records()) is None


def test_gpu_has_the_seconds_of_the_clock(elsewhere: Path) -> None:
    record("a", device="cuda:0")
    assert costs.seconds(replace(GAN, gpu=True), costs.records()) == pytest.approx(100)


def test_damaged_record_counts_for_nothing(elsewhere: Path) -> None:
    for i, content in enumerate(["", "[]", "{}", '{"baseline": 1}', "\x00"]):
        record(f"run{i}").write_text(content)
    assert costs.records() == ()


def test_published_boards_say_how_long_a_training_takes() -> None:
    assert any(record.baseline == "dcgan" and record.dataset == "digits" for record in costs.records())


def test_time_limit_is_above_the_expected_time(elsewhere: Path) -> None:
    assert costs.minutes("train", GAN, ()) == costs.UNKNOWN
    record("a", cpu_seconds=60_000.0)
    expected = costs.seconds(GAN, costs.records())
    assert expected is not None
    assert costs.minutes("train", GAN, costs.records()) * 60 > 2 * expected
    assert costs.minutes("score", GAN, ()) < costs.minutes("score", replace(GAN, n=50_000), ())


def test_memory_grows_with_data_and_batch() -> None:
    mnist = replace(GAN, dataset="mnist", path="baselines/dcgan.py", settings={})
    wide = replace(mnist, settings={"batch": 1024})
    assert 850 < costs.megabytes("train", GAN) < costs.megabytes("train", mnist) < costs.megabytes("train", wide)
    assert costs.megabytes("embed", GAN) < costs.megabytes("embed", replace(GAN, n=50_000))


def test_plan_of_a_finished_row_is_done(elsewhere: Path) -> None:
    assert cells([GAN, REAL], [], ()) == [Cell(GAN, "done", "", 0.0), Cell(REAL, "done", "", 0.0)]


def test_plan_names_the_first_job_and_its_reason(elsewhere: Path) -> None:
    jobs = [
        Job("score", GAN.run, "Input files updated by another job: runs/x/y.npz"),
        Job("embed", GAN.run, "Params have changed since last execution: Union of a"),
        Job("control", REAL.run, "Missing output files: runs/a/b.npz, runs/a/c.json; Code has changed"),
    ]
    gan, real = cells([GAN, REAL], jobs, ())
    assert (gan.state, gan.why, gan.seconds) == ("embed", "params have changed since last execution", 0.0)
    assert (real.state, real.why) == ("control", "missing output files")


TRAIN = [Job("train", GAN.run, "Missing output files: x"), Job("score", GAN.run, "Missing output files: y")]


def test_plan_of_a_new_run_says_so_and_how_long_it_takes(elsewhere: Path) -> None:
    record("another")
    (cell,) = cells([GAN], TRAIN, costs.records())
    assert (cell.state, cell.why) == ("train", "not trained before")
    assert cell.seconds == pytest.approx(10)


def test_plan_of_an_interrupted_run_counts_what_is_left(elsewhere: Path) -> None:
    record("another")
    history = Path("runs", GAN.run, "history.jsonl")
    history.parent.mkdir()
    history.write_text('{"images": 100}\n{"images": 250}\n{"ima')  # the disk was full
    (cell,) = cells([GAN], TRAIN, costs.records())
    assert cell.why == "interrupted after 250 of 1,000 images"
    assert cell.seconds == pytest.approx(7.5)


def test_plan_of_a_changed_row_names_the_difference(elsewhere: Path) -> None:
    settings = baseline.config(baseline.resolve("gan")).model_validate({"width_g": 32}).model_dump(mode="json")
    version = grid.data.version("ring")
    record("gan-ring-dddddddd-s0", config=settings, data=version)
    record("gan-ring-dddddddd-s1", config={}, data=version)
    (cell,) = cells([GAN], TRAIN, ())
    assert cell.why == "gan-ring-dddddddd-s0 differs: width_g 32 there, 8 now"


def test_text_of_a_plan_has_each_row_reason_and_the_time(elsewhere: Path) -> None:
    planned = [Cell(GAN, "train", "not trained before", 12.0), Cell(replace(GAN, row="wgan"), "train", "x\x1b", None)]
    lines = text("mine", [*planned, Cell(REAL, "done", "", 0.0)], {"train": 2, "score": 2}).splitlines()
    assert lines[0] == "mine: 4 jobs would run, 2 of them trainings"
    assert any(line.split() == ["wgan", "train", "unknown"] for line in lines)
    assert any(line.split() == ["real", "done", "0"] for line in lines)
    assert "train gan-ring-s0: not trained before" in lines
    assert "train wgan-ring-s0: x\\x1b" in lines
    assert lines[-2] == "By earlier runs, 1 training will take 12 s on one free core."
    assert text("mine", [Cell(REAL, "done", "", 0.0)], {}).splitlines()[0] == "mine: nothing to do"


def test_plan_as_json_has_each_cell(elsewhere: Path) -> None:
    content = json.loads(to_json({"mine": ([Cell(GAN, "train", "why", None)], {"train": 1})}))
    assert content["mine"]["jobs"] == {"train": 1}
    (cell,) = content["mine"]["cells"]
    assert (cell["row"], cell["seed"], cell["state"], cell["why"], cell["seconds"]) == ("gan", 0, "train", "why", None)


@pytest.mark.parametrize("rows", ["gan", " gan ", ["gan"]])
def test_rows_are_selected_with_the_controls_of_their_dataset(rows: Any) -> None:
    other = replace(GAN, row="wgan", run="wgan-grid-eeeeeeee-s0", dataset="grid")
    far = replace(REAL, run="real-grid-eeeeeeee-s0", dataset="grid")
    reference = replace(REAL, kind="reference", row="reference")
    assert grid.select([GAN, other, REAL, far, reference], rows) == (GAN, REAL)
    assert grid.select([GAN, other, REAL, far, reference], None) == (GAN, other, REAL, far)


def test_row_that_a_board_does_not_have_is_refused() -> None:
    with pytest.raises(UserError, match="no row 'gna'; did you mean 'gan'"):
        grid.select([GAN, REAL], "gna")


# GPUs: what the environment of a job says. The names are made up, and no GPU is needed.


def test_devices_are_those_that_the_pipeline_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DRIVER", str(tmp_path / "none"))
    assert client.devices({}) == []
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    monkeypatch.setattr(client, "DRIVER", str(tmp_path / "gpus"))
    assert client.devices({}) == ["0", "1"]
    assert client.devices({client.VISIBLE: "1, GPU-abc"}) == ["1", "GPU-abc"]
    assert client.devices({client.VISIBLE: ""}) == []


def test_job_that_asks_for_no_gpu_sees_none() -> None:
    environment = {client.DEVICES: "0,1", client.VISIBLE: "0,1"}
    client.assign_device(["train", "gan"], environment)
    assert environment[client.VISIBLE] == ""


def test_gpu_of_a_cluster_is_the_one_that_its_scheduler_has_chosen() -> None:
    environment = {client.VISIBLE: "3"}
    client.assign_device(["train", "gan", client.ON_GPU], environment)
    assert environment == {client.VISIBLE: "3"}


def test_jobs_at_the_same_time_see_one_gpu_each_and_a_third_job_waits(tmp_path: Path) -> None:
    """Three clients ask a worker that this test plays: it keeps two of them until it has seen both."""
    address = str(tmp_path / "worker")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    environment = os.environ | {client.DEVICES: "a,b", "TMPDIR": str(tmp_path), "GANBENCH_WORKER": address}
    command = [sys.executable, "-I", "-S", client.__file__, "train", "gan", client.ON_GPU]
    clients = [subprocess.Popen(command, env=environment) for _ in range(3)]
    first = [accept(listener) for _ in range(2)]
    assert sorted(name for _, name in first) == ["a", "b"]
    listener.settimeout(3 * client.WAIT)
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.settimeout(60)
    for connection, _ in first[:1]:
        connection.send(client.STARTED + b"\x00")
        connection.close()
    last, name = accept(listener)
    assert name == first[0][1]
    for connection in (first[1][0], last):
        connection.send(client.STARTED + b"\x00")
        connection.close()
    listener.close()
    assert [process.wait(60) for process in clients] == [0, 0, 0]


def accept(listener: socket.socket) -> tuple[socket.socket, str]:
    """A client's connection, and the GPU that its environment names."""
    connection, _ = listener.accept()
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    for stream in streams:
        os.close(stream)
    with connection.makefile("rb") as sent:
        request = json.loads(sent.read(int.from_bytes(size, "big")))
    return connection, request["environment"][client.VISIBLE]


def test_gpu_of_a_job_that_became_another_program_stays_taken(tmp_path: Path) -> None:
    """Without a worker the client becomes Python by `os.execv`; the lock must last as long as that program."""
    code = (
        f"import os, sys; sys.path.insert(0, {str(Path(client.__file__).parent)!r}); import client\n"
        f"print(client.take(['a'], {str(tmp_path)!r}), flush=True)\n"
        "os.execv('/bin/cat', ['cat'])"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"a\n"
    taken: list[str] = []
    waiting = threading.Thread(target=lambda: taken.append(client.take(["a"], str(tmp_path))))
    waiting.start()
    waiting.join(3 * client.WAIT)
    assert taken == []
    holder.communicate()
    waiting.join(60)
    assert taken == ["a"]
