"""Publishing: what stands in `results/` stays whole, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench.boards import kept, leaderboard, publishing
from ganbench.errors import UserError


def test_board_that_is_not_built_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.paths.runs", lambda: tmp_path)
    with pytest.raises(
        UserError, match=r"quick is not built: none of its 114 runs has scores; run `ganbench run quick`"
    ):
        publishing.publish("quick")


def test_published_board_stays_when_a_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "quick" / "leaderboard.md"
    old.parent.mkdir()
    old.write_text("old")

    def fail(name: str, runs: list[leaderboard.Recorded], target: Path, uncommitted: bool) -> None:
        (target / "half").touch()
        raise UserError("a manifest is missing")

    monkeypatch.setattr("ganbench.paths.results", lambda: tmp_path)
    monkeypatch.setattr(leaderboard, "recorded", lambda name: [])
    monkeypatch.setattr(kept, "runs", lambda name, there: there)
    monkeypatch.setattr(publishing, "_write", fail)
    with pytest.raises(UserError, match="a manifest is missing"):
        publishing.publish("quick")
    assert old.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["quick"]


@pytest.mark.parametrize("content", ["", '{"metrics": {', "[]"])
def test_damaged_json_is_one_line_that_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scores-quick.json"
    path.write_text(content)
    with pytest.raises(
        UserError, match=r"scores-quick\.json is damaged .*; delete this file and run the pipeline again"
    ):
        leaderboard.read_json(path)
