"""Freed memory stays in the process."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys

import pytest

from ganbench.training import memory

FAULTS = """
import resource, sys, torch
from ganbench.training import memory
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    assert memory.keep_freed()
for _ in range(20):
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    some = [torch.ones(2**20) for _ in range(5)]
    del some
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_the_next_step_faults_no_pages_that_the_last_one_freed() -> None:
    mapping = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # glibc's defaults give memory back by their own lights
    faults = {
        mode: int(subprocess.check_output([sys.executable, "-c", FAULTS, mode], text=True, env=mapping))
        for mode in ("given back", "kept")
    }
    pages = 5 * 2**22 // resource.getpagesize()
    assert faults["given back"] > pages / 2
    assert faults["kept"] < pages / 100


def test_other_systems_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.keep_freed()
