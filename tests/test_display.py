"""Tables for people."""

from __future__ import annotations

import pytest
from rich.console import Console

from ganbench.display import text as display

LINES = [
    {"row": "gan", "fid": "1 ± 2", "kid": "0.1", "note": ""},
    {"row": "wgan", "fid": "3", "kid": "0.25", "note": "x"},
]


def test_table_outside_a_terminal_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    wide = [{"row": "gan", **{f"a rather long column {i}": "0.123 ± 0.456 [0.7, 0.8]" for i in range(12)}}]
    display.table(wide, "a title", ["row"])
    out = capsys.readouterr().out
    assert out.startswith("a title\n")
    assert all(f"a rather long column {i}" in out for i in range(12))
    assert out.count("0.123 ± 0.456 [0.7, 0.8]") == 12
    assert "…" not in out


def test_table_on_a_narrow_terminal_comes_in_parts_that_repeat_the_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "Console", lambda **_: Console(force_terminal=True, width=24, color_system=None))
    display.table(LINES, "t", ["row"])
    out = capsys.readouterr().out
    assert out.count("wgan") > 1
    assert all(len(line) <= 24 for line in out.splitlines())
    for cell in ("1 ± 2", "0.25", "kid", "fid"):
        assert cell in out


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.012345, "0.0123"), (1.0, "1"), (98.76, "98.8"), (1000.4, "1,000"), (-2e6, "-2,000,000"), (0, "0")],
)
def test_numbers_have_three_digits_and_whole_ones_from_a_thousand_on(x: float, text: str) -> None:
    assert display.number(x) == text
