"""Tables for papers: the same numbers as in the result, in text that LaTeX and Markdown take."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ganbench import cli
from ganbench.boards import leaderboard
from ganbench.boards.board import Board
from ganbench.boards.published import read as read_board
from ganbench.errors import UserError
from ganbench.scoring import paper
from ganbench.scoring.result import Result, read

RECORD = next(Path("results/quick/runs").glob("gan-digits-*-s0.json"))


@pytest.fixture(scope="module")
def result() -> Result:
    return read(RECORD)


def test_latex_table_has_every_number_and_says_how_it_was_measured(result: Result) -> None:
    text = paper.latex(result, "my_samples")
    caption = re.search(r"\\caption\{(.*)\}\n", text)
    assert caption
    assert r"my\_samples" in caption[1]
    assert f"n = {result.samples.n:,}" in caption[1]
    assert f"extractor {result.protocol.features.id}" in caption[1]
    assert r"95 \% interval" in caption[1]
    rows = re.findall(r"^(\S+?)(?: \$\\\w+\$)? & (\S+) & (\S+ \S+|) & (\S*) \\\\$", text, re.MULTILINE)
    shown = {name.replace("\\", ""): (value, interval) for name, value, interval, _ in rows}
    for name in ("fid", "kid", "precision", "memorisation"):
        m = result.metrics[name]
        assert m.interval
        assert shown[name] == (m.shown, f"[{m.interval[0]:.3g}, {m.interval[1]:.3g}]")


def test_latex_has_no_sign_that_latex_reads_as_a_command(result: Result) -> None:
    name = r"50%_of{x}#1&~^\n$ <a>"
    text = paper.latex(result.model_copy(update={"samples": result.samples.model_copy(update={"name": name})}))
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("%"))
    assert r"50\%\_of\{x\}\#1\&$\sim$\textasciicircum{}\textbackslash{}n\$" in body
    for opening, closing in (("{", "}"),):
        bare = re.sub(r"\\[{}]", "", body)
        assert bare.count(opening) == bare.count(closing)
    assert not re.search(r"(?<!\\)[#%]", body)
    assert re.sub(r"\\begin\{tabular\}.*?\\end\{tabular\}", "", body, flags=re.DOTALL).count(" & ") == 0


def test_markdown_table_has_one_line_per_metric_with_a_value(result: Result) -> None:
    text = paper.markdown(result)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + sum(m.answered for m in result.metrics.values())
    assert {line.count("|") for line in lines} == {5}
    assert f"extractor {result.protocol.features.id}".replace("_", r"\_") in text


def test_the_sentence_states_the_whole_protocol(result: Result) -> None:
    text, about = paper.sentence(result), result.protocol
    assert about.train
    for part in (
        f"{result.samples.n:,} generated samples", result.samples.sha256[:16], about.reference.sha256[:16], about.train.sha256[:16],
        about.features.id, f"ganbench {about.ganbench}", f"seed {about.seed}", f"fid {result.metrics['fid'].version}",
    ):  # fmt: skip
        assert part in text
    assert text.count(". ") == 0
    assert text.endswith(").")


def test_command_writes_both_tables_and_prints_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["score", "ring:train", "--reference", "ring", "--metrics", "fid,kid"]
    cli.app([*command, "--latex", str(tmp_path / "t.tex"), "--markdown", "-"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert printed.startswith("Scores of ring:train (n = ")
    assert "| kid ↓ |" in printed
    assert (tmp_path / "t.tex").read_text(encoding="utf-8").startswith("% \\usepackage{booktabs}\n\\begin{table}")
    with pytest.raises(UserError, match="--json - and --latex - both print to stdout"):
        cli.app([*command, "--json", "-", "--latex", "-"], standalone_mode=False)


def test_a_board_has_a_booktabs_table_per_dataset() -> None:
    published = read_board(Path("results/quick"))
    board = Board.model_validate(json.loads(Path("results/quick/manifest.json").read_text())["grid"])
    text = leaderboard.latex(published.title, board, leaderboard.aggregate(published.scores(), board))
    tables = text.split(r"\begin{table}")[1:]
    assert len(tables) == len(board.datasets)
    for table, (dataset, track) in zip(tables, board.datasets.items(), strict=True):
        caption = next(line for line in table.splitlines() if line.startswith(r"\caption"))
        assert f"data {dataset}: n = {track.samples:,} samples per set, extractor " in caption
        assert r"95 \% interval" in caption
        heads = table.partition("\\toprule\n")[2].splitlines()[0].count("&") + 1
        assert heads == 2 + len(track.metrics)
        body = re.findall(r"^.* \\\\$", table, re.MULTILINE)
        assert len(body) == 1 + len(track.rows) + 3
        assert all(re.sub(r"\\&", "", line).count("&") == heads - 1 for line in body)
        assert table.count(r"\midrule") == 2
