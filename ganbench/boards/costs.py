"""What the jobs of a board need: seconds, from the records of earlier runs, and memory, from the data and the settings.

A cluster ends a job that needs more than it asked for, so `minutes` and `megabytes` are generous. Torch is not imported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from ganbench import baseline, data, paths
from ganbench.boards.grid import PlannedRun
from ganbench.training.run import RECORD

START = 2000  # megabytes: 850 of a training on points, and those of Snakemake and of the worker beside it
ACTIVATIONS = 1000  # numbers that a training keeps for each number of a batch: its layers' outputs and gradients
COPIES = 3  # of the training split
SAFETY = 3  # times the seconds of earlier runs: other processors are slower
UNKNOWN = 24 * 60  # minutes of a training without an earlier run
SHORT = 30  # minutes of the other jobs; each further sample adds a tenth of a second
PER_MINUTE = 600  # samples that an extractor treats in a minute


class Record(NamedTuple):
    """An earlier training."""

    baseline: str
    dataset: str
    settings: str  # all of them, as JSON
    gpu: bool
    rate: float  # seconds per real image: of the processor, or of the clock on a GPU


def records() -> tuple[Record, ...]:
    """The trainings in `runs/` and those of the published boards. A file that is no record counts for nothing."""
    own = ((path, ()) for path in sorted(paths.runs().glob(f"*/{RECORD}")))
    published = ((path, ("samples", "run")) for path in sorted(paths.results().glob("*/runs/*.json")))
    return tuple(record for path, keys in (*own, *published) if (record := _read(path, keys)) is not None)


def _read(path: Path, keys: Iterable[str]) -> Record | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            content = content[key]
        gpu = not str(content["device"]).startswith("cpu")
        rate = float(content["seconds" if gpu else "cpu_seconds"]) / int(content["seen"])
        return Record(str(content["baseline"]), str(content["dataset"]), _text(content["config"]), gpu, rate)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError):
        return None


def _text(settings: Any) -> str:
    return json.dumps(settings, sort_keys=True)


def seconds(run: PlannedRun, earlier: Iterable[Record]) -> float | None:
    """The seconds that a training takes, on a free core or on a GPU; None if no such GAN was trained on this dataset.

    Runs with the same settings count, by their median. Without such a run, the slowest one with other settings counts.
    """
    path = paths.definitions() / run.path
    alike = [r for r in earlier if (r.baseline, r.dataset, r.gpu) == (path.stem, run.dataset, run.gpu)]
    if not alike:
        return None
    settings = _settings(path, _text(run.settings))
    same = [record.rate for record in alike if record.settings == settings]
    return run.images * (median(same) if same else max(record.rate for record in alike))


@lru_cache(maxsize=4096)
def _settings(path: Path, given: str) -> str:
    """All settings of a baseline, the defaults included, as JSON."""
    return _text(baseline.config(path).model_validate(json.loads(given)).model_dump(mode="json"))


def minutes(rule: str, run: PlannedRun, earlier: Iterable[Record]) -> int:
    """The time limit of a job, in minutes."""
    if rule == "train":
        expected = seconds(run, earlier)
        return UNKNOWN if expected is None else SHORT + math.ceil(SAFETY * expected / 60)
    return SHORT + run.n // PER_MINUTE


def megabytes(rule: str, run: PlannedRun) -> int:
    """The memory of a job."""
    facts = data.facts(run.dataset)
    numbers = math.prod(facts.shape)
    size = 1 if facts.is_image else 4  # bytes of a number: pixels lie in memory as bytes
    split = COPIES * size * facts.train * numbers / 1e6
    if rule != "train":
        return START + math.ceil(max(split, run.n / 10))  # 0.1 MB for the features of a sample: 2048, a few times
    batch = baseline.config(paths.definitions() / run.path).model_validate(run.settings).batch
    return START + math.ceil(split + 4 * ACTIVATIONS * batch * numbers / 1e6)
