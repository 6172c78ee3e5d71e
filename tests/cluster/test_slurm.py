"""A board through a real Slurm: the same bits as without it, also after a job was killed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import one_node
import pytest

WHY = one_node.missing() or (
    None if importlib.util.find_spec("snakemake_executor_plugin_slurm") else "pip install 'ganbench[slurm]'"
)
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(WHY is not None, reason=str(WHY))]


def test_board_through_slurm_with_a_killed_job_has_the_local_bits(tmp_path: Path) -> None:
    measured = one_node.measure(tmp_path)
    assert measured["files that differ"] == []
    assert measured["files compared"] > 30
    assert measured["resumed"] is not None
    assert measured["CPUs of each job"] == ["1"]
    assert measured["submitted"] <= 15
