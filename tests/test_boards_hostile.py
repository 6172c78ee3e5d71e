"""Wrong and hostile published boards, rows and submissions: `verify`, `submit`, `referee` and `publish` say so in a line."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import Make, fifo, file, folder, in_time, label, link, nothing, state

import ganbench.cli

BOARD = "quick"
REPOSITORY = Path(__file__).parents[1]
ESCAPE = "a\x1b]0;title\x07\x9b2J\r"
HERE = f"results/{BOARD}"
MANIFEST, TABLE = f"{HERE}/manifest.json", f"{HERE}/scores.csv"
RECORD = next((REPOSITORY / HERE / "runs").glob("dcgan-*-s0.json")).relative_to(REPOSITORY).as_posix()


def manifest(*place: str, value: Any) -> Make:
    """Change a value of the manifest. The hashes and the digest go too, because a forger would leave them out."""

    def make() -> None:
        content = json.loads(Path(MANIFEST).read_text())
        for fact in ("digest", "hashes"):
            content.pop(fact, None)
        inner = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        Path(MANIFEST).write_text(json.dumps(content))

    return make


def without_hashes(make: Make) -> Make:
    def both() -> None:
        manifest("board", value=BOARD)()
        make()

    return both


def gone(name: str) -> Make:
    return lambda: Path(name).unlink()


def submission(name: str, **members: str | bytes) -> Make:
    """A zip in the folder of submissions, with these members; `__` stands for a dot in their names."""

    def make() -> None:
        Path(HERE, "submissions").mkdir()
        with zipfile.ZipFile(Path(HERE, "submissions", name), "w") as archive:
            for member, content in members.items():
                archive.writestr(member.replace("__", "."), content)

    return make


def in_submissions(make: Make) -> Make:
    def both() -> None:
        Path(HERE, "submissions").mkdir()
        make()

    return both


VERIFY = ["verify", BOARD]
SUBMIT = [
    "submit",
    "a.npz",
    "b.npz",
    "c.npz",
    "--board",
    BOARD,
    "--model",
    "m",
    "--seeds",
    "0,1,2",
    "--dataset",
    "digits",
]
MINE = [*SUBMIT, "--row", "mine"]
CASES: list[tuple[list[str], Make, str]] = [
    # what is no board
    *((["verify", name], make, message) for name, make, message in (
        ("nowhere", nothing, "holds no published board"), ("", nothing, ""), (".", nothing, "holds no published board"), ("a.npz", nothing, "a.npz"),
        (ESCAPE, nothing, "\\x1b"), ("../..", nothing, "published board"), ("pipe", fifo("pipe"), "pipe"), ("loop", link("loop", "loop"), "loop"),
        (BOARD, gone(MANIFEST), "holds no published board"),
    )),
    *((["referee", name], nothing, message) for name, message in (("nowhere", "nowhere"), (ESCAPE, "\\x1b"), ("a.npz", "a.npz"), (".", ""))),
    *((["publish", name], nothing, message) for name, message in (
        ("nowhere", "nowhere"), (BOARD, ""), (ESCAPE, "\\x1b"), ("a.npz", "a.npz"), ("a.npz --renew", "a.npz"),
    )),
    (["publish", "nowhere", "--renew"], nothing, "nowhere"),
    (["publish", BOARD, "--renew"], file(TABLE, "x"), "other bytes than those that were published"),
    # manifests
    *((VERIFY, file(MANIFEST, content), "other bytes than those that were published") for content in (
        "", "{", "[]", "3", "null", b"\xff\xfe", "[" * 100_000, '{"n": ' + "9" * 5000 + "}",
    )),
    *((VERIFY, manifest(*place, value=value), "") for place, value in (
        (("grid",), None), (("grid",), []), (("grid", "seeds"), "0"), (("grid", "seeds"), []), (("grid", "datasets"), {}),
        (("grid", "datasets"), 3), (("recipe",), "six"), (("data",), 3), (("data",), {}), (("board",), 3), (("board",), ESCAPE),
        (("board",), "../../pwned"), (("board",), None),
    )),
    (VERIFY, without_hashes(gone(TABLE)), "scores.csv"),
    # records and tables
    *((VERIFY, without_hashes(file(RECORD, content)), "other bytes than those that were published") for content in (
        "", "{", "[]", "null", b"\xff", "[" * 100_000, "{}", '{"samples": 3, "scores": {}}', '{"samples": {}, "scores": {"metrics": {}}}',
        '{"samples": {"run": 3}, "scores": {"metrics": 3}}',
    )),
    (VERIFY, without_hashes(file(f"{HERE}/runs/other-digits-00000000-s0.json", '{"samples": {"a": 1}, "scores": {"a": 1}}')), "runs/other-digits"),
    *((VERIFY, without_hashes(file(TABLE, content)), "") for content in ("", "a,b\n1,2\n", b"\xff\x00", "x" * 100_000)),
    (VERIFY, without_hashes(file(f"{HERE}/leaderboard.csv", "")), "leaderboard.csv"),
    (VERIFY, without_hashes(file(f"{HERE}/leaderboard.parquet", b"PAR1" + bytes(100))), "leaderboard.parquet"),
    (VERIFY, without_hashes(file(f"{HERE}/leaderboard.md", b"\xff\xfe")), "leaderboard.md"),
    (VERIFY, file(f"{HERE}/{ESCAPE}", "x"), "\\x1b"),
    *((VERIFY, file(f"{HERE}/invalid.yaml", content), "invalid.yaml") for content in (
        "{", "3", "- row: 3", "- row: a\n  reason: ''\n  date: '2026-01-01'", "- row: a\n  reason: b\n  date: tomorrow", "- &a [*a]",
        "- !!python/object/apply:os.system ['touch pwned']",
    )),
    # rows and seeds
    ([*VERIFY, "dcgna"], nothing, "did you mean 'dcgan'"),
    ([*VERIFY, "dcgan", "--seed", "99"], nothing, "no seed '99'"),
    ([*VERIFY, "dcgan", "--seed", "one"], nothing, "--seed"),
    ([*VERIFY, "dcgan", "--dataset", "rign"], nothing, "no dataset of this board 'rign'"),
    ([*VERIFY, "--retrain"], nothing, "name a row too"),
    ([*VERIFY, ESCAPE], nothing, "\\x1b"),
    # what is submitted
    *(([*SUBMIT, "--row", name], nothing, message) for name, message in (
        ("real", "the name of a control"), ("noise", "the name of a control"), ("dcgan", "dcgan"), ("../up", "cannot be the name of a row"),
        ("", "cannot be the name of a row"), ("a b", "cannot be the name of a row"), (ESCAPE, "cannot be the name of a row"), ("a" * 100, "cannot be the name of a row"),
    )),
    *(([*MINE[:7], text, *MINE[8:]], nothing, "one line of 1 to 200") for text in ("", "two\nlines", "x" * 300, ESCAPE)),
    *(([*MINE[:9], text, *MINE[10:]], nothing, "seed") for text in ("", "0", "0,1", "0,1,1", "0,1,x", "-1,0,1", "0,1,2,3", "0,1," + "9" * 40)),
    *(([*MINE, "--source", text], nothing, "address") for text in ("file:///etc/passwd", "javascript:1", "https://a b", "x" * 500, ESCAPE)),
    ([*MINE, "--at", "https://example.org/a.npz"], nothing, "--at is given 1 time for 3 sample sets"),
    ([*MINE, "--dataset", "rign"], nothing, "rign"),
    ([*MINE, "--board", "nowhere"], nothing, "nowhere"),
    (["submit", "a.npz", "--board", BOARD, "--model", "m", "--seeds", "0", "--row", "mine", "--dataset", "ring"], nothing, "at least"),
    (["submit", "nowhere.npz", "b.npz", "c.npz", *MINE[4:]], nothing, "nowhere.npz"),
    (["submit", "pipe.npz", "b.npz", "c.npz", *MINE[4:]], fifo("pipe.npz"), "not a regular file"),
    (["submit", "a.npz", "b.npz", "c.npz", "a.npz", *MINE[4:]], nothing, "seeds"),
    (MINE, nothing, ""),
    ([*MINE, "--out", "a.npz"], nothing, "a.npz"),
    # what the referee reads
    (["referee", BOARD, "--samples", "nowhere"], nothing, "no such folder"),
    (["referee", BOARD, "--samples", "a.npz"], nothing, "no such folder"),
    *((["referee", BOARD], make, message) for make, message in (
        (in_submissions(file(f"{HERE}/submissions/x.zip", b"")), "cannot be read"),
        (in_submissions(file(f"{HERE}/submissions/x.zip", b"PK\x03\x04" + bytes(50))), "cannot be read"),
        (in_submissions(file(f"{HERE}/submissions/x.txt", "x")), "no submission"),
        (in_submissions(folder(f"{HERE}/submissions/x.zip")), "no submission"),
        (in_submissions(fifo(f"{HERE}/submissions/x.zip")), "no submission"),
        (in_submissions(link(f"{HERE}/submissions/x.zip", "/etc/passwd")), "no submission"),
        (in_submissions(file(f"{HERE}/submissions/{ESCAPE}.zip", b"x")), "\\x1b"),
        (submission("x.zip"), "it has no submission.json"),
        *((submission("x.zip", submission__json=text), "submission.json") for text in (
            "", "{", "[]", "3", "[" * 100_000, '{"format": 1}', '{"a": NaN}', '{"a": 1e999}', b"\xff", '{"digest": "0"}', '{"sets": ' * 50 + "1" + "}" * 50,
        )),
        (submission("x.zip", submission__json="{}", **{"../pwned": "x"}), "x.zip"),
        (submission("x.zip", submission__json="{}", **{"/pwned": "x"}), "x.zip"),
        (submission("x.zip", submission__json="{}", pwned="x"), "has no place in a submission"),
        (submission("x.zip", submission__json=" " * (2**22 + 1)), "at most 4,194,304 bytes"),
    )),
]  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one published board and three sets of images."""
    top = tmp_path_factory.mktemp("house")
    shutil.copytree(REPOSITORY / HERE, top / HERE)
    for name, x in zip("abc", np.random.default_rng(0).integers(0, 256, (3, 20, 8, 8, 1), dtype=np.uint8), strict=True):
        np.savez(top / f"{name}.npz", arr_0=x)
    return top


