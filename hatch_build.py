"""Puts the definitions of ganbench into its wheel, so that an installed package needs no checkout.

An editable install gets none of them: it reads the checkout itself (`ganbench/paths.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DEFINITIONS = (
    "CITATION.cff",
    "Snakefile",
    "baselines/*.py",
    "baselines/boards/**/*.yaml",
    "dvc.lock",
    "profiles/**/*.yaml",
    "results/calibration/*/promises.csv",
)


class Definitions(BuildHookInterface):  # type: ignore[type-arg]
    """Copies the definitions to `ganbench/shipped/`, each under the path that it has in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to hatch.

        Args:
            version: "standard" or "editable".
            build_data: what hatch builds from; `force_include` maps a file to its place in the wheel.

        Raises:
            FileNotFoundError: a definition is missing from the tree that the wheel is built from.
        """
        if version == "editable":
            return
        root = Path(self.root)
        for pattern in DEFINITIONS:
            files = sorted(root.glob(pattern))
            if not files:
                raise FileNotFoundError(f"{root} has no {pattern}")
            for file in files:
                build_data["force_include"][str(file)] = f"ganbench/shipped/{file.relative_to(root).as_posix()}"
