"""Whether the numbers of a published board are what they say: by hashes, from the records, from samples, or trained anew."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from ganbench import baseline, data, features, files, metrics, paths, samples, scoring
from ganbench.boards import controls, invalid, leaderboard, partial, referee
from ganbench.boards.board import Board, Track
from ganbench.boards.leaderboard import Recorded
from ganbench.boards.published import CHANGED, Altered, altered, read
from ganbench.config import RECIPE
from ganbench.display.text import interval, value
from ganbench.errors import UserError, choose, counted, in_words, plain
from ganbench.samples import SampleSet, arrays
from ganbench.scoring import sources
from ganbench.scoring.result import Result
from ganbench.statistics import Scale, further
from ganbench.training.provenance import processor, sha256
from ganbench.training.run import PARTS, Run

ROUNDING = 1e-9  # relative difference of a table that is computed again
PROCESSORS = 1e-4  # relative difference of a score that is computed again, perhaps on another processor
LEVEL = 0.99  # of the interval for a further draw: another processor is called a move in one of a hundred cells
MOVED = "moved"


class Finding(NamedTuple):
    """What a check has found."""

    wrong: bool
    text: str


class Samples(BaseModel):
    """What the manifest of every sample set has."""

    sha256: str
    run: dict[str, Any] | None = None


class Record(BaseModel):
    """What every published record has."""

    samples: Samples
    scores: Result


class Records(NamedTuple):
    """A published board with its records."""

    folder: Path
    manifest: dict[str, Any]
    board: Board
    runs: list[Recorded]  # in the order of `scores.csv`

    @classmethod
    def read(cls, folder: Path) -> Records:
        """Read a published board.

        Raises:
            Altered: the manifest or a record has other bytes than those that were published.
            UserError: the folder holds no published board.
        """
        _, manifest, board = read(folder)
        places = list(_places(board))
        runs = [_run(path, places) for path in sorted((folder / "runs").glob("*.json"))]
        runs.sort(key=lambda run: places.index((run.dataset, run.seed, run.row)))
        return cls(folder, manifest, board, runs)

    @property
    def name(self) -> str:
        """The name of the board."""
        return str(self.manifest["board"])

    def track(self, run: Recorded) -> Track:
        """The dataset of a run, as the grid has it."""
        return self.board.datasets[run.dataset]

    def choose(self, row: str | None, dataset: str | None, seed: int | None) -> list[Recorded]:
        """The runs of a row, of a dataset, of a seed; None stands for all.

        Raises:
            UserError: the board has no such row, dataset or seed.
        """
        if row is not None:
            choose(row, {run.row for run in self.runs}, "row")
        if dataset is not None:
            choose(dataset, self.board.datasets, "dataset of this board")
        if seed is not None:
            choose(str(seed), map(str, self.board.seeds), "seed")
        wanted = (row, dataset, seed)
        chosen = [
            run
            for run in self.runs
            if all(ask in (None, has) for ask, has in zip(wanted, (run.row, run.dataset, run.seed), strict=True))
        ]
        if not chosen:
            raise UserError(f"{self.name} has no row '{row}' on the dataset '{dataset}'")
        return chosen


def _places(board: Board) -> Iterator[tuple[str, int, str]]:
    """Dataset, seed and row of each run of a board, in the order of `scores.csv`."""
    for dataset, track in board.datasets.items():
        for seed in board.seeds:
            yield from ((dataset, seed, row) for row in (*controls.rows(dataset), *track.rows))


def _run(path: Path, places: Sequence[tuple[str, int, str]]) -> Recorded:
    """A published record with the place in the table that its name gives it."""
    try:
        record = files.parse(path.read_bytes())
        Record.model_validate(record)
    except ValueError:
        raise Altered(f"{paths.shown(path)}: {CHANGED}") from None
    for dataset, seed, row in places:
        if re.fullmatch(rf"{re.escape(f'{row}-{dataset}')}-[0-9a-f]{{8}}-s{seed}", path.stem):
            kind = "baseline" if "run" in record["samples"] else "control"
            return Recorded(path.stem, dataset, row, kind, seed, record)
    raise Altered(f"{paths.shown(path)}: the board has no such run")


def findings(
    board: Records, chosen: Sequence[Recorded], again: bool, anew: bool, trust: bool, named: bool
) -> Iterator[Finding]:
    """All checks, one after the other: the bytes, the tables, and what was asked for the chosen runs.

    Args:
        board: the board.
        chosen: the runs that are scored again, trained anew or described.
        again: whether they are scored again.
        anew: whether they are trained anew.
        trust: see `retrain`.
        named: whether the user named them, so that they are described.

    Raises:
        UserError: another recipe made the board, and `anew` is asked for; or see `retrain`.
    """
    recipe = board.manifest.get("recipe", "unknown")
    if anew and recipe != RECIPE:
        raise UserError(
            f"{board.name} was made with RECIPE {recipe}, and this program has RECIPE {RECIPE}: it would "
            "train other runs, so nothing is trained"
        )
    for check in (check_bytes, check_table):
        found = check(board)
        yield from found
        if any(finding.wrong for finding in found):  # what stands in these files is not what was published
            return
    if named:
        yield from (Finding(False, describe(board, run)) for run in chosen)
    if again:
        yield from rescore(board, chosen)
    if anew:
        yield from (retrain(board, run, trust) for run in chosen)


def check_bytes(board: Records) -> list[Finding]:
    """Whether each file has the hash in the manifest, and each record the hashes and settings that others give."""
    if lines := altered(board.folder, board.manifest):
        return [Finding(True, line) for line in lines]
    if board.name != board.folder.resolve().name:
        return [Finding(True, f"{paths.shown(board.folder)}: it has the manifest of the board {plain(board.name)}")]
    wrong = [Finding(True, f"{_place(board, run)}: {fault}") for run in board.runs for fault in _faults(board, run)]
    if "hashes" not in board.manifest:
        return [*wrong, Finding(False, f"{board.name}: the hashes of its files are not recorded")]
    good = f"{counted(len(board.manifest['hashes']), 'file')} and the manifest have the bytes that were published"
    return wrong or [Finding(False, f"{board.name}: {good}")]


def _place(board: Records, run: Recorded) -> Path:
    return paths.shown(board.folder / "runs" / f"{run.run}.json")


def _faults(board: Records, run: Recorded) -> Iterator[str]:
    """What a record contradicts: its own hashes, or the grid."""
    drawn, scores = run.record["samples"], run.record["scores"]
    if not files.is_sound(scores):
        yield "its scores are not those that were written"
    if scores["samples"]["sha256"] != drawn["sha256"]:
        yield "its scores are those of other samples"
    track, pinned = board.track(run), board.manifest["data"][run.dataset]
    yield from (f"it has no score of {name}" for name in track.metric_names if name not in scores["metrics"])
    if "run" not in drawn:
        facts, planned = drawn, {"source": run.row, "data": pinned, "seed": run.seed}
    else:
        row = track.rows[run.row]
        facts = drawn["run"]
        planned = {"overrides": row.set, "images": row.images or track.images, "data": pinned, "seed": run.seed}
        planned |= {"recipe": board.manifest.get("recipe")}
    yield from (f"its {name} is not that of the board" for name, fact in planned.items() if facts.get(name) != fact)


def check_table(board: Records) -> list[Finding]:
    """Whether `scores.csv`, `leaderboard.csv`, `.parquet`, the tables of `.md` and `.tex` follow from the records."""
    published = {name: _table(board.folder / name) for name in ("scores.csv", "leaderboard.csv")}
    today = board.manifest.get("recipe") == RECIPE
    why = "damaged" if today else "made by older versions of ganbench"
    older = Finding(today, f"{board.name}: {why}, its tables have other columns; they are not computed again")
    if list(published["scores.csv"].columns) != leaderboard.COLUMNS:
        return [older]
    scores, notes = _scores(board, published["scores.csv"])
    struck = invalid.strike(scores, invalid.read(board.folder))
    summary = leaderboard.aggregate(struck, board.board)
    if list(published["leaderboard.csv"].columns) != list(summary.columns):
        return [older]
    page = leaderboard.markdown(board.name, board.board, summary, struck)
    shown = (board.folder / "leaderboard.md").read_text(encoding="utf-8", errors="replace").partition(referee.BEGIN)[0]
    whole = not partial.missing(scores)  # a partial board has no .parquet
    parquet = (
        {"leaderboard.parquet": difference(summary, _table(board.folder / "leaderboard.parquet"))} if whole else {}
    )
    paper = board.folder / "leaderboard.tex"  # boards that were published earlier have none
    latex = leaderboard.latex(board.name, board.board, summary).splitlines()
    differences = {
        "scores.csv": difference(scores, published["scores.csv"]),
        "leaderboard.csv": difference(summary, published["leaderboard.csv"]),
        **parquet,
        "leaderboard.md": _other_line(_tables(page), _tables(shown)),
        **({paper.name: _other_line(latex, _lines(paper))} if paper.is_file() else {}),
    }
    wrong = [
        Finding(True, f"{paths.shown(board.folder / name)}: it does not follow from the records: {fault}")
        for name, fault in differences.items()
        if fault is not None
    ]
    good = f"{', '.join(differences)} follow from the {counted(len(board.runs), 'record')}"
    return [*(wrong or [Finding(False, f"{board.name}: {good}")]), *notes]


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError) as error:  # pyarrow raises OSError for damaged bytes
        raise Altered(f"{paths.shown(path)}: it cannot be read ({in_words(error)})") from None


def _scores(board: Records, published: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The scores of all runs from their records. Columns that no record has come from `scores.csv`, and a note says so."""
    scores = partial.fill(leaderboard.collect(board.board, board.runs), board.board)
    absent = [
        column
        for part, columns in (("curve", tuple(PARTS)), ("second", ("second",)))
        for column in columns
        if not any(part in run.record for run in board.runs)
    ]
    if not absent or len(scores) != len(published):
        return scores, []
    scores[absent] = published[absent]
    if scores[absent].isna().all(axis=None):
        return scores, []
    return scores, [
        Finding(False, f"{board.name}: {', '.join(absent)} are taken from scores.csv, because the records are older")
    ]


def difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> str | None:
    """The first cell in which a published table differs from the table of the records; None if there is none.

    Numbers may differ by rounding, `ROUNDING`.
    """
    a, b = (pd.read_csv(io.StringIO(frame.to_csv(index=False))) for frame in (ours, theirs))
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return f"{len(b):,} lines with the columns {', '.join(b.columns)}; the records give {len(a):,} lines"
    for column in a.columns:
        x, y = a[column], b[column]
        if pd.api.types.is_numeric_dtype(x) and pd.api.types.is_numeric_dtype(y):
            same = np.isclose(x.to_numpy(float), y.to_numpy(float), rtol=ROUNDING, atol=0, equal_nan=True)
        else:
            same = (x.astype(object).fillna("") == y.astype(object).fillna("")).to_numpy()
        if not same.all():
            i = int(np.argmin(same))
            return f"line {i + 2}, {column}: {y.iloc[i]} is published, the records give {x.iloc[i]}"
    return None


def _tables(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("|")]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _other_line(ours: list[str], theirs: list[str]) -> str | None:
    if len(ours) != len(theirs):
        return f"{len(theirs):,} lines of tables; the records give {len(ours):,} lines"
    return next((f"'{b}' is published" for a, b in zip(ours, theirs, strict=True) if a != b), None)


