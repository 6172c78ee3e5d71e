"""Where things lie: what ganbench defines, the user's data, and what a board leaves behind.

In a checkout all of it lies in the checkout. An installed package carries its definitions in `ganbench/shipped/`, keeps
its datasets in one folder of the user, and writes runs and results into the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
PINS = "dvc.lock"  # marks a checkout: the file that pins the datasets


def checkout() -> Path | None:
    """The checkout that the current folder lies in, or None."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / PINS).is_file()), None)


def source() -> Path | None:
    """The checkout that this package is installed from (`pip install -e`), or None."""
    return PACKAGE.parent if (PACKAGE.parent / PINS).is_file() else None


def definitions() -> Path:
    """The folder with `baselines/`, `Snakefile`, `dvc.lock` and `results/calibration/` that this process uses."""
    return checkout() or source() or PACKAGE / "shipped"


def root() -> Path:
    """The folder that `runs/` and `results/` lie in: the checkout around the current folder, else the current folder."""
    return checkout() or Path.cwd()


def runs() -> Path:
    """The folder of all runs."""
    return root() / "runs"


def results() -> Path:
    """The folder of published boards and calibrations."""
    return root() / "results"


def data() -> Path:
    """The folder of all datasets: `GANBENCH_DATA`, or that of the checkout, or the user's own."""
    given = os.environ.get("GANBENCH_DATA")
    if given:
        return Path(given)
    home = checkout() or source()
    return home / "data" if home else platformdirs.user_data_path("ganbench") / "data"
