"""Coverage-guided fuzzing of the readers: whatever bytes a file has, reading it is a valid set or a `UserError`.

Run it for a bounded time: `python tests/fuzz_readers.py --seconds 60`. It needs atheris, and ends with the bytes that
raised anything else, that took more than a minute or more than 2 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["ganbench.samples", "zipfile", "tarfile", "numpy.lib.format", "PIL"]):
    from ganbench import samples

from test_samples_hostile import VALID

from ganbench.errors import UserError


def read(data: bytes, where: Path) -> None:
    """Read bytes as the only image of a folder and as a file of their own, whatever they turn out to be."""
    (where / "folder/a.png").write_bytes(data)
    (where / "file").write_bytes(data)
    for path in (where / "folder", where / "file"):
        try:
            one = samples.read(path)
        except UserError as error:
            if not str(error).isprintable():
                raise ValueError(f"not one line: {error}") from error
            continue
        if len(one.x) and samples.content_hash(np.asarray(one.x)) != one.manifest["sha256"]:
            raise ValueError("a hash of other samples")


def main() -> None:
    """Fuzz for as long as asked for, starting from a valid file of every form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        where = Path(scratch)
        (where / "folder").mkdir()
        (where / "corpus").mkdir()
        for form, data in VALID.items():
            (where / "corpus" / form).write_bytes(data)
        os.chdir(where)  # what fails is written there, and shown
        limits = [f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=2048", "-max_len=8192"]
        atheris.Setup([sys.argv[0], *limits, str(where / "corpus")], lambda data: read(data, where))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
