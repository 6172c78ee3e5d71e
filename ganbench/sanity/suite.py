"""Run the checks: every repeat of every check is a task, its values are kept in a file, and a second start continues.

The files lie in `runs/sanity/`, in a folder per set size, seed, and version of what is computed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ganbench import metrics, paths
from ganbench.display.progress import progress
from ganbench.sanity import distances
from ganbench.sanity.checks import CHECKS, Pair
from ganbench.sanity.pairs import HALF, Reference
from ganbench.sanity.verdicts import Table

VERSION = 1  # raised when a value of a pair can move
EVERY = 5  # a distance is computed at every fifth place of a long sweep, and at its end
LONG = 20  # places of a sweep that is not thinned
LEAST_POINTS = 200  # per set: `support` and `memorisation` need so many


class Task(NamedTuple):
    """A repeat of a check."""

    check: str
    n: int
    repeat: int
    seed: int
    file: Path


def versions() -> dict[str, int]:
    """The versions of all that the values come from: ganbench's metrics, and this suite with its pairs."""
    return {name: metrics.get(name).card.version for name in distances.NAMES} | {"sanity": VERSION}


def folder(n: int, seed: int) -> Path:
    """The folder of the values for these sizes, this seed, and the present versions."""
    key = hashlib.sha256(json.dumps(versions(), sort_keys=True).encode()).hexdigest()[:8]
    return paths.runs() / "sanity" / f"n{n}-seed{seed}-{key}"


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
    kept = folder(n, seed)
    kept.mkdir(parents=True, exist_ok=True)
    # Repeat after repeat, so that the time left is right from the second repeat on.
    tasks = [Task(name, n, repeat, seed, kept / f"{name}-{repeat}.npz") for repeat in range(repeats) for name in names]
    todo = [task for task in tasks if not task.file.exists()]
    with progress("sanity", len(tasks), "repeats of checks", start=len(tasks) - len(todo)) as advance:
        done = len(tasks) - len(todo)
        advance(done)
        for name in _finished(todo, jobs):
            done += 1
            advance(done, f"check {name}")
    return {name: load([task.file for task in tasks if task.check == name]) for name in names}


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
    part = task.file.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, groups=groups, x=x, metrics=(*HALF, *distances.NAMES), values=values)
    part.replace(task.file)
    return task.check


def measure(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The groups, the places and the values `[points, metrics]` of a task. A metric that was not computed is NaN."""
    rng = np.random.default_rng([task.seed, zlib.crc32(task.check.encode()), task.repeat])
    pairs = list(CHECKS[task.check].pairs(rng, task.n))
    measured = thinned([pair.group for pair in pairs])
    reference, last = None, None
    lines = []
    for pair, also_distances in zip(pairs, measured, strict=True):
        if reference is None or pair.real is not last:
            reference, last = Reference(pair.real, task.seed), pair.real
        values = reference.scores(pair.synthetic)
        if also_distances and _size(pair) <= distances.LARGEST:
            values |= distances.scores(reference.x, reference.scaled(pair.synthetic), task.seed)
        lines.append([values.get(name, np.nan) for name in (*HALF, *distances.NAMES)])
    return np.array([pair.group for pair in pairs]), np.array([pair.x for pair in pairs]), np.array(lines)


def thinned(groups: list[str]) -> list[bool]:
    """Which points of the sweeps get distances: all of a short sweep, every fifth and the last of a long one."""
    chosen = []
    for group in dict.fromkeys(groups):
        length = groups.count(group)
        chosen += [length <= LONG or i % EVERY == 0 or i == length - 1 for i in range(length)]
    return chosen


def _size(pair: Pair) -> int:
    return max(len(pair.real), len(pair.synthetic))


def load(files: list[Path]) -> Table:
    """The values of all repeats of a check."""
    repeats = [np.load(file) for file in files]
    names, stacked = repeats[0]["metrics"].tolist(), np.stack([repeat["values"] for repeat in repeats])
    return Table(repeats[0]["groups"], repeats[0]["x"], {name: stacked[:, :, i] for i, name in enumerate(names)})
