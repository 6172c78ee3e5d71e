"""Every benchmark runs, in its quick form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ganbench import data
from ganbench.training import checkpoint

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_benchmark_runs_quickly_and_writes_a_page_with_a_table(script: Path, tmp_path: Path) -> None:
    if "--quick" not in script.read_text(encoding="utf-8"):
        pytest.skip(f"benchmarks/{script.name} has no --quick")
    page = tmp_path / "page.md"
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
    command = [sys.executable, str(script), "--quick", "--out", str(page)]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | one_thread)
    if run.returncode == 2 and "pip install" in run.stderr:
        pytest.skip(f"benchmarks/{script.name} needs a peer that is no dependency: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    assert page.read_text(encoding="utf-8").count("\n|") > 2


def test_semi_supervised_counts_the_test_images_that_the_trained_classifier_gets_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import semi_supervised

    monkeypatch.setattr(semi_supervised, "DATASET", "digits")
    semi_supervised.main(splits=2, epochs=2, runs=tmp_path / "runs", out=tmp_path)
    table = pd.read_csv(tmp_path / "splits.csv")
    gan, _ = checkpoint.load(tmp_path / "runs/s1")
    test = data.load("digits", "test")
    guess = gan.D(torch.from_numpy(np.array(test.x)).permute(0, 3, 1, 2) / 127.5 - 1).argmax(1)
    assert table["wrong"][1] == (guess.numpy() != test.y).sum()
    assert f"{table['error_percent'].mean():.2f} %" in (tmp_path / "README.md").read_text(encoding="utf-8")
