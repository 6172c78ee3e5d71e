"""The folder of a trained run as a sample set: its samples are drawn."""

from __future__ import annotations

from pathlib import Path

from ganbench.samples import SampleSet

DRAWN = 10_000


def opens(path: Path) -> bool:
    """Whether `path` is the folder of a run."""
    return (path / "run.json").is_file()


def read(path: Path) -> SampleSet:
    """The 10,000 samples that `ganbench sample` would write."""
    from ganbench.training.drawing import drawn  # imports torch

    return drawn(path, DRAWN, 0)
