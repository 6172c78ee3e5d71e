"""Third-party rows: what is packed, what the referee refuses in one sentence, and what the board's page shows."""

# mypy: disable-error-code="operator"

from __future__ import annotations

import io
import json
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganbench import data, files, metrics
from ganbench.boards import controls, kept, leaderboard, publishing, referee, submissions
from ganbench.boards.board import Board
from ganbench.boards.protocol import Protocol
from ganbench.boards.published import Published, altered, read
from ganbench.cli import main
from ganbench.config import RECIPE
from ganbench.errors import UserError
from ganbench.samples import SampleSet, content_hash
from ganbench.samples import write as write_samples
from ganbench.scoring import embed, result
from ganbench.scoring.sources import open_set

N, SEEDS = 200, (0, 1, 2)
BOARD = {
    "about": "A board for tests.",
    "seeds": list(SEEDS),
    "datasets": {
        "digits": {
            "images": 1,
            "samples": N,
            "features": "digits-cnn",
            "metrics": ["fid", "coverage", "memorisation.unclipped"],
            "rank": "fid",
            "rows": {"gan": None, "dcgan": None},
        }
    },
}
EXTRACTOR = "digits-cnn"


def gaussian(seed: int, width: float = 1.0, n: int = N) -> np.ndarray:
    """Digits from a normal distribution with the mean of the training split and `width` times its covariance."""
    x = np.asarray(data.load("digits", "train").x, np.float64).reshape(1000, -1)
    drawn = np.random.default_rng(seed).multivariate_normal(x.mean(0), width * np.cov(x.T), n)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8).reshape(-1, 8, 8, 1)


def given(x: np.ndarray, name: str = "samples") -> SampleSet:
    return SampleSet(x, None, {"name": name})


