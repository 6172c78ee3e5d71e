"""What docs/baselines.md says of our runs is what their records say."""

from __future__ import annotations

import json
import re

import pytest
from conftest import REPOSITORY

from ganbench import baseline
from ganbench.display.text import value

PAGE = (REPOSITORY / "docs/baselines.md").read_text(encoding="utf-8")
LINES = {
    found[1]: line
    for line in PAGE.splitlines()
    if line.startswith("| ") and (found := re.search(r"baselines/(\w+)\.py", line))
}


@pytest.mark.parametrize("name", baseline.names())
def test_page_has_a_row_a_picture_and_the_record_of_every_baseline(name: str) -> None:
    path, cell = REPOSITORY / f"results/mnist/{name}-s0.json", LINES[name].split(" | ")[3]
    if not path.is_file():
        assert cell == "not trained yet"
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    run, fid = record["samples"]["run"], value(record["scores"]["metrics"]["fid"]["value"])
    if "curve" in record:
        assert cell.startswith(f"{value(record['curve']['quarter'])}, {value(record['curve']['half'])}, {fid}")
    else:  # older than RECIPE 6
        steps = run["seen"] // run["config"]["batch"]
        assert cell == f"{fid} ({steps:,} steps, {run['seconds']:,.0f} s)"
    assert f"](grids/{name}.png)" in PAGE
    assert (REPOSITORY / f"docs/grids/{name}.png").is_file()
