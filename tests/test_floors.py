"""The plan of the package stays small; `lint-imports` holds the imports to it."""

from __future__ import annotations

import tomllib

from conftest import REPOSITORY

MOST_FLOORS = 9
MOST_LOOSE_MODULES = 10


def test_the_package_has_at_most_nine_floors() -> None:
    tools = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contract, _ = tools["importlinter"]["contracts"]
    assert contract["exhaustive"], "every module has its floor"
    assert len(contract["layers"]) <= MOST_FLOORS


def test_at_most_ten_modules_stand_outside_of_a_folder() -> None:
    loose = {path.stem for path in (REPOSITORY / "ganbench").glob("*.py")} - {"__init__", "__main__"}
    assert len(loose) <= MOST_LOOSE_MODULES, sorted(loose)
