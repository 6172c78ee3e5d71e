"""The places of files: ganbench's definitions, the user's data, and the results of boards.

In a checkout all these places are in the checkout. An installed package has its definitions in `ganbench/shipped/`. It
keeps its datasets in one folder of the user. It writes runs and results into the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
PINS = "dvc.lock"  # the file that pins the datasets


def _is_checkout(folder: Path) -> bool:
    """Whether a folder is a checkout of ganbench; other projects have a `dvc.lock` too."""
    return (folder / PINS).is_file() and (folder / "baselines").is_dir()


def checkout() -> Path | None:
    """The checkout that the current folder lies in, or None."""
    current = Path.cwd()
    return next((folder for folder in (current, *current.parents) if _is_checkout(folder)), None)


def source() -> Path | None:
    """The checkout that this package is installed from (`pip install -e`), or None."""
    return PACKAGE.parent if _is_checkout(PACKAGE.parent) else None


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
    """The folder of all datasets: `GANBENCH_DATA`, or `data/` of the checkout, or the user's own folder."""
    given = os.environ.get("GANBENCH_DATA")
    if given:
        return Path(given).expanduser()
    home = checkout() or source()
    return home / "data" if home else platformdirs.user_data_path("ganbench", appauthor=False) / "data"


def calibrations() -> tuple[Path, ...]:
    """The folders of all calibrations, each named by its dataset: first those that ganbench brings, then the user's own."""
    places = dict.fromkeys((definitions() / "results" / "calibration", results() / "calibration"))
    return tuple(path.parent for place in places for path in sorted(place.glob("*/promises.csv")))


def is_shipped(calibration: Path) -> bool:
    """Whether the folder of a calibration lies among ganbench's own files. In a checkout all such folders do."""
    return calibration.is_relative_to(definitions())


def shown(path: Path) -> Path:
    """A path as messages show it: relative to the current folder if the path lies there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