def own_rows(seed: int) -> dict[str, tuple[str, np.ndarray]]:
    """The rows of the board: their kind, and their samples."""
    makes = (controls.real, controls.copycat, controls.noise)
    real, copycat, noise = (np.asarray(make("digits", N, seed).x) for make in makes)
    return {
        "gan": ("baseline", gaussian(seed, 0.6)),
        "dcgan": ("baseline", gaussian(seed, 2.0)),
        "real": ("control", real),
        "copycat": ("control", copycat),
        "noise": ("control", noise),
    }


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory, _datasets: None) -> Protocol:
    track = Board.model_validate(BOARD).datasets["digits"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        train = embed(open_set("digits:train", "train"), EXTRACTOR)
    return Protocol("digits", track, EXTRACTOR, train, {})


@pytest.fixture(scope="module")
def published(rules: Protocol, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published board with two rows and two controls."""
    folder = tmp_path_factory.mktemp("results") / "tiny"
    lines: list[dict[str, Any]] = []
    for seed in SEEDS:
        for row, (kind, x) in own_rows(seed).items():
            run = f"{row}-digits-00000000-s{seed}"
            scores = rules.own(rules.score(given(x, run), seed))
            about = {"name": run, "n": N, "sha256": content_hash(x)} | ({"run": {}} if kind == "baseline" else {})
            files.write(folder / "runs" / f"{run}.json", json.dumps({"samples": about, "scores": scores.model_dump()}))
            for column in rules.track.metrics:
                line = {"dataset": "digits", "row": row, "kind": kind, "seed": seed, "metric": column, "run": run}
                lines.append(line | leaderboard.cell_of(scores.model_dump()["metrics"], column))
    scored = pd.DataFrame(lines, columns=leaderboard.COLUMNS)
    files.write(folder / "scores.csv", scored.to_csv(index=False))
    board = Board.model_validate(BOARD)
    manifest = {"board": "tiny", "grid": board.model_dump(), "data": {"digits": data.version("digits")}}
    files.write(folder / "manifest.json", json.dumps(manifest))
    leaderboard.write("tiny", board, scored, folder)
    return folder


@pytest.fixture
def board(published: Path, tmp_path: Path) -> Path:
    """A copy of the board that a test may change."""
    return Path(shutil.copytree(published, tmp_path / "results" / "tiny"))


@pytest.fixture(scope="module")
def packed(published: Path, rules: Protocol, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good submission."""
    path = tmp_path_factory.mktemp("submitted") / "normal-digits.zip"
    pack(path, rules, {seed: gaussian(100 + seed) for seed in SEEDS})
    return path


def pack(path: Path, rules: Protocol, sets: dict[int, np.ndarray], **changes: Any) -> None:
    """Pack sample sets without the checks of `ganbench submit`."""
    about: dict[str, Any] = {"board": "tiny", "dataset": "digits", "data": data.version("digits"), "ganbench": "0.1.0"}
    about |= {"row": path.stem.removesuffix("-digits"), "model": "a normal distribution", "source": None} | changes
    scored = [
        {"seed": seed, "trained_with": seed, "scores": rules.own(rules.score(given(x), seed))}
        for seed, x in sets.items()
    ]
    submission = submissions.validated(submissions.Submission, about | {"sets": scored}, "test")
    submissions.pack(submission, {seed: given(x) for seed, x in sets.items()}, path)


def place_in(board: Path, packed: Path) -> Path:
    folder = board / submissions.FOLDER
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(packed, folder / packed.name))


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the record of a submission, with a new digest, as a forger would."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    record = json.loads(members[submissions.RECORD])
    change(record)
    members[submissions.RECORD] = json.dumps(
        files.seal({k: v for k, v in record.items() if k != files.DIGEST})
    ).encode()
    write_zip(path, members)


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def verdict(board: Path) -> referee.Judged:
    (judged,) = referee.judge(read(str(board)), {})
    return judged


def refusal(board: Path) -> str:
    judged = verdict(board)
    assert judged.mark == "refused", judged.line
    assert judged.submission is None
    assert "\n" not in judged.line
    return judged.said


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ganbench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process; returns its exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ganbench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return run


def sample_files(folder: Path, sets: list[np.ndarray]) -> list[Path]:
    paths = [folder / f"{i}.npz" for i in range(len(sets))]
    for path, x in zip(paths, sets, strict=True):
        np.savez(path, arr_0=x)
    return paths


def arguments(board: Path, sets: list[Path], *further: str) -> list[str | Path]:
    fixed = ["--board", str(board), "--row", "normal", "--model", "a normal distribution", "--seeds", "7,8,9"]
    return ["submit", *sets, *fixed, *further]


def test_the_protocol_gives_the_scores_of_the_pipeline(ganbench: Command, rules: Protocol, tmp_path: Path) -> None:
    """The commands of the Snakefile, one after the other."""
    gen, ref, train, scores = (tmp_path / name for name in ("gen.npz", "ref.npz", "train.npz", "scores.json"))
    write_samples(tmp_path / "x.npz", given(gaussian(0)))
    ganbench("control", "reference", "--dataset", "digits", "--n", N, "--seed", 1, "--out", tmp_path / "r.npz")
    ganbench("embed", tmp_path / "x.npz", "--features", EXTRACTOR, "--out", gen)
    ganbench("embed", tmp_path / "r.npz", "--features", EXTRACTOR, "--disturbed", "--out", ref)
    ganbench("embed", "digits:train", "--features", EXTRACTOR, "--out", train)
    names = ",".join(rules.track.metric_names)
    options = ("--features", EXTRACTOR, "--metrics", names, "--seed", 1, "--json", scores)
    assert ganbench("score", gen, "--reference", ref, "--train", train, *options)[0] == 0
    piped, direct = result.read(scores), rules.own(rules.score(given(gaussian(0)), 1))
    assert direct.metrics == piped.metrics


def test_a_good_row_is_submitted_judged_and_shown(ganbench: Command, board: Path, tmp_path: Path) -> None:
    sets = sample_files(tmp_path, [gaussian(100 + seed) for seed in SEEDS])
    code, out, _ = ganbench(*arguments(board, sets, "--source", "https://example.org/paper"))
    assert code == 0
    assert "fid" in out
    submitted = board / "submissions" / "normal-digits.zip"
    first = submitted.read_bytes()
    ganbench(*arguments(board, sets, "--source", "https://example.org/paper"))
    assert submitted.read_bytes() == first
    code, out, err = ganbench("referee", board)
    assert code == 2
    assert "normal-digits.zip: re-scored: 3 of 3 sample sets" in out
    assert "leaderboard.md, third-party.csv must be written again" in err
    main_part = (board / "leaderboard.md").read_text().rstrip()
    assert ganbench("referee", board, "--write")[0] == 0
    assert ganbench("referee", board)[0] == 0
    page = (board / "leaderboard.md").read_text()
    assert page.startswith(main_part)
    (line,) = [line for line in page.splitlines() if line.startswith("| normal ")]
    assert "| *re-scored* | 2 (1–2) | " in line
    assert "a normal distribution ([source](https://example.org/paper)) | 7, 8, 9 " in line
    assert "retrained" not in page
    table = pd.read_csv(board / "third-party.csv")
    assert set(table.mark) == {"re-scored"}
    assert len(table) == 3
    shutil.rmtree(board / "submissions")
    assert ganbench("referee", board, "--write")[0] == 0
    assert not (board / "third-party.csv").exists()
    assert (board / "leaderboard.md").read_text().rstrip() == main_part


def test_a_row_without_samples_is_self_reported_until_they_are_there(
    ganbench: Command, board: Path, tmp_path: Path
) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    sets = sample_files(downloads, [gaussian(100 + seed) for seed in SEEDS])
    at = [part for path in sets for part in ("--at", f"https://example.org/{path.name}")]
    assert ganbench(*arguments(board, sets, *at))[0] == 0
    assert (board / "submissions" / "normal-digits.zip").stat().st_size < 20_000
    _, out, _ = ganbench("referee", board, "--write")
    assert "normal-digits.zip: self-reported: 0 of 3 sample sets" in out
    page = (board / "leaderboard.md").read_text()
    assert "| normal | *self-reported* |         |" in page
    _, out, _ = ganbench("referee", board, "--samples", downloads)
    assert "normal-digits.zip: re-scored: 3 of 3" in out
    sets[0].write_bytes(b"other bytes")
    _, out, _ = ganbench("referee", board, "--samples", downloads)
    assert "normal-digits.zip: self-reported: 2 of 3" in out


def test_a_forged_score_is_refused(board: Path, packed: Path) -> None:
    path = place_in(board, packed)
    assert verdict(board).mark == "re-scored"

    def forge(record: dict[str, Any]) -> None:
        fid = record["sets"][1]["scores"]["metrics"]["fid"]
        fid["value"], fid["interval"] = 0.9 * fid["value"], [0.9 * end for end in fid["interval"]]

    edit(path, forge)
    assert "forged scores: fid of seed 1 is " in refusal(board)


def test_a_forged_interval_is_refused(board: Path, packed: Path) -> None:
    def forge(record: dict[str, Any]) -> None:
        fid = record["sets"][1]["scores"]["metrics"]["fid"]
        fid["interval"] = [0.999 * fid["value"], 1.001 * fid["value"]]

    edit(place_in(board, packed), forge)
    assert "forged scores: the interval of fid of seed 1 is " in refusal(board)


def test_a_score_that_rounds_otherwise_is_not_forged(board: Path, packed: Path) -> None:
    def move(record: dict[str, Any]) -> None:
        for scored in record["sets"]:
            scored["scores"]["metrics"]["fid"]["value"] *= 1 + 1e-6

    edit(place_in(board, packed), move)
    assert verdict(board).mark == "re-scored"


def test_copies_are_refused_to_the_bit_and_disturbed(
    ganbench: Command, board: Path, rules: Protocol, tmp_path: Path
) -> None:
    copies = {seed: np.asarray(controls.copycat("digits", N, seed).x) for seed in SEEDS}
    code, _, err = ganbench(*arguments(board, sample_files(tmp_path, list(copies.values()))))
    assert code == 2
    said = "copies: 200 of 200 of the samples of seed 0 are training samples to the bit"
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (board / "submissions").exists()
    pack(tmp_path / "copy-digits.zip", rules, copies)
    place_in(board, tmp_path / "copy-digits.zip")
    assert refusal(board) == said
    shutil.rmtree(board / "submissions")
    rng = np.random.default_rng(0)
    noisy = {seed: np.clip(x + rng.integers(-2, 3, x.shape), 0, 255).astype(np.uint8) for seed, x in copies.items()}
    pack(tmp_path / "noisy-digits.zip", rules, noisy)
    place_in(board, tmp_path / "noisy-digits.zip")
    assert "of the samples of seed" in refusal(board)
    assert "are copies of digits:train" in refusal(board)


def test_held_out_samples_are_refused(board: Path, rules: Protocol, tmp_path: Path) -> None:
    pack(tmp_path / "thief-digits.zip", rules, {seed: np.asarray(controls.real("digits", N, seed).x) for seed in SEEDS})
    place_in(board, tmp_path / "thief-digits.zip")
    assert refusal(board) == "copies: 200 of 200 of the samples of seed 0 are held-out samples to the bit"


def test_a_row_of_an_old_version_is_refused(board: Path, packed: Path) -> None:
    def age(record: dict[str, Any]) -> None:
        for scored in record["sets"]:
            scored["scores"]["metrics"]["coverage"]["version"] -= 1

    edit(place_in(board, packed), age)
    assert refusal(board).startswith("old version: coverage has version ")
    assert refusal(board).endswith(" today; score the samples again")


def each(record: dict[str, Any], *place: str, value: Any) -> None:
    """Set a field in the scores of every set."""
    for scored in record["sets"]:
        target = scored["scores"]
        for key in place[:-1]:
            target = target[key]
        target[place[-1]] = value


UNLIKE: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("n", lambda r: each(r, "samples", "n", value=100), r"the row and the board differ in n (100 and 200)"),
    (
        "extractor",
        lambda r: each(r, "protocol", "features", "id", value="pixels"),
        "differ in features.id (pixels and digits-cnn@",
    ),
    (
        "resize",
        lambda r: each(r, "protocol", "features", "resize", value="bilinear"),
        "differ in features.resize (bilinear and None)",
    ),
    (
        "reference",
        lambda r: each(r, "protocol", "reference", "sha256", value="0" * 64),
        "differ in reference.sha256 (00000000 and ",
    ),
    ("seed", lambda r: each(r, "protocol", "seed", value=9), "differ in seed (9 and 0)"),
    ("dataset", lambda r: r.update(data="other.dir"), "the dataset has the version other.dir, but on the board "),
    (
        "metrics",
        lambda r: [scored["scores"]["metrics"].pop("coverage") for scored in r["sets"]],
        "the metrics are fid, memorisation, but the board has fid, coverage, memorisation",
    ),
]


