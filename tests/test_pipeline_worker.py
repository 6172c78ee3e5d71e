"""The worker: a job in it behaves as a process of its own would."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli import client, worker

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has a worker")


@pytest.mark.parametrize("module", worker.PRELOADED)
def test_preloaded_module_exists(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


@pytest.fixture(scope="module")
def started() -> Iterator[worker.Worker]:
    process = worker.Worker()
    process.start()
    yield process
    process.stop()


def job(*arguments: str, folder: Any = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", client.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | environment)


def processes(parent: int) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}


@pytest.mark.slow
def test_job_has_the_output_and_exit_code_of_its_own_process(started: worker.Worker) -> None:
    for arguments in (["list", "boards"], ["list", "nonsense"], ["--nonsense"]):
        alone = subprocess.run([sys.executable, "-m", "ganbench", *arguments], capture_output=True, text=True)
        forked = job(*arguments)
        assert (forked.returncode, forked.stdout, forked.stderr) == (alone.returncode, alone.stdout, alone.stderr)


@pytest.mark.slow
def test_job_runs_in_the_folder_and_environment_of_its_client(started: worker.Worker, tmp_path: Path) -> None:
    done = job("cache", folder=tmp_path, GANBENCH_CACHE=str(tmp_path / "mine"))
    assert done.returncode == 0
    assert str(tmp_path / "mine") in done.stdout


@pytest.mark.slow
def test_control_drawn_by_the_worker_has_the_same_bytes(started: worker.Worker, tmp_path: Path) -> None:
    arguments = ["control", "noise", "--dataset", "ring", "--n", "50", "--out"]
    assert job(*arguments, str(tmp_path / "a.npz")).returncode == 0
    subprocess.run([sys.executable, "-m", "ganbench", *arguments, str(tmp_path / "b.npz")], check=True)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.slow
def test_worker_has_one_thread_when_it_forks(started: worker.Worker) -> None:
    job("list", "boards")  # it answers when all imports are done
    assert started.process is not None
    assert len(list(Path(f"/proc/{started.process.pid}/task").iterdir())) == 1


@pytest.mark.slow
def test_job_ends_when_its_client_is_killed(started: worker.Worker, tmp_path: Path) -> None:
    job("list", "boards")
    assert started.process is not None
    command = [sys.executable, "-I", "-S", client.__file__, "train", "baselines/gan.py", "--dataset", "ring"]
    waiting = subprocess.Popen([*command, "--images", "100000000", "--out", str(tmp_path)], stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "history.jsonl").is_file)
    (training,) = processes(started.process.pid)
    waiting.send_signal(signal.SIGKILL)
    waiting.wait()
    wait_until(lambda: not Path(f"/proc/{training}").exists())


@pytest.mark.slow
def test_worker_lives_on_when_a_client_is_killed_at_any_moment(started: worker.Worker, tmp_path: Path) -> None:
    assert started.process is not None
    command = [sys.executable, "-I", "-S", client.__file__, "train", "baselines/gan.py", "--dataset", "ring"]
    for milliseconds in range(0, 60, 4):
        waiting = subprocess.Popen(
            [*command, "--images", "100000000", "--out", str(tmp_path)], stderr=subprocess.DEVNULL
        )
        time.sleep(milliseconds / 1000)
        waiting.kill()
        waiting.wait()
    assert job("list", "nonsense").returncode == 2
    assert started.process is not None
    pid = started.process.pid
    assert started.process.poll() is None
    wait_until(lambda: not processes(pid))


def test_request_of_a_client_that_is_gone_is_dropped() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    assert worker.begin(ours) is None


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_client_without_a_worker_is_the_verb_itself(tmp_path: Path) -> None:
    for address in ({"GANBENCH_WORKER": str(tmp_path / "nobody")}, {"GANBENCH_WORKER": ""}):
        done = job("list", "nonsense", **address)
        assert done.returncode == 2
        assert "no kind 'nonsense'" in done.stderr
