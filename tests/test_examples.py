"""The examples run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys


def test_loop_scores_while_it_trains_and_gets_better() -> None:
    command = [sys.executable, "examples/score_while_training.py", "--steps", "200", "--every", "50"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    steps = [float(x) for x in re.findall(r"^step \d+: FID ([\d.]+)", done.stdout, re.MULTILINE)]
    assert len(steps) == 4
    assert min(steps[1:]) < steps[0]
    assert re.search(
        r"^best: FID [\d.]+ \([\d.]+, [\d.]+\), a perfect generator has [\d.]+$", done.stdout, re.MULTILINE
    )