@pytest.mark.parametrize(("change", "said"), [case[1:] for case in UNLIKE], ids=[case[0] for case in UNLIKE])
def test_an_unlike_protocol_is_refused(
    board: Path, packed: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    edit(place_in(board, packed), change)
    assert refusal(board).startswith("unlike protocol: ")
    assert said in refusal(board)


def without_samples(record: dict[str, Any]) -> None:
    """Name addresses, so that nothing can be scored again."""
    for scored in record["sets"]:
        scored |= {"url": "https://example.org/x.npz", "file": "0" * 64}


def claim(board: Path, packed: Path, values: list[float] | None) -> None:
    """A submission without samples that claims some FIDs, or for None the scores of the first seed for each seed."""
    path = place_in(board, packed)

    def forge(record: dict[str, Any]) -> None:
        without_samples(record)
        for i, scored in enumerate(record["sets"]):
            if values is None:
                scored["scores"]["metrics"] = record["sets"][0]["scores"]["metrics"]
            else:
                scored["scores"]["metrics"]["fid"] |= {"value": values[i], "interval": [0.5 * values[i], 2 * values[i]]}

    edit(path, forge)
    with zipfile.ZipFile(path) as archive:
        record = archive.read(submissions.RECORD)
    write_zip(path, {submissions.RECORD: record})


def test_a_claim_that_fits_the_board_is_self_reported(board: Path, packed: Path) -> None:
    claim(board, packed, [7.0, 8.0, 7.5])
    assert verdict(board).mark == "self-reported"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "two seeds have the same scores to the last bit"),
        ([7.0, 7.00001, 7.00002], "the seeds of fid differ far less than those of every row of the board"),
        ([0.001, 0.002, 0.004], "by fid the row is better than held-out real data"),
    ],
    ids=["equal", "narrow", "beyond real"],
)
def test_an_implausible_claim_is_refused(board: Path, packed: Path, values: list[float] | None, said: str) -> None:
    claim(board, packed, values)
    assert refusal(board).startswith(f"implausible: {said}")


