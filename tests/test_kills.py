"""The script of random kills: a killed command loses nothing, and its next start cleans up."""

from __future__ import annotations

import random
from pathlib import Path

import kills
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("verb", [name for name in kills.VERBS if name != "publish"])  # it would build a board again
def test_killed_command_ends_with_the_same_bits_and_leaves_nothing(tmp_path: Path, verb: str) -> None:
    done = kills.kill(verb, 1, random.Random(1), tmp_path)
    assert done == kills.Kills(verb, 1, 1, 0)
