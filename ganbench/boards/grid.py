"""A board's grid: `baselines/boards/NAME.yaml` to one planned run per row and seed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ganbench import baseline, code, data, features, metrics, paths
from ganbench.boards import checks, controls
from ganbench.boards.board import Board, Track
from ganbench.boards.checks import Problem
from ganbench.boards.document import Document
from ganbench.config import RECIPE
from ganbench.errors import UserError, choose

CONFIG = ("board", "rows")  # the keys of the pipeline's --config
PIXELS = "pixels"
SUFFIXES = (".yaml", ".yml")


def boards() -> tuple[str, ...]:
    """The names of the built-in boards."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def folder() -> Path:
    """The folder of the built-in boards."""
    return baseline.folder() / "boards"


def file(name: str) -> Path:
    """The file of a board that is given by its name or by the path of its file.

    Raises:
        UserError: no board has this name.
    """
    if "/" in name or name.endswith(SUFFIXES):
        return Path(name).expanduser()
    return folder() / f"{choose(name, boards(), 'board')}.yaml"


def title(name: str) -> str:
    """The name of a board in paths: that of a built-in board, or the stem of the board's own file.

    >>> title("quick"), title("/tmp/my boards/tiny.yaml")
    ('quick', 'tiny')
    """
    return Path(name).stem if "/" in name or name.endswith(SUFFIXES) else name


class Reading(NamedTuple):
    """A board's file and its content."""

    document: Document
    board: Board | None  # as the file gives it; None if the form of the file is wrong
    problems: list[Problem]

    @property
    def lines(self) -> list[str]:
        """The problems in the order of the file, one line each: file, line of the file, field, what to do."""
        path = paths.shown(self.document.path)
        placed = sorted(((self.document.line(problem.place), problem) for problem in self.problems), key=itemgetter(0))
        return [f"{path}:{line}: {problem}" for line, problem in placed]


def _read(name: str) -> Reading:
    """Read a board and check all that needs no torch."""
    path = file(name)
    document = Document.read(path)
    wrong = checks.of_title(path, boards(), folder()) + checks.of_file(document)
    meaning = checks.problems(document.content, path.parent) if isinstance(document.content, dict) else []
    return Reading(document, None if wrong else Board.model_validate(document.content), wrong + meaning)


def board(name: str) -> Board:
    """Read a board. Its datasets get the names that they have everywhere, also if the file gives a path.

    Raises:
        UserError: no such board, or a problem in its file: see `problems`.
    """
    reading = _read(name)
    _refuse(name, reading.lines)
    assert reading.board is not None
    tracks = {data.resolve(path, file(name).parent): track for path, track in reading.board.datasets.items()}
    return reading.board.model_copy(update={"datasets": tracks})


def problems(name: str) -> list[str]:
    """Everything that is wrong with a board, one line each: file, line of the file, field, what to do.

    GANs are built for this, without memory for their weights; nothing is trained.
    """
    try:
        reading = _read(name)
        if reading.board is not None and not reading.problems:
            base = file(name).parent
            reading = reading._replace(problems=checks.problems_before_training(reading.board, base))
    except UserError as error:
        return [str(error)]
    return reading.lines


def _refuse(name: str, wrong: list[str]) -> None:
    if wrong:
        more = f" (and {len(wrong) - 1} more: run `ganbench check {name}`)" if len(wrong) > 1 else ""
        raise UserError(f"{wrong[0]}{more}")


def check_config(config: Mapping[str, Any]) -> str:
    """The board that a pipeline's `--config` names, by its name or the path of its file. The whole board is checked.

    Raises:
        UserError: a key that the pipeline does not know, or something wrong with the board.
    """
    name = named(config)
    _refuse(name, problems(name))
    return name


def named(config: Mapping[str, Any]) -> str:
    """The board that a pipeline's `--config` names. The board is not read.

    Raises:
        UserError: a key that the pipeline does not know.
    """
    for key in config:
        choose(key, CONFIG, "--config key")
    return str(config.get("board", "quick"))


