"""Run the checks. A task is a repeat of a check, for the pairs or for the distances; its values are kept in a file.

So a second start continues. The files lie in `runs/sanity/`, in a folder per set size, seed, and version of what is computed.
A new version of a metric of ganbench leaves the values of the pairs as they are.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ganbench import files, metrics, paths
from ganbench.display.progress import progress
from ganbench.sanity import distances
from ganbench.sanity.checks import CHECKS, Pair
from ganbench.sanity.pairs import HALF, Reference, Scale
from ganbench.sanity.verdicts import Table

VERSION = 1  # raised when the points or a value of a pair can move
EVERY = 5  # a distance is computed at every fifth place of a long sweep, and at its end
LONG = 20  # places of a sweep that is not thinned
LEAST_POINTS = 200  # per set: `support` and `memorisation` need so many


Kind = Literal["pairs", "distances"]
COLUMNS: dict[Kind, tuple[str, ...]] = {"pairs": tuple(HALF), "distances": distances.NAMES}


class Task(NamedTuple):
    """A repeat of a check, for the pairs of metrics or for the distances."""

    kind: Kind
    check: str
    n: int
    repeat: int
    seed: int
    file: Path


def versions() -> dict[str, int]:
    """The versions of all that the values come from: this suite with its pairs, and ganbench's metrics."""
    return {"sanity": VERSION} | {name: metrics.get(name).card.version for name in distances.NAMES}


def folder(kind: Kind, n: int, seed: int) -> Path:
    """The folder of the values of a kind for these sizes, this seed, and the present versions."""
    own = {"sanity": VERSION} if kind == "pairs" else versions()
    key = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:8]
    return paths.runs() / "sanity" / f"{kind}-n{n}-seed{seed}-{key}"


def run(names: Iterable[str], n: int, repeats: int, seed: int, jobs: int) -> dict[str, Table]:
    """The values of these checks, by name.

    Args:
        names: of `CHECKS`.
        n: points per set, at least 200.
        repeats: draws of every check.
        seed: of the data and of the networks.
        jobs: processes; each has one thread.
    """
    names = list(names)
    kept = {kind: folder(kind, n, seed) for kind in COLUMNS}
    for place in kept.values():
        place.mkdir(parents=True, exist_ok=True)
    # Repeat after repeat, so that the time left is right from the second repeat on.
    tasks = [
        Task(kind, name, n, repeat, seed, kept[kind] / f"{name}-{repeat}.npz")
        for repeat in range(repeats)
        for name in names
        for kind in COLUMNS
    ]
    todo = [task for task in tasks if not task.file.exists()]
    done = len(tasks) - len(todo)
    with progress("sanity", len(tasks), "tasks", start=done) as advance:
        advance(done)
        for name in _finished(todo, jobs):
            done += 1
            advance(done, f"check {name}")
    return {name: load([task for task in tasks if task.check == name]) for name in names}


def _finished(tasks: Collection[Task], jobs: int) -> Iterable[str]:
    """Compute the tasks, and yield the check of each when its file is written."""
    if jobs == 1 or len(tasks) <= 1:
        for task in tasks:
            yield compute(task)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: set[Future[str]] = {pool.submit(compute, task) for task in tasks}
        try:
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ready)
        finally:
            pool.shutdown(cancel_futures=True)


def compute(task: Task) -> str:
    """Compute a task in one thread, write its file, and return the name of its check."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            groups, x, values = measure(task)
    finally:
        torch.set_num_threads(before)
    with files.replacing(task.file) as file:
        np.savez_compressed(file, groups=groups, x=x, metrics=COLUMNS[task.kind], values=values)
    return task.check


def measure(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The groups, the places and the values `[points, metrics]` of a task. A metric that was not computed is NaN."""
    own = [task.seed, zlib.crc32(task.check.encode()), task.repeat]
    pairs = list(CHECKS[task.check].pairs(np.random.default_rng(own), task.n))
    seeds = np.random.default_rng([*own, 1]).integers(2**31, size=len(pairs)).tolist()
    lines = _of_pairs(pairs, seeds) if task.kind == "pairs" else _distances(pairs, seeds)
    values = [[line.get(name, np.nan) for name in COLUMNS[task.kind]] for line in lines]
    return np.array([pair.group for pair in pairs]), np.array([pair.x for pair in pairs]), np.array(values)


def _of_pairs(pairs: list[Pair], seeds: list[int]) -> Iterable[dict[str, float]]:
    """The values of the pairs of metrics; a real set is embedded once, with a network of its own seed."""
    reference, last = None, None
    for pair, seed in zip(pairs, seeds, strict=True):
        if reference is None or pair.real is not last:
            reference, last = Reference(pair.real, seed), pair.real
        yield reference.scores(pair.synthetic)


def _distances(pairs: list[Pair], seeds: list[int]) -> Iterable[dict[str, float]]:
    """The distances, where they are wanted."""
    for pair, seed, wanted in zip(pairs, seeds, thinned([pair.group for pair in pairs]), strict=True):
        small = max(len(pair.real), len(pair.synthetic)) <= distances.LARGEST
        scale = Scale(pair.real)
        yield distances.scores(scale(pair.real), scale(pair.synthetic), seed) if wanted and small else {}


def thinned(groups: list[str]) -> list[bool]:
    """Which points of the sweeps get distances: all of a short sweep, every fifth and the last of a long one."""
    chosen = []
    for group in dict.fromkeys(groups):
        length = groups.count(group)
        chosen += [length <= LONG or i % EVERY == 0 or i == length - 1 for i in range(length)]
    return chosen


def load(tasks: list[Task]) -> Table:
    """The values of all repeats of a check, of both kinds."""
    values: dict[str, np.ndarray] = {}
    for kind, columns in COLUMNS.items():
        parts = [np.load(task.file) for task in tasks if task.kind == kind]
        stacked = np.stack([part["values"] for part in parts])
        values |= {name: stacked[:, :, i] for i, name in enumerate(columns)}
    return Table(parts[0]["groups"], parts[0]["x"], values)
