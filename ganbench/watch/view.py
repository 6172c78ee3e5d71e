"""What the folder of a run shows now: its losses, its moments, and whether it still trains. The folder is only read."""

from __future__ import annotations

import fcntl
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open

from ganbench.errors import UserError
from ganbench.samples import SampleSet
from ganbench.training import checkpoint, moments, objectives
from ganbench.training.objectives import Objective
from ganbench.training.run import RECORD, SIGNS, Identity, Run

Line = dict[str, float]  # of history: "images", "seconds", and losses such as "d/loss"


class View(NamedTuple):
    """A run at one time."""

    name: str
    run: Identity | None  # None before the first checkpoint
    history: list[Line]
    moments: list[SampleSet]
    trains: bool  # whether a process trains it now
    diverged: str | None

    @property
    def seen(self) -> int:
        """Real images seen, as far as the history and the moments say."""
        lines, taken = self.history[-1:], self.moments[-1:]
        return max([int(line["images"]) for line in lines] + [m.manifest["seen"] for m in taken], default=0)

    @property
    def images(self) -> int | None:
        """The budget; None while a run trains without moments: it is in no file then."""
        if self.moments:
            return int(self.moments[-1].manifest["images"])
        return None if self.trains or not isinstance(self.run, Run) else self.run.images

    @property
    def objective(self) -> Objective | None:
        """How the losses are read."""
        if self.run is None:
            return None
        return objectives.of(self.run, next((m.manifest["objective"] for m in self.moments), None))

    @property
    def status(self) -> str:
        """How far the run is, in a line."""
        whole = "" if self.images is None else f" of {self.images:,}"
        progress = f"{self.seen:,}{whole} images"
        if self.trains:
            return f"in training: {progress}"
        if self.diverged:
            return f"diverged: {self.diverged}"
        return f"trained: {progress}" if isinstance(self.run, Run) else f"the training has stopped at {progress}"


def look(folder: Path, trust: bool = False) -> View:
    """What a run's folder shows now. A finished run without moments is shown at a quarter, half and all of its budget.

    Raises:
        UserError: the folder holds no run, or a file of it is damaged, or its code may not be executed: see `checkpoint.load`.
    """
    if not any((folder / sign).is_file() for sign in SIGNS):
        raise UserError(f"{folder} holds no run; train one with `ganbench train ... --out {folder}`")
    trains = in_use(folder)  # first: a run that ends now is shown whole
    run: Identity | None = Run.read(folder) if (folder / RECORD).is_file() else _begun(folder)
    taken = [moments.read(path) for path in moments.of_run(folder)]
    if not taken and not trains and isinstance(run, Run) and not run.diverged:
        taken = list(moments.of_parts(folder, trust))
    diverged = run.diverged if isinstance(run, Run) and not trains else None
    return View(folder.resolve().name, run, read_history(folder / "history.jsonl"), taken, trains, diverged)


def in_use(folder: Path) -> bool:
    """Whether a process trains in a run's folder."""
    lock = folder / ".lock"
    if not lock.is_file():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _begun(folder: Path) -> Identity | None:
    """What is trained in a folder, as its last checkpoint says it."""
    path = folder / SIGNS[2]
    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            facts = json.loads((file.metadata() or {})[checkpoint.FACTS])
        return Identity.model_validate_json(facts["identity"])
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and train the run again") from None


def read_history(path: Path) -> list[Line]:
    """The lines of a history in their order. A line that is torn, or that is no object with `images`, is left out."""
    lines: list[Line] = []
    for text in path.read_text(errors="replace").splitlines() if path.is_file() else []:
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            content = json.loads(text)
            line = {name: float(value) for name, value in content.items() if math.isfinite(value)}
            line["images"] = int(content["images"])
            lines.append(line)
    return lines