def select(planned: Iterable[PlannedRun], rows: str | Iterable[Any] | None) -> tuple[PlannedRun, ...]:
    """The scored runs of some rows of a board, each with the controls of its dataset; without `rows`, all scored runs.

    Args:
        planned: the runs of the board.
        rows: names of rows, as a list or with commas between them.

    Raises:
        UserError: no row has such a name.
    """
    scored = tuple(run for run in planned if run.scored)
    if rows is None:
        return scored
    names = {str(name).strip() for name in (rows.split(",") if isinstance(rows, str) else rows)}
    trained = dict.fromkeys(run.row for run in scored if run.kind == "baseline")
    for name in sorted(names):
        choose(name, trained, "row")
    datasets = {run.dataset for run in scored if run.row in names}
    return tuple(run for run in scored if run.row in names or (run.kind == "control" and run.dataset in datasets))


class Ruler(NamedTuple):
    """Another way to measure what the ranking column of a track measures."""

    features: str  # the extractor
    metric: str
    label: str  # for readers


@dataclass(frozen=True)
class PlannedRun:
    """A run of a board: a row with one seed, a control, a reference, or the training set itself."""

    run: str  # its name, and that of its folder under `runs/`
    kind: Literal["baseline", "control", "reference", "train"]
    row: str
    dataset: str
    seed: int
    n: int  # samples
    features: str  # the extractor
    train: str  # the run that has the embedding of the training set
    metrics: dict[str, int]  # name to version
    reference: str = ""  # the run that this run is scored against; empty for the training set
    second: Ruler | None = None
    path: str = (
        ""  # the baseline's file, relative to `paths.definitions()` if it lies there; empty for what is not trained
    )
    images: int = 0  # budget in real images seen; 0 for what is not trained
    settings: dict[str, Any] = field(default_factory=dict)  # of the baseline's `Config`
    gpu: bool = False  # whether the training gets a GPU

    @property
    def scored(self) -> bool:
        """Whether this run has a row in the table."""
        return self.kind in ("baseline", "control")


def runs(name: str) -> tuple[PlannedRun, ...]:
    """Every run of a board, the training sets, the references and the controls included.

    Raises:
        UserError: no such board, or a fault in its grid.
    """
    table, base = board(name), file(name).parent
    out: list[PlannedRun] = []
    for dataset, track in table.datasets.items():
        version = data.version(dataset)
        extractor = track.features or features.default(dataset)
        versions = {m: metrics.get(m).card.version for m in track.metric_names}
        train_run = _name("train", dataset, {"data": version}, 0)
        planned = partial(
            PlannedRun,
            dataset=dataset,
            n=track.samples,
            features=extractor,
            second=second_ruler(dataset, track),
            metrics=versions,
            train=train_run,
        )
        out.append(planned(run=train_run, kind="train", row="train", seed=0))
        sources = {name: baseline.resolve(name, base) for name in (r.baseline or k for k, r in track.rows.items())}
        hashes = {path: code.source_hash(path) for path in sources.values()}
        layers = {path: code.edited(code.used(path)) for path in sources.values()}
        for seed in table.seeds:
            common = {"data": version, "n": track.samples, "recipe": RECIPE}
            reference = _name("reference", dataset, common, seed)
            seeded = partial(planned, seed=seed, reference=reference)
            out.append(seeded(run=reference, kind="reference", row="reference"))
            for kind in controls.rows(dataset):
                out.append(seeded(run=_name(kind, dataset, common, seed), kind="control", row=kind))
            for key, row in track.rows.items():
                path = sources[row.baseline or key]
                images = row.images or track.images
                made_of = {
                    "data": version,
                    "recipe": RECIPE,
                    "images": images,
                    "set": row.set,
                    "source": hashes[path],
                }
                if layers[path]:
                    made_of["layers"] = layers[path]
                out.append(
                    seeded(
                        run=_name(key, dataset, made_of, seed),
                        kind="baseline",
                        row=key,
                        path=_from_definitions(path),
                        images=images,
                        settings=row.set,
                        gpu=track.gpu,
                    )
                )
    return tuple(out)


