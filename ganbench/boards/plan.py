"""The plan of a board: each row with each seed, what would run for it, why, and how long it takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ganbench import baseline, code, data, paths
from ganbench.boards import costs
from ganbench.boards.grid import PlannedRun
from ganbench.config import RECIPE
from ganbench.display.text import Line, layout, listed, number, width
from ganbench.errors import counted, plain
from ganbench.training.run import RECORD, Identity

ORDER = ("train", "control", "sample", "embed", "score", "second", "curve")  # of the jobs of a run
DONE = "done"


class Job(NamedTuple):
    """A job that would run."""

    rule: str
    run: str
    reason: str  # the scheduler's


class Cell(NamedTuple):
    """A row with a seed."""

    run: PlannedRun
    state: str  # "done", or the first job that would run
    why: str  # empty if nothing would run
    seconds: float | None  # of the training that is left; 0 without a training, None if no earlier run says it


def cells(runs: Iterable[PlannedRun], jobs: Iterable[Job], earlier: Sequence[costs.Record]) -> list[Cell]:
    """What would run for each of `runs`."""
    first: dict[str, Job] = {}
    for job in sorted(jobs, key=lambda job: ORDER.index(job.rule)):
        first.setdefault(job.run, job)
    return [_cell(run, first.get(run.run), earlier) for run in runs]


def _cell(run: PlannedRun, job: Job | None, earlier: Sequence[costs.Record]) -> Cell:
    if job is None:
        return Cell(run, DONE, "", 0.0)
    if job.rule != "train":
        return Cell(run, job.rule, _short(job.reason), 0.0)
    folder, expected = paths.runs() / run.run, costs.seconds(run, earlier)
    if (folder / RECORD).is_file():  # the training leaves a finished run as it is
        return Cell(run, "train", _short(job.reason), 0.0)
    seen = min(_seen(folder), run.images)
    left = None if expected is None else expected * (1 - seen / run.images)
    if seen:
        return Cell(run, "train", f"interrupted after {seen:,} of {run.images:,} images", left)
    return Cell(run, "train", _changed(run) or "not trained before", left)


def _short(reason: str) -> str:
    """The scheduler's first reason without the names of files.

    >>> _short("Missing output files: runs/a/b.json, runs/a/c.json; Code has changed since last execution")
    'missing output files'
    """
    text = reason.partition(";")[0].partition(":")[0].strip()
    return text[:1].lower() + text[1:]


def _seen(folder: Path) -> int:
    """The real images in the last whole line of a run's history; 0 without a history."""
    file = folder / "history.jsonl"
    lines = file.read_bytes().splitlines() if file.is_file() else []
    for line in reversed(lines):
        try:
            return int(json.loads(line)["images"])
        except (ValueError, LookupError, TypeError):  # the last line is torn if the disk was full
            continue
    return 0


def _changed(run: PlannedRun) -> str | None:
    """How the newest run of this row, dataset and seed in `runs/` differs from the planned one; None if there is none."""
    pattern = f"{run.row}-{run.dataset}-????????-s{run.seed}/{RECORD}"
    older = sorted(paths.runs().glob(pattern), key=lambda path: path.stat().st_mtime_ns)
    if not older:
        return None
    path = paths.definitions() / run.path
    planned = Identity(
        baseline=path.stem,
        source=code.source_hash(path),
        config=baseline.config(path).model_validate(run.settings).model_dump(mode="json"),
        dataset=run.dataset,
        data=data.version(run.dataset),
        seed=run.seed,
        recipe=RECIPE,
        layers=code.edited(code.used(path)) or None,
        schedule_images=None,
    )
    try:
        differences = planned.differences(json.loads(older[-1].read_text(encoding="utf-8")))
    except (ValueError, AttributeError, TypeError):
        return None
    shown = [text for text in differences if not text.startswith("schedule_images")]
    return f"{older[-1].parent.name} differs: {listed(shown)}" if shown else None


def text(board: str, planned: Sequence[Cell], jobs: Mapping[str, int]) -> str:
    """The plan for people.

    Args:
        board: its name.
        planned: its rows with their seeds.
        jobs: the number of all jobs that would run, by rule.
    """
    training = [cell for cell in planned if cell.state == "train"]
    total = sum(jobs.values())
    head = (
        f"{board}: {total:,} jobs would run, {len(training):,} of them trainings"
        if total
        else f"{board}: nothing to do"
    )
    out = [head]
    for dataset in dict.fromkeys(cell.run.dataset for cell in planned):
        chosen = [cell for cell in planned if cell.run.dataset == dataset]
        lines = _lines(chosen)
        out += ["", dataset, *layout(lines, list(lines[0]), width(), cut="row", right=["seconds"])]
    if any(jobs.values()):
        out += ["", *_reasons(planned), *_time(training)]
    return "\n".join(map(plain, out))


def _lines(chosen: Sequence[Cell]) -> list[Line]:
    seeds = sorted({cell.run.seed for cell in chosen})
    lines: list[Line] = []
    for row in dict.fromkeys(cell.run.row for cell in chosen):
        by_seed = {cell.run.seed: cell for cell in chosen if cell.run.row == row}
        states = {f"s{seed}": by_seed[seed].state if seed in by_seed else "" for seed in seeds}
        left = [cell.seconds for cell in by_seed.values()]
        known = [seconds for seconds in left if seconds is not None]
        lines.append({"row": row, **states, "seconds": number(sum(known)) if len(known) == len(left) else "unknown"})
    return lines


def _reasons(planned: Sequence[Cell]) -> list[str]:
    """A line per reason, with the rows that it holds for."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in planned:
        if cell.why:
            groups.setdefault((cell.state, cell.why), []).append(f"{cell.run.row}-{cell.run.dataset}-s{cell.run.seed}")
    return [f"{state} {listed(names)}: {why}" for (state, why), names in groups.items()]


def _time(training: Sequence[Cell]) -> list[str]:
    if not training:
        return []
    known = [cell.seconds for cell in training if cell.seconds is not None]
    absent = counted(len(training) - len(known), "training")
    without = f"Of {absent}, no earlier run with the same GAN and dataset says how long it takes."
    out = [f"By earlier runs, {counted(len(known), 'training')} will take {number(sum(known))} s on one free core."]
    return (out if known else []) + ([without] if len(known) < len(training) else [])


def to_json(plans: Mapping[str, tuple[Sequence[Cell], Mapping[str, int]]]) -> str:
    """The plans of several boards as a JSON document: by the name of the board, its cells and its number of jobs by rule."""
    content = {
        title: {
            "cells": [
                {"run": cell.run.run, "row": cell.run.row, "dataset": cell.run.dataset, "seed": cell.run.seed}
                | {"state": cell.state, "why": cell.why, "seconds": cell.seconds}
                for cell in planned
            ],
            "jobs": dict(jobs),
        }
        for title, (planned, jobs) in plans.items()
    }
    return json.dumps(content, indent=1)
