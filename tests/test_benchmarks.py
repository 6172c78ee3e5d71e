"""Every benchmark runs, in its quick form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_benchmark_runs_quickly_and_writes_a_page_with_a_table(script: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
    command = [sys.executable, str(script), "--quick", "--out", str(page)]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | one_thread)
    if run.returncode == 2 and "pip install" in run.stderr:
        pytest.skip(f"benchmarks/{script.name} needs a peer that is no dependency: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    assert page.read_text(encoding="utf-8").count("\n|") > 2