def second_ruler(dataset: str, track: Track) -> Ruler | None:
    """The second ruler of a track.

    For images, the ranking column by another extractor: the one that the board names, or else pixels. If the board's own
    extractor is pixels, the classifier that ganbench brings for the dataset. For points and waves, another distance: the first
    of the total variation from the known mixture, Wasserstein's distance on the line, and the sliced one, that is not the
    ranking column. None if the ranking column does not look at features, or looks at pixels too, or if nothing is left.
    """
    if not metrics.asks_for(track.rank, "gen") or metrics.asks_for(track.rank, "gen_pixels"):
        return None
    facts, first = data.facts(dataset), track.features or features.default(dataset)
    if not facts.is_image:
        apply = {"total_variation": facts.mixture, "wasserstein_1d": facts.shape == (1,), "sliced_wasserstein": True}
        sibling = next((name for name, fits in apply.items() if fits and name != track.rank), None)
        return None if sibling is None else Ruler(first, sibling, sibling)
    second = track.second or (PIXELS if first != PIXELS else features.classifier(dataset))
    return None if second in (None, first) else Ruler(str(second), track.rank, f"{track.rank} ({second})")


def pictured(planned: Iterable[PlannedRun], folder: Path) -> dict[str, Path]:
    """The sample sets that a picture shows, by row: of each row its first run, the baselines in the grid's order first.

    Args:
        planned: the runs of a dataset that have a row.
        folder: of all runs.
    """
    out: dict[str, Path] = {}
    for run in sorted(planned, key=lambda run: (run.kind, run.seed)):
        out.setdefault(run.row, folder / run.run / f"samples-{run.n}.npz")
    return out


def check_targets(name: str, planned: Iterable[str], targets: Iterable[str]) -> None:
    """Refuse files of runs that a board does not plan, for instance of a published run with an older source.

    Args:
        name: the board.
        planned: the names of its runs.
        targets: what the pipeline is asked for; files such as `runs/RUN/scores-BOARD.json` are checked, other words are not.

    Raises:
        UserError: the first such run, and the run that the board plans in its place.
    """
    planned = list(planned)
    for target in targets:
        parts = Path(target).parts
        if len(parts) < 3 or parts[0] != "runs" or parts[1] in {"boards", "data", "logs", *planned}:
            continue
        row, _, seed = re.sub(r"-[0-9a-f]{8}-(?=s\d+$)", "\n", parts[1]).partition("\n")
        today = next((run for run in planned if run.startswith(f"{row}-") and run.endswith(f"-{seed}")), None)
        raise UserError(
            f"board {title(name)} has no run {parts[1]}"
            + (f"; its settings, source or data have changed, and the run is now {today}" if today else "")
            + "; --config board=NAME chooses another board"
        )


def _from_definitions(path: Path) -> str:
    """A baseline's file relative to `paths.definitions()`, or the whole path of a file that lies elsewhere."""
    path, home = path.resolve(), paths.definitions().resolve()
    return (path.relative_to(home) if path.is_relative_to(home) else path).as_posix()


def _name(row: str, dataset: str, what: dict[str, Any], seed: int) -> str:
    """A run's name, the same in every process: `wgan-mnist-3f9a2c1b-s0`."""
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]
    return f"{row}-{dataset}-{digest}-s{seed}"


def scores_path(run: str, name: str) -> Path:
    """Where the pipeline puts a run's scores for a board."""
    return paths.runs() / run / f"scores-{title(name)}.json"


def second_path(run: str, name: str) -> Path:
    """Where the pipeline puts a run's scores by the second ruler of a board."""
    return paths.runs() / run / f"second-{title(name)}.json"
