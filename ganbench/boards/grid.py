"""A board's grid: `baselines/boards/NAME.yaml` to a table with one row per run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

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
    path = baseline.folder() / "boards" / f"{choose(name, boards(), 'board')}.yaml"
    content = yaml.safe_load(path.read_text())
    if not isinstance(content, dict):
        raise UserError(f"{path}: a grid is a mapping with about, seeds and datasets")
    return validate(Board, content, f"boards/{path.name}")


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


def runs(name: str) -> pd.DataFrame:
    """Every run of a board, the controls and the references included.

    Columns: `run` (its folder under `runs/`), `kind` (baseline, control or reference), `row`, `dataset`, `seed`, `n`
    (samples), `features`, `reference` (the run it is scored against), `train` (the run with the training set's
    embedding), `path`, `images`, `set` (JSON), `metrics` (with versions, JSON).
    """
    table = board(name)
    out: list[dict[str, Any]] = []
    for dataset, track in table.datasets.items():
        choose(dataset, data.names(), "dataset")
        version = data.version(dataset)
        extractor = choose(track.features or features.default(dataset), features.names(), "extractor")
        versions = {m: metrics.get(m).card.version for m in metric_names(track)}
        check_calibrated(versions, dataset)
        train_run = _name("train", dataset, {"data": version}, 0)
        shared = {
            "dataset": dataset,
            "n": track.samples,
            "features": extractor,
            "metrics": json.dumps(versions),
            "train": train_run,
        }
        out.append({"run": train_run, "kind": "train", "row": "train", "seed": 0, **shared})
        for seed in table.seeds:
            common = {"data": version, "n": track.samples, "recipe": RECIPE}
            reference = _name("reference", dataset, common, seed)
            here = {"seed": seed, "reference": reference, **shared}
            out.append({"run": reference, "kind": "reference", "row": "reference", **here})
            for kind in controls.ROWS:
                out.append({"run": _name(kind, dataset, common, seed), "kind": "control", "row": kind, **here})
            for key, row in track.rows.items():
                path = baseline.folder() / f"{choose(row.baseline or key, baseline.names(), 'baseline')}.py"
                for setting in row.set:
                    choose(setting, fields(path), f"setting of {path.stem} (row {key} of {dataset})")
                made_of = {
                    "data": version,
                    "recipe": RECIPE,
                    "images": row.images or track.images,
                    "set": row.set,
                    "source": baseline.source_hash(path),
                }
                line = {
                    "run": _name(key, dataset, made_of, seed),
                    "path": path.relative_to(paths.definitions()).as_posix(),
                    "images": made_of["images"],
                    "set": json.dumps(row.set),
                }
                out.append({"kind": "baseline", "row": key, **line, **here})
    return pd.DataFrame(out).set_index("run", drop=False)


def _name(row: str, dataset: str, what: dict[str, Any], seed: int) -> str:
    """A run's name, the same in every process: `wgan-mnist-3f9a2c1b-s0`."""
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]
    return f"{row}-{dataset}-{digest}-s{seed}"


def scores_path(run: str, name: str) -> Path:
    """Where the pipeline puts a run's scores for a board."""
    return paths.runs() / run / f"scores-{name}.json"
