"""Train every baseline for a few steps, alone or as a part of a team, and write the losses: `python tests/team_work.py OUT`.

`torchrun --nproc-per-node 2 tests/team_work.py OUT` is the team.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from test_baselines_conformance import SPECS, build, source

from ganbench import baseline
from ganbench.errors import UserError
from ganbench.training import loop, team

STEPS = 3
BATCH = 12


def work(us: team.Team, out: Path) -> None:
    """Train each baseline on each kind of data, and write its losses, and whether all processes end in the same state."""
    lines: dict[str, Any] = {}
    for name in baseline.names():
        for kind in ("points", "digits"):
            try:
                training = loop.Training(build(name, SPECS[kind], batch=BATCH), source(SPECS[kind]), 0, 1000, us)
            except pytest.skip.Exception:
                continue
            losses = [{k: float(v) for k, v in training.step().items()} for _ in range(STEPS)]
            lines[f"{name}-{kind}"] = {"losses": losses, "unlike": unlike(us, training)}
    if us.first:
        out.write_text(json.dumps(lines))


def unlike(us: team.Team, training: loop.Training) -> str | None:
    """What the team says of processes whose states differ; None if all states are equal."""
    try:
        us.compare(training.state.tensors)
    except UserError as error:
        return str(error)
    return None


if __name__ == "__main__":
    torch.set_num_threads(1)
    with team.joined(torch.device("cpu")) as us:
        work(us, Path(sys.argv[1]))
