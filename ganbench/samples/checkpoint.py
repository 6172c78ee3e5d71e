"""A trained run of ours: its samples are drawn."""

from __future__ import annotations

from pathlib import Path

from ganbench.samples.sets import Declared, SampleSet

DRAWN = 10_000
FAULTS = (OSError,)


def opens(path: Path, head: bytes) -> bool:
    """Whether it is the folder of a run."""
    return (path / "run.json").is_file()


def read(path: Path, known: Declared) -> SampleSet:
    """The 10,000 samples that `ganbench sample` would write."""
    from ganbench.sample import drawn  # imports torch

    return drawn(path, DRAWN, 0)
