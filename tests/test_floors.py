"""The plan of the package stays small, and names stay short; `lint-imports` holds the imports to the plan."""

from __future__ import annotations

import re
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


def test_no_name_of_a_test_has_seventy_characters() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").glob("test_*.py")]
    names = [name for source in sources for name in re.findall(r"def (test_\w+)", source)]
    assert names
    assert [name for name in names if len(name) >= 70] == []
