"""The assets of a release: the samples of published rows, with which anyone can check a cell."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_submissions import gaussian

from experiments import assets
from ganbench import samples
from ganbench.errors import UserError
from ganbench.samples import SampleSet

RUNS = ("gan-digits-00000000-s0", "gan-digits-00000000-s1")


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A published board of two trained runs and a control, and the samples of the trained runs."""
    folder = tmp_path / "tiny"
    (folder / "runs").mkdir(parents=True)
    track = {"images": 1, "samples": 50, "metrics": ["fid"], "rank": "fid", "rows": {"gan": None}}
    grid = {"about": "", "seeds": [0, 1, 2], "datasets": {"digits": track}}
    (folder / "manifest.json").write_text(json.dumps({"board": "tiny", "grid": grid, "data": {"digits": "0"}}))
    for seed, run in enumerate(RUNS):
        path = tmp_path / "runs" / run / "samples-50.npz"
        samples.write(path, SampleSet(gaussian(seed, n=50), np.arange(50), {"name": run, "run": {}}))
        record = {"samples": json.loads(path.with_suffix(".json").read_text())}
        (folder / "runs" / f"{run}.json").write_text(json.dumps(record))
    (folder / "runs" / "real-digits-00000000-s0.json").write_text(json.dumps({"samples": {"n": 50}}))
    return folder


def pack(board: Path, name: str) -> Path:
    out = board.parent / name
    assets.main(f"{board}", board.parent / "runs", out)
    return out


def test_assets_have_the_published_samples_and_the_same_bytes(board: Path) -> None:
    first, second = pack(board, "a"), pack(board, "b")
    assert sorted(path.name for path in first.iterdir()) == ["SHA256SUMS", *(f"{run}.npz" for run in RUNS)]
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    np.testing.assert_array_equal(samples.read(first / f"{RUNS[1]}.npz").x, gaussian(1, n=50))
    with np.load(first / f"{RUNS[1]}.npz") as content:
        np.testing.assert_array_equal(content["arr_1"], np.arange(50))
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=first, check=False).returncode == 0


def test_samples_that_are_not_the_published_ones_are_refused(board: Path) -> None:
    path = board.parent / "runs" / RUNS[1] / "samples-50.npz"
    samples.write(path, SampleSet(gaussian(2, n=50), np.arange(50), {"name": RUNS[1]}))
    with pytest.raises(UserError, match=rf"{RUNS[1]}/samples-50.npz: arr_0 has the hash [0-9a-f]+, but the record has"):
        pack(board, "a")
    path.unlink()
    with pytest.raises(UserError, match=r"1 of 2 sample sets are missing: .*samples-50.npz"):
        pack(board, "a")