@pytest.mark.parametrize(
    ("metric", "change", "said"),
    [
        ("coverage", {"value": 1.5}, "coverage of seed 0 is 1.5, but it lies from 0 to 1"),
        ("fid", {"interval": [0.1, 0.2]}, "outside of its own interval [0.1, 0.2]"),
        ("memorisation", {"unclipped": "much"}, "memorisation.unclipped of seed 0 is not a number"),
        ("memorisation", {"unclipped_interval": 3}, "memorisation.unclipped of seed 0 is not a number"),
        ("memorisation", {"interval": [0.9, 1.0], "value": 0.95}, "copies: about 95 % (95 %: 90 % to 100 %)"),
        ("fid", {"value": None, "interval": None, "reason": "<b>"}, "the row has no value of fid"),
    ],
)
def test_a_claim_that_is_no_score_is_refused(
    board: Path, packed: Path, metric: str, change: dict[str, Any], said: str
) -> None:
    path = place_in(board, packed)
    claim(board, packed, [7.0, 8.0, 7.5])
    edit(path, lambda record: record["sets"][0]["scores"]["metrics"][metric].update(change))
    assert said in refusal(board)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(board="other"), "the row is for board other, not for tiny"),
        (lambda r: r["sets"][1].update(seed=0), "its sample sets are not those that submission.json names"),
        (lambda r: r["sets"][1].update(trained_with=0), "two sample sets have the same seed"),
        (lambda r: r.update(row="../x"), "row: this cannot be the name of a row"),
        (lambda r: r.update(row="real"), "row: 'real' is the name of a control"),
        (lambda r: r.update(row="other"), "the name of the file of this row is other-digits.zip"),
        (lambda r: r.update(model="a\x1b[2Jb"), "model: this must be one line of 1 to 200 printable characters"),
        (lambda r: r.update(source="javascript:alert(1)"), "source: this must be an address"),
        (lambda r: r.update(source="https://a.org/x)<img>"), "source: this must be an address"),
        (lambda r: r.update(sets=r["sets"][:2]), "its sample sets are not those that submission.json names"),
        (lambda r: r["sets"][0]["scores"]["samples"].update(sha256="0" * 64), "are not those that were scored"),
        (lambda r: r.update(more=1), "more: Extra inputs are not permitted"),
        (lambda r: r.update(format=2), "format: Input should be 1"),
    ],
)  # fmt: skip
def test_a_wrong_record_is_refused_in_one_sentence(
    board: Path, packed: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    edit(place_in(board, packed), change)
    assert said in refusal(board)


def test_a_row_with_the_name_of_an_own_row_is_refused(board: Path, packed: Path) -> None:
    path = place_in(board, packed)
    edit(path, lambda record: record.update(row="dcgan"))
    path.rename(path.with_name("dcgan-digits.zip"))
    assert refusal(board) == "the board has a row dcgan of its own; choose another name"


def test_text_of_a_stranger_is_only_text_on_the_page(board: Path, packed: Path) -> None:
    edit(place_in(board, packed), lambda record: record.update(model="x | <img src=a> [y](z) `w`"))
    judged = referee.judge(read(str(board)), {})
    section, _ = referee.section(read(str(board)), judged)
    assert r"x \| \<img src=a\> \[y\](z) \`w\`" in section


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("pwned"),)


