"""Training over two processes that torchrun starts: the same data, the same losses up to rounding, the same bits after a break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import team_work
import torch
from typer.testing import CliRunner

from ganbench import baseline
from ganbench.cli import app
from ganbench.errors import UserError
from ganbench.training.checkpoint import read
from ganbench.training.run import Run
from ganbench.training.team import ALONE, Team

TOLERANCE = 1e-4  # of a loss, relative to 1 + its size; the largest difference that was measured is in docs/clusters.md
# Their losses are means over the batch of what each sample gives, and nothing is drawn but inputs and classes.
MEANS = {"acgan", "began", "biggan", "dcgan", "lsgan", "pacgan", "r3gan", "sagan", "sngan", "wgan"}
# The gradient of D's last bias is 0 up to rounding, and Adam makes whole steps of it. They cancel in D's loss alone.
HINGE = {"biggan", "sagan", "sngan"}
ONE_PROCESS = {"semi_supervised"}  # its first batch sets D's weights, and each process has other rows


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Start two processes."""
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*start, *command], capture_output=True, text=True, env=environment, timeout=300)


def command(out: Path, images: int) -> list[str]:
    settings = ["--set", "batch=32", "--set", "width=8"]
    return [
        "-m",
        "ganbench",
        "train",
        "dcgan",
        "--dataset",
        "digits",
        "--images",
        str(images),
        "--out",
        str(out),
        *settings,
    ]


def history(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of every baseline, after 3 steps of one process and of two."""
    folder = tmp_path_factory.mktemp("team")
    team_work.work(ALONE, folder / "1")
    done = run(str(Path(team_work.__file__)), str(folder / "2"))
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{processes}").read_text()) for processes in (1, 2)]


def difference(name: str, alone: dict[str, Any], shared: dict[str, Any]) -> float:
    """The largest difference of a loss, relative to 1 + its size."""
    entries = [k for k in alone["losses"][0] if name not in HINGE or k == "d/loss"]
    pairs = [(a[k], b[k]) for a, b in zip(alone["losses"], shared["losses"], strict=True) for k in entries]
    return float(max(abs(a - b) / (1 + abs(a)) for a, b in pairs))


@pytest.mark.parametrize("name", sorted(MEANS))
def test_two_processes_have_the_losses_of_one(name: str, losses: list[dict[str, Any]]) -> None:
    alone, shared = losses
    kinds = [key for key in alone if key.rpartition("-")[0] == name]
    assert kinds
    for kind in kinds:
        assert difference(name, alone[kind], shared[kind]) <= TOLERANCE, kind


@pytest.mark.parametrize("name", baseline.names())
def test_processes_end_in_the_same_state_or_say_what_differs(name: str, losses: list[dict[str, Any]]) -> None:
    for kind, line in losses[1].items():
        if kind.rpartition("-")[0] == name:
            assert (line["unlike"] is None) == (name not in ONE_PROCESS), line["unlike"]
            assert name not in ONE_PROCESS or "train it in a single process" in line["unlike"]


@pytest.mark.slow
def test_team_resumes_to_the_bit_and_refuses_another_number(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for out, images in ((whole, 640), (broken, 320), (broken, 640)):
        done = run(*command(out, images))
        assert done.returncode == 0, done.stderr
    a, b = (read(out / "model.safetensors")[0] for out in (whole, broken))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert Run.read(whole).model_extra == {"processes": 2}
    alone = CliRunner().invoke(app, command(broken, 960)[2:])
    assert isinstance(alone.exception, UserError)
    assert "processes 2 there, 1 now" in str(alone.exception)
    assert CliRunner().invoke(app, command(tmp_path / "alone", 640)[2:]).exit_code == 0
    ours, theirs = (history(out) for out in (tmp_path / "alone", whole))
    assert [line["images"] for line in ours] == [line["images"] for line in theirs]
    assert all(abs(x["d/loss"] - y["d/loss"]) < TOLERANCE for x, y in zip(ours, theirs, strict=True))


def test_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(UserError, match="a batch of 33 cannot be shared by 2 processes"):
        Team(0, 2).check(33)
    Team(1, 2).check(32)


def test_rows_of_all_processes_make_the_batch() -> None:
    x = torch.arange(12).view(6, 2)
    assert torch.equal(torch.cat([Team(rank, 3).share(x) for rank in range(3)]), x)
    assert ALONE.share(x) is x
    assert ALONE.facts == {}
