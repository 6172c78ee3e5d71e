"""A board's grid: `baselines/boards/NAME.yaml` to one planned run per row and seed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ganbench import baseline, data, features, metrics, paths
from ganbench.boards import controls
from ganbench.config import RECIPE, fields, validate
from ganbench.errors import UserError, choose


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Strict):
    """A row of the table: a baseline with some of its settings changed."""

    baseline: str | None = Field(None, description="stem of the baseline's file; by default the row's own name")
    set: dict[str, Any] = Field({}, description="settings of its Config that differ from the paper's")
    images: int | None = Field(None, ge=1, description="budget in real images seen; by default the track's")


class Track(_Strict):
    """One dataset of a board: what is trained on it, how it is sampled, scored and ranked."""

    images: int = Field(ge=1, description="budget of every row, in real images seen")
    samples: int = Field(ge=2, description="generated, reference and control samples alike")
    features: str | None = Field(None, description="extractor; by default the dataset's own")
    metrics: list[str] = Field(
        min_length=1, description="columns: a metric, or a further number of one: modes.high_quality"
    )
    rank: str = Field(description="the column that rows are ranked by")
    rows: dict[str, Row]

    @model_validator(mode="after")
    def _rank_is_a_column(self) -> Track:
        if self.rank not in self.metrics:
            raise ValueError(f"rank '{self.rank}' is not among the metrics")
        return self


class Board(_Strict):
    """A leaderboard."""

    about: str
    seeds: list[int] = Field(min_length=3, description="training seeds of every row")
    datasets: dict[str, Track]


def boards() -> tuple[str, ...]:
    """The boards there are: one grid file each."""
    return tuple(sorted(p.stem for p in (baseline.folder() / "boards").glob("*.yaml")))


def board(name: str) -> Board:
    """Read and check a grid."""
    if title(name) != name:
        path = Path(name)
        if not path.is_file():
            raise UserError(f"{path}: no such board file")
    else:
        path = baseline.folder() / "boards" / f"{choose(name, boards(), 'board')}.yaml"
    content = yaml.safe_load(path.read_text())
    if not isinstance(content, dict):
        raise UserError(f"{path}: a grid is a mapping with about, seeds and datasets")
    return validate(Board, content, f"boards/{path.name}")


def title(board: str) -> str:
    """The name of a board in paths: that of a built-in board, or the stem of the board's own file.

    >>> title("quick"), title("/tmp/my boards/tiny.yaml")
    ('quick', 'tiny')
    """
    return Path(board).stem if board.endswith((".yaml", ".yml")) else board


def check_config(config: Mapping[str, Any]) -> str:
    """The board that a pipeline's `--config` asks for: a name, or the path of a file.

    Raises:
        UserError: a key that the pipeline does not know, or a fault in the board.
    """
    for key in config:
        choose(key, ("board",), "--config key")
    name = str(config.get("board", "quick"))
    board(name)
    return name


def metric_names(track: Track) -> list[str]:
    """The metrics behind a track's columns, each once."""
    return list(dict.fromkeys(column.partition(".")[0] for column in track.metrics))


def check_calibrated(versions: dict[str, int], dataset: str) -> None:
    """Refuse metrics that no calibration stands for: each must have kept a promise somewhere, and broken none on `dataset`.

    Args:
        versions: the metrics of a track; what was found out about another version of one does not count.
        dataset: the track's. What a metric sees depends on the data: in one dimension `coverage` is blind to noise.
    """
    tables = [pd.read_csv(folder / "promises.csv").assign(on=on) for on, folder in paths.calibrations().items()]
    judged = pd.concat([pd.DataFrame(columns=["metric", "version", "verdict", "on"]), *tables])
    for metric, version in versions.items():
        here = judged[(judged.metric == metric) & (judged.version == version)]
        for broken in here[(here.verdict == "fail") & (here.on == dataset)].itertuples():
            raise UserError(
                f"{metric} cannot enter a board of {dataset}: it breaks its promise '{broken.promised}' under "
                f"{broken.corruption} there; once the metric or its card is right, run `ganbench calibrate {dataset}`"
            )
        if not (here.verdict == "pass").any():
            raise UserError(
                f"{metric} (version {version}) cannot enter a board: no calibration has it keep a promise of its card "
                f"(`responds`); run `ganbench calibrate {dataset}`"
            )


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
    path: str = ""  # the baseline's file, relative to `paths.definitions()`; empty for what is not trained
    images: int = 0  # budget in real images seen; 0 for what is not trained
    settings: dict[str, Any] = field(default_factory=dict)  # of the baseline's `Config`

    @property
    def scored(self) -> bool:
        """Whether this run has a row in the table."""
        return self.kind in ("baseline", "control")


def runs(name: str) -> tuple[PlannedRun, ...]:
    """Every run of a board, the training sets, the references and the controls included.

    Raises:
        UserError: no such board, or a fault in its grid.
    """
    table = board(name)
    out: list[PlannedRun] = []
    for dataset, track in table.datasets.items():
        choose(dataset, data.names(), "dataset")
        version = data.version(dataset)
        extractor = choose(track.features or features.default(dataset), features.names(), "extractor")
        versions = {m: metrics.get(m).card.version for m in metric_names(track)}
        check_calibrated(versions, dataset)
        train_run = _name("train", dataset, {"data": version}, 0)
        planned = partial(
            PlannedRun, dataset=dataset, n=track.samples, features=extractor, metrics=versions, train=train_run
        )
        out.append(planned(run=train_run, kind="train", row="train", seed=0))
        for seed in table.seeds:
            common = {"data": version, "n": track.samples, "recipe": RECIPE}
            reference = _name("reference", dataset, common, seed)
            seeded = partial(planned, seed=seed, reference=reference)
            out.append(seeded(run=reference, kind="reference", row="reference"))
            for kind in controls.ROWS:
                out.append(seeded(run=_name(kind, dataset, common, seed), kind="control", row=kind))
            for key, row in track.rows.items():
                path = baseline.folder() / f"{choose(row.baseline or key, baseline.names(), 'baseline')}.py"
                for setting in row.set:
                    choose(setting, fields(path), f"setting of {path.stem} (row {key} of {dataset})")
                images = row.images or track.images
                made_of = {
                    "data": version,
                    "recipe": RECIPE,
                    "images": images,
                    "set": row.set,
                    "source": baseline.source_hash(path),
                }
                out.append(
                    seeded(
                        run=_name(key, dataset, made_of, seed),
                        kind="baseline",
                        row=key,
                        path=path.relative_to(paths.definitions()).as_posix(),
                        images=images,
                        settings=row.set,
                    )
                )
    return tuple(out)


def check_targets(name: str, targets: Iterable[str]) -> None:
    """Refuse files of runs that a board does not plan, such as those of a published run whose source has changed since.

    Args:
        name: the board.
        targets: rules, or files that a pipeline is asked for, such as `runs/RUN/scores-BOARD.json`.

    Raises:
        UserError: the first such run, and the run that the board plans in its place.
    """
    planned = [run.run for run in runs(name)]
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


def _name(row: str, dataset: str, what: dict[str, Any], seed: int) -> str:
    """A run's name, the same in every process: `wgan-mnist-3f9a2c1b-s0`."""
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]
    return f"{row}-{dataset}-{digest}-s{seed}"


def scores_path(run: str, name: str) -> Path:
    """Where the pipeline puts a run's scores for a board."""
    return paths.runs() / run / f"scores-{title(name)}.json"