def pickled() -> bytes:
    out = io.BytesIO()
    array = np.empty(1, object)
    array[0] = Bomb()
    np.save(out, array, allow_pickle=True)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("arr_0.npy", out.getvalue())
    return inner.getvalue()


def hostile(members: dict[str, bytes], kind: str) -> dict[str, bytes]:
    """A good submission with one thing changed."""
    first = "samples-0.npz"
    record = members[submissions.RECORD].decode()
    return {
        "traversal": members | {"../../pwned": b"x"},
        "absolute": members | {"/tmp/pwned": b"x"},
        "further member": members | {"pwned.py": b"x"},
        "pickle": members | {first: pickled()},
        "bare pickle": members | {first: pickle.dumps(Bomb())},
        "no npz": members | {first: b"PK nothing"},
        "further arrays": members | {first: npz(arr_0=gaussian(100), features=np.zeros((N, 2)))},
        "huge member": members | {first: bytes(2**28)},
        "huge array": members | {first: npz(arr_0=np.zeros(2**28, np.uint8))},
        "no record": {first: members[first]},
        "torn record": members | {submissions.RECORD: record[:1000].encode()},
        "nan": members | {submissions.RECORD: record.replace('"seed": 0', '"seed": NaN', 1).encode()},
        "infinite": members | {submissions.RECORD: record.replace('"seed": 0', '"seed": 1e999', 1).encode()},
        "changed": members | {submissions.RECORD: record.replace('"seed": 0', '"seed": 5', 1).encode()},
        "deep": members | {submissions.RECORD: b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"},
        "deeper": members | {submissions.RECORD: b"[" * 100_000},
        "a list": members | {submissions.RECORD: b"[]"},
        "no text": members | {submissions.RECORD: b"\xff\xfe"},
    }[kind]  # fmt: skip


HOSTILE = {
    "traversal": "a member's name is empty or leads out of the archive",
    "absolute": "a member's name is empty or leads out of the archive",
    "further member": "pwned.py has no place in a submission",
    "pickle": "pickles are never loaded",
    "bare pickle": "samples-0.npz: ",
    "no npz": "samples-0.npz: ",
    "further arrays": "an .npz with the array arr_0 alone is expected",
    "huge member": "claim to unpack to",
    "huge array": "claim to unpack to",
    "no record": "it has no submission.json",
    "torn record": "submission.json cannot be read",
    "nan": "it has the number NaN, and a score is finite",
    "infinite": "it has the number 1e999, and a score is finite",
    "changed": "submission.json was changed or damaged",
    "deep": "submission.json is not the record of a submission",
    "deeper": "submission.json cannot be read",
    "a list": "submission.json is not the record of a submission",
    "no text": "submission.json cannot be read",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_and_nothing_is_written(
    ganbench: Command, board: Path, packed: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place_in(board, packed)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    write_zip(path, hostile(members, kind))
    monkeypatch.chdir(board)
    before = sorted(board.parents[1].rglob("*"))
    code, out, err = ganbench("referee", board)
    assert code == 2
    assert out == "1 submission judged\n"
    (line,) = err.splitlines()
    assert line.startswith("tiny: normal-digits.zip: refused: ")
    assert HOSTILE[kind] in line
    assert sorted(board.parents[1].rglob("*")) == before


def test_a_link_or_another_file_is_refused(board: Path, packed: Path) -> None:
    folder = board / submissions.FOLDER
    folder.mkdir()
    (folder / "normal-digits.zip").symlink_to(packed)
    assert "not a regular file" in refusal(board)
    (folder / "normal-digits.zip").unlink()
    (folder / "run.py").write_text("1 / 0")
    assert "not a regular file" in refusal(board)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--board": "quick/"}, "quick holds no published board (no manifest.json)"),
        ({"--row": "real"}, "'real' is the name of a control"),
        ({"--row": "../x"}, "this cannot be the name of a row"),
        ({"--row": "gan"}, "the board has a row gan of its own"),
        ({"--seeds": "1,2"}, "--seeds 1,2: give 3 whole numbers"),
        ({"--seeds": "1,2,2"}, "two sample sets have the same seed"),
        ({"--seeds": "1,2,x"}, "--seeds 1,2,x: give 3 whole numbers"),
        ({"--model": ""}, "model: this must be one line"),
        ({"--dataset": "ring"}, "no dataset of this board 'ring'"),
        ({"--source": "paper"}, "source: this must be an address"),
        ({"--at": "https://a.org"}, "--at is given 1 time for 3 sample sets"),
        ({"--out": "README.md"}, "README.md/normal-digits.zip cannot be written: README.md is a file"),
    ],
)
def test_a_wrong_option_of_submit_is_one_line(
    ganbench: Command, board: Path, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    sets = sample_files(tmp_path, [gaussian(100 + seed) for seed in SEEDS])
    options = {"--board": str(board), "--row": "normal", "--model": "m", "--seeds": "7,8,9"} | change
    code, out, err = ganbench("submit", *sets, *(part for option in options.items() for part in option))
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert said in err
    assert not (board / "submissions").exists()


def test_sets_of_another_size_or_number_are_refused(ganbench: Command, board: Path, tmp_path: Path) -> None:
    small = sample_files(tmp_path, [gaussian(0, n=N - 1), gaussian(1), gaussian(2)])
    code, _, err = ganbench(*arguments(board, small))
    assert code == 2
    assert "has 199 grey images of 8 x 8 pixels, but the board scores exactly 200" in err
    four = sample_files(tmp_path, [gaussian(i) for i in range(4)])
    code, _, err = ganbench(*arguments(board, four, "--seeds", "1,2,3,4"))
    assert code == 2
    assert "4 sample sets, but board tiny has 3 seeds" in err
    code, _, err = ganbench(*arguments(board, four[:2], "--seeds", "1,2"))
    assert code == 2
    assert "a row needs at least 3 sample sets, from 3 trainings with different seeds" in err


def test_a_submission_that_is_too_large_asks_for_addresses(
    rules: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "LARGEST", 1000)
    with pytest.raises(UserError, match=r"at most 1,000 are allowed; upload the files .* name each address with --at"):
        pack(tmp_path / "normal-digits.zip", rules, {seed: gaussian(seed) for seed in SEEDS})
    assert list(tmp_path.iterdir()) == []


def test_a_struck_row_has_no_rank_and_its_reason_is_shown(ganbench: Command, board: Path, packed: Path) -> None:
    untouched = (board / "leaderboard.md").read_text()
    place_in(board, packed)
    (board / "invalid.yaml").write_text(
        '- row: normal\n  reason: the samples were chosen by hand\n  date: "2026-02-01"\n'
        '- run: gan-digits-00000000-s1\n  reason: another machine\n  date: "2026-02-03"\n'
    )
    code, out, _ = ganbench("referee", board, "--write")
    assert code == 0
    assert "normal-digits.zip: struck: struck on 2026-02-01: the samples were chosen by hand" in out
    page = (board / "leaderboard.md").read_text()
    assert "| normal " not in page
    assert "- row `normal`, struck on 2026-02-01: the samples were chosen by hand\n" in page
    assert "(1) struck on 2026-02-03: another machine (seed 1 of 3 seeds)" in page
    ranks = pd.read_csv(board / "leaderboard.csv").drop_duplicates("row").set_index("row")["rank"]
    assert ranks["dcgan"] == 1
    assert pd.isna(ranks["gan"])
    assert ganbench("referee", board)[0] == 0
    (board / "invalid.yaml").write_text("[]\n")
    shutil.rmtree(board / "submissions")
    ganbench("referee", board, "--write")
    assert (board / "leaderboard.md").read_text() == untouched


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- row: nobody\n  reason: x\n  date: '2026-02-01'\n", "the board has no row or run 'nobody'"),
        (
            "- row: gan\n  reason: x\n  date: 2026-02-01\n",
            "invalid.yaml:3: a date is not a setting; write it in quotes",
        ),
        ("- row: gan\n  reason: x\n  date: soon\n", "invalid.yaml:3: date: Invalid isoformat string: 'soon'"),
        ("- row: gan\n  date: '2026-02-01'\n", "invalid.yaml:1: reason: Field required"),
        ("- reason: x\n  date: '2026-02-01'\n", "an entry names a row or a run, not both"),
        ("row: gan\n", "the file is a list of entries"),
        ("", "the file is empty"),
    ],
)
def test_a_wrong_invalidation_list_is_one_line(ganbench: Command, board: Path, text: str, said: str) -> None:
    (board / "invalid.yaml").write_text(text)
    code, _, err = ganbench("referee", board)
    assert code == 2
    (line,) = err.splitlines()
    assert said in line