def answer(
    arguments: list[str], top: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What a command says that must not succeed: in time, without a traceback, and no file of `top` changes.

    A byte or a number that is not what was published is exit code 1, on stdout; wrong input is 2 or 3.
    """
    before = state(top)
    monkeypatch.setattr(sys, "argv", ["ganbench", *arguments])
    with in_time(), pytest.raises(SystemExit) as ended:
        ganbench.cli.main()
    said = capsys.readouterr()
    assert ended.value.code in (1, 2, 3), said
    assert (ended.value.code == 1) == ("WRONG: " in said.out), said
    lines = [*said.out.splitlines(), *said.err.splitlines()]
    assert all(line.isprintable() for line in lines), lines
    assert not any("Traceback" in line for line in lines), lines
    assert state(top) == before
    return lines


@pytest.mark.parametrize(("arguments", "make", "message"), CASES, ids=label)
def test_wrong_board_or_row_is_named_in_time(
    house: Path, tmp_path: Path, arguments: list[str], make: Make, message: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    top = tmp_path / "house"
    shutil.copytree(house, top, copy_function=os.link if make is nothing else shutil.copy2)
    monkeypatch.chdir(top)
    monkeypatch.setattr("ganbench.paths.root", lambda: top)
    make()
    lines = answer(arguments, top, monkeypatch, capsys)
    assert any(message in line for line in lines), lines