def describe(board: Records, run: Recorded) -> str:
    """Where the number of a cell comes from, in a line."""
    track, drawn = board.track(run), run.record["samples"]
    shown = value(_values(board, run)[track.rank]) or "no value"
    works = [work for work in (run.record["scores"].get("provenance"), drawn.get("provenance")) if work]
    commit = next((work["commit"] for work in works if work["commit"]), None)
    made = f"commit {commit}" if commit else "no commit is recorded"
    return f"{_cell(run)}: {track.rank} {shown}, {made}, samples {drawn['sha256'][:12]}, {_place(board, run)}"


def _cell(run: Recorded) -> str:
    return f"{run.dataset} {run.row} seed {run.seed}"


def _values(board: Records, run: Recorded) -> dict[str, float | None]:
    """The values of a run by column."""
    lines = leaderboard.collect(board.board, [run._replace(record=_alone(run.record))])
    values = zip(lines.metric, lines.value.to_numpy(float), strict=True)
    return {str(column): None if np.isnan(value) else float(value) for column, value in values}


def _alone(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without its costs, which an older record may lack."""
    return {"samples": {}, "scores": record["scores"]}


def rescore(board: Records, runs: Iterable[Recorded]) -> list[Finding]:
    """Score the samples of runs again. Controls are drawn again; samples of a GAN are looked for in `runs/`."""
    findings, absent = [], []
    with TemporaryDirectory(prefix="ganbench-") as folder, _threads(1):
        for run in runs:
            path = paths.runs() / run.run / f"samples-{board.track(run).samples}.npz"
            if run.kind == "control":
                path = Path(folder, f"{run.run}.npz")
                controls.write(run.row, run.dataset, board.track(run).samples, run.seed, path)
            if not path.is_file():
                absent.append(paths.shown(path))
                continue
            drawn = samples.read(path)
            if drawn.manifest["sha256"] != run.record["samples"]["sha256"]:
                findings.append(
                    Finding(True, f"{_cell(run)}: {paths.shown(path)} holds other samples than the published ones")
                )
                continue
            findings.append(_scored_again(board, run, path, Path(folder)))
    if absent:
        findings.append(Finding(False, f"{counted(len(absent), 'sample set')} cannot be scored again: no {absent[0]}"))
    return findings


def _scored_again(board: Records, run: Recorded, path: Path, scratch: Path) -> Finding:
    """Whether samples have the published scores."""
    fault = _unlike(board, run)
    if fault is not None:
        return Finding(False, f"{_cell(run)}: not scored again, because {fault}")
    moved = _differences(board, run, score(board, run, path, scratch))
    if moved:
        return Finding(True, f"{_cell(run)}: {MOVED}, with the same samples: {'; '.join(moved)}")
    return Finding(False, f"{_cell(run)}: the same samples have the same scores")


def _unlike(board: Records, run: Recorded) -> str | None:
    """Why a run's scores cannot be computed again by this program; None if they can."""
    track, protocol = board.track(run), run.record["scores"]["protocol"]
    for name in track.metric_names:
        then, now = run.record["scores"]["metrics"][name]["version"], metrics.get(name).card.version
        if then != now:
            return f"{name} had version {then}, and has version {now} now"
    if (now_pinned := data.version(run.dataset)) != board.manifest["data"][run.dataset]:
        return f"the dataset {run.dataset} is {now_pinned} now"
    extractor = features.describe(_extractor(track, run))["id"]
    if extractor != protocol["features"]["id"]:
        return f"the extractor was {protocol['features']['id']}, and is {extractor} now"
    return None


def _extractor(track: Track, run: Recorded) -> str:
    return track.features or features.default(run.dataset)


def score(board: Records, run: Recorded, path: Path, scratch: Path) -> Result:
    """The scores of the samples in a file, made as the pipeline makes them.

    Raises:
        UserError: the held-out data are not those of the published score.
    """
    track, protocol = board.track(run), run.record["scores"]["protocol"]
    extractor = _extractor(track, run)
    held_out = scratch / f"reference-{run.dataset}-{run.seed}.npz"
    if not held_out.is_file():
        controls.write("reference", run.dataset, track.samples, run.seed, held_out)
    reference = _embedding(held_out, "test", extractor, disturbed=True)
    if reference.manifest["sha256"] != protocol["reference"]["sha256"]:
        raise UserError(f"{_cell(run)}: the held-out samples are not those of the published score")
    train = _embedding(f"{run.dataset}:train", "train", extractor)
    scorer = scoring.Scorer.of(
        reference, train, features=extractor, metrics=track.metric_names, seed=run.seed, device="cpu"
    )
    return scorer(_embedding(path, "test", extractor))


@lru_cache(maxsize=4)
def _embedding(source: str | Path, split: str, extractor: str, disturbed: bool = False) -> SampleSet:
    """A set with its features, as it is read from the file of an embedding."""
    embedded = scoring.embed(sources.open_set(source, split), extractor)
    with TemporaryDirectory(prefix="ganbench-") as folder:
        path = Path(folder, "embedding.npz")
        arrays.write(path, scoring.embed_disturbed(embedded, extractor) if disturbed else embedded)
        return samples.read(path)


def _differences(board: Records, run: Recorded, result: Result) -> list[str]:
    """The columns in which a result differs from the published one by more than rounding."""
    published = _values(board, run)
    now = _values(board, run._replace(record={"scores": result.model_dump(mode="json")}))
    return [
        f"{column} {_full(published[column])} is published, {_full(now[column])} now"
        for column in published
        if not _close(published[column], now[column])
    ]


def _full(number: float | None) -> str:
    return "no value" if number is None else f"{number:.10g}"


def _close(a: float | None, b: float | None) -> bool:
    return a == b if a is None or b is None else bool(np.isclose(a, b, rtol=PROCESSORS, atol=1e-12))


def retrain(board: Records, run: Recorded, trust: bool = False) -> Finding:
    """Train a cell anew in a temporary folder, draw its samples and score them.

    Args:
        board: the board.
        run: a run of it; a control is drawn again.
        trust: whether a GAN is executed that neither ganbench nor an installed package brings.

    Raises:
        UserError: this program cannot train the same run: other data, baseline, extractor or version of a metric.
    """
    fault = _unlike(board, run)
    if fault is not None:
        raise UserError(f"{_cell(run)} cannot be made anew: {fault}")
    with TemporaryDirectory(prefix="ganbench-") as folder:
        path, model = remake(board, run, Path(folder), trust)
        if run.kind == "control":
            return judge(board, run, path, model, Path(folder))
        with _threads(Run.model_validate(run.record["samples"]["run"]).threads):
            return judge(board, run, path, model, Path(folder))


def remake(board: Records, run: Recorded, scratch: Path, trust: bool = False) -> tuple[Path, str | None]:
    """The samples of a run, made anew in the folder `scratch`: their file, and the hash of the weights, None for a control."""
    path, n = scratch / "samples.npz", board.track(run).samples
    if run.kind == "control":
        controls.write(run.row, run.dataset, n, run.seed, path)
        return path, None
    from ganbench.training.sampling import Drawing, write_samples  # torch is imported only to train

    recorded = Run.model_validate(run.record["samples"]["run"])
    with _threads(recorded.threads):
        model = train(recorded, scratch / run.run, trust)
        write_samples(scratch / run.run, Drawing(n, run.seed, trust=trust), path)
    return path, model


def train(run: Run, folder: Path, trust: bool, moments: int = 0) -> str:
    """Train a recorded run in a folder, with as many threads as it had; returns the hash of its weights.

    Args:
        run: the record.
        folder: for the run.
        trust: see `retrain`.
        moments: how many moments are kept.

    Raises:
        UserError: the run needs code that is not trusted, or that has changed.
    """
    from ganbench.training import checkpoint, loop  # torch is imported only to train

    code = run.locate_baseline()
    if not trust and not baseline.is_ours(code):
        raise UserError(f"this run needs the code of {code}, which ganbench does not bring; read it, and pass `trust=`")
    with _threads(run.threads):
        loop.train(
            code,
            run.dataset,
            folder,
            seed=run.seed,
            images=run.images,
            overrides=dict(run.overrides),
            device=run.device,
            moments=moments,
        )
    return sha256(folder / checkpoint.file_of())


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Compute with as many threads as a run had: with another number, sums are rounded in another order."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        with threadpool_limits(number):
            yield
    finally:
        torch.set_num_threads(before)


def judge(board: Records, run: Recorded, path: Path, model: str | None, scratch: Path) -> Finding:
    """Whether samples that were made anew are the published ones, another draw of the same row, or moved.

    Args:
        board, run: the published run.
        path: of the samples.
        model: the hash of the weights; None for a control.
        scratch: a folder for temporary files.
    """
    published, drawn = run.record["samples"], samples.read(path)
    result = score(board, run, path, scratch)
    known = published.get("model")
    if drawn.manifest["sha256"] == published["sha256"] and known in (None, model):
        moved = _differences(board, run, result)
        if moved:
            return Finding(True, f"{_cell(run)}: {MOVED}, with the same bits of the samples: {'; '.join(moved)}")
        what = f"samples {published['sha256'][:12]}" + (f", model {known[:12]}" if known else "")
        return Finding(False, f"{_cell(run)}: same bits ({what}), and the same scores")
    column = board.track(run).rank
    now = _values(board, run._replace(record={"scores": result.model_dump(mode="json")}))[column]
    then, bounds = _values(board, run)[column], expected(board, run)
    machine = published.get("run", {}).get("processor", "an unknown processor")
    numbers = (
        f"{column} {value(then) or 'no value'} is published, {value(now) or 'no value'} now, interval of a further draw "
        f"{interval(bounds) or 'unknown'}; trained on {machine}, now on {processor()}"
    )
    inside = run.kind == "baseline" and (bounds is None or (now is not None and bool(bounds[0] <= now <= bounds[1])))
    if inside:
        return Finding(False, f"{_cell(run)}: another draw, inside the row's own interval: {numbers}")
    return Finding(True, f"{_cell(run)}: {MOVED}: {numbers}")


def expected(board: Records, run: Recorded) -> tuple[float, float] | None:
    """The interval that holds the value of a further draw of a row in the ranking column with `LEVEL`.

    None if the row has fewer than two values or none in a seed: then a further draw may be anything.
    """
    column = board.track(run).rank
    row = [
        _values(board, other)[column] for other in board.runs if (other.row, other.dataset) == (run.row, run.dataset)
    ]
    values = np.array([number for number in row if number is not None])
    if len(values) < len(row) or len(values) < 2:
        return None
    return further(values, Scale.of(metrics.quantity(column), values), LEVEL)