def test_a_board_that_is_published_again_keeps_its_third_party_rows(
    board: Path, published: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_in(board, packed)
    (board / "invalid.yaml").write_text("[]\n")
    monkeypatch.setattr("ganbench.paths.results", lambda: board.parent)
    monkeypatch.setattr(leaderboard, "recorded", lambda name: [])
    monkeypatch.setattr(kept, "runs", lambda name, there: there)

    def write(name: str, runs: list[leaderboard.Recorded], new: Path, uncommitted: bool) -> dict[str, Any]:
        shutil.copytree(published, new, dirs_exist_ok=True)
        manifest: dict[str, Any] = json.loads((new / "manifest.json").read_text())
        return manifest | {"recipe": RECIPE, "metrics": {"fid": metrics.get("fid").card.version}}

    monkeypatch.setattr(publishing, "_write", write)
    assert publishing.publish("tiny") == board
    assert altered(board, read(board).manifest) == []
    assert "| *re-scored* |" in (board / "leaderboard.md").read_text()
    assert (board / "invalid.yaml").exists()
    again = read("tiny")
    assert referee.stale(again, referee.judge(again, {})) == []


def test_a_board_that_is_built_again_strikes_what_its_list_names(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (board / "invalid.yaml").write_text('- row: gan\n  reason: chosen by hand\n  date: "2026-02-01"\n')
    known = read(str(board))
    monkeypatch.setattr("ganbench.paths.results", lambda: board.parent)
    monkeypatch.setattr(leaderboard, "recorded", lambda name: [])
    monkeypatch.setattr(leaderboard, "collect", lambda table, runs: known.scores())
    monkeypatch.setattr(leaderboard, "folder", lambda name: tmp_path / "built")
    monkeypatch.setattr("ganbench.boards.grid.board", lambda name: known.board)
    cells = leaderboard.build("tiny").set_index(["row", "metric"])
    assert cells.reason["gan", "fid"] == "struck on 2026-02-01: chosen by hand"
    assert cells["rank"]["dcgan", "fid"] == 1
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "built" / "scores.csv"), pd.read_csv(board / "scores.csv"))


def test_a_board_of_old_metrics_takes_no_rows(board: Path) -> None:
    for path in (board / "runs").glob("real-*-s0.json"):
        record = json.loads(path.read_text())
        record["scores"]["metrics"]["fid"]["version"] -= 1
        path.write_text(json.dumps(record))
    with pytest.raises(
        UserError, match=r"board tiny has version 1 of fid, but this program has version 2; build the board"
    ):
        Protocol.of(read(str(board)), "digits")


BOARDS = [read(f"results/{path.parent.name}/") for path in sorted(Path("results").glob("*/manifest.json"))]


@pytest.mark.parametrize("known", BOARDS, ids=lambda known: known.title)
def test_no_published_row_would_be_called_implausible(known: Published) -> None:
    scores = known.scores()
    for dataset, track in known.board.datasets.items():
        own = scores[scores.dataset == dataset]
        for row in set(own[own.kind == "baseline"].row):
            referee.plausible(own[own.row == row], own[own.row != row], track)
