"""The folder of a trained run, read as a sample set: its samples are drawn anew."""

from __future__ import annotations

from pathlib import Path

from ganbench.samples import SampleSet

DRAWN = 10_000  # samples, as many as `ganbench sample` writes by default


def opens(path: Path) -> bool:
    """Whether `path` is the folder of a run."""
    return (path / "run.json").is_file()


def read(path: Path, trust: bool = False) -> SampleSet:
    """The 10,000 samples that `ganbench sample` would write with seed 0; `trust` as in `checkpoint.load`."""
    from ganbench.training.sampling import Drawing, sample  # imports torch

    return sample(path, Drawing(DRAWN, 0, trust=trust))
