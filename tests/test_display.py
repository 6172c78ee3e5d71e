"""Tables for people fit the terminal, and their numbers have few digits."""

from __future__ import annotations

import pytest

from ganbench.display import text as display

LINES = [
    {"rank": "1", "row": "gan", "fid": "1.0 ± 2.0", "kid": "0.10", "a name of 16 ch.": "0.123", "recall": "0.5", "verdict": ""},
    {"rank": "2 (1–2)", "row": "wgan", "fid": "3.0 ± 0.1", "kid": "0.25", "a name of 16 ch.": "1", "recall": "1", "verdict": "x y"},
]  # fmt: skip
NEEDED, FURTHER = ["rank", "row", "fid", "verdict"], ["kid", "a name of 16 ch.", "recall"]


@pytest.mark.parametrize("columns", [30, 60, 80, 120])
def test_parts_of_a_table_fit_and_repeat_the_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    wide = [{"row": row, **{f"a column {i}": f"{row} {i}" for i in range(12)}} for row in ("gan", "wgan")]
    display.table(wide, "a title", ["row"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a title"
    assert max(map(len, lines)) <= columns
    heads = [line for line in lines if line.startswith("row")]
    assert len(heads) == -(-12 // ((columns - 4) // 12))
    assert all(" ".join(heads).count(f"a column {i} ") + heads[-1].endswith(f"a column {i}") for i in range(12))
    assert "…" not in "".join(lines)


def test_a_pipe_is_as_wide_as_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError))
    assert display.width() == 80


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (10, NEEDED),
        (34, NEEDED),
        (42, ["rank", "row", "fid", "kid", "verdict"]),
        (50, ["rank", "row", "fid", "kid", "recall", "verdict"]),
        (65, ["rank", "row", "fid", "kid", "a name of 16 ch.", "recall", "verdict"]),
    ],
)
def test_columns_are_added_while_there_is_room(columns: int, names: list[str]) -> None:
    assert display.chosen(LINES, NEEDED, FURTHER, columns) == names


def test_rules_stand_below_the_head_and_before_the_given_rows() -> None:
    lines = display.layout(LINES, NEEDED, 80, cut="row", right=["fid"], rules=[1])
    assert lines == [
        "rank     row         fid  verdict",
        "─────────────────────────────────",
        "1        gan   1.0 ± 2.0",
        "─────────────────────────────────",
        "2 (1–2)  wgan  3.0 ± 0.1  x y",
    ]


def test_a_narrow_table_shortens_one_column_and_wraps_the_last() -> None:
    line = {"rank": "1", "row": "a_long_name_of_a_row", "verdict": "copies 100 %; repeats in 2 of 3; 7.3 of 8 modes"}
    lines = display.layout([line], ["rank", "row", "verdict"], 36, cut="row")
    assert max(map(len, lines)) <= 36
    assert lines[2].startswith("1     a_long_…")
    assert " ".join(part[16:].strip() for part in lines[2:]) == line["verdict"]


def test_what_a_terminal_would_obey_is_shown_as_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    display.table([{"row": "a\x1b[2Jb", "fid": "1"}], "t\x1b]0;x", ["row"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "a\\x1b[2Jb" in out


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.012345, "0.0123"), (1.0, "1"), (98.76, "98.8"), (1000.4, "1,000"), (-2e6, "-2,000,000"), (0, "0")],
)
def test_numbers_have_three_digits_and_whole_ones_from_a_thousand_on(x: float, text: str) -> None:
    assert display.number(x) == text
