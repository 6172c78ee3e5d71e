"""The verb `run`: a whole board by one command, with a line of progress per stage instead of the scheduler's log."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ganbench import paths
from ganbench.cli._common import app, say, show
from ganbench.errors import Interrupted, UserError

STAGES = {
    "data": ("data",),
    "train": ("train",),
    "sample and score": ("control", "sample", "embed", "score", "second", "curve"),
    "tables and pictures": ("overview", "leaderboard"),
}
STAGE_OF = {rule: stage for stage, rules in STAGES.items() for rule in rules}
FEW = 20  # share of a stage's jobs that must be done before its rate says how long the rest takes: one in twenty
LOG_SECONDS = 60.0  # without a terminal, a stage gets a line at most this often
LAST_LINES = 10  # of a failed job's log


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    board: Annotated[str, typer.Argument(metavar="BOARD|FILE.yaml", help="a board's name, or its file")] = "quick",
    cores: Annotated[
        int | None, typer.Option(help="jobs that run at once; by default as many as the machine has cores", min=1)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="print what would run, but run nothing")] = False,
) -> None:
    """Train, score and rank everything of a board. The same command again resumes, and builds what has changed.

    Options after `--` go to Snakemake.

    \b
    Examples:
      ganbench run quick
      ganbench run quick --dry-run
      ganbench run my-board.yaml --cores 4 -- --forcerun score
    """
    if importlib.util.find_spec("snakemake") is None:
        raise UserError("`ganbench run` needs Snakemake: pip install 'ganbench[pipeline]'")
    from ganbench.boards import grid

    if grid.title(board) != board:
        board = str(Path(board).resolve())
    board = grid.check_config({"board": board})
    title = grid.title(board)
    command = [
        *("--snakefile", str(paths.definitions() / "Snakefile"), "--directory", str(paths.root())),
        *("--cores", str(cores or os.cpu_count() or 1), *["--dry-run"] * dry_run),
        *context.args,
        *("--config", f"board={json.dumps(board)}"),
    ]
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="ganbench-") as scratch:  # a plan leaves no log
            log = Path(scratch, "log")
            code, shown = follow(command, log, quiet=True)
            if code:
                explain(shown, log, paths.root(), title)
                say("ganbench: Snakemake cannot plan the board; nothing has run")
                raise typer.Exit(1)
        show(shown.plan())
        return
    log = paths.runs() / "logs" / f"run-{title}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    code, shown = follow(command, log, quiet=False)
    if code:
        explain(shown, log, paths.root(), title)
        say(
            f"ganbench: {ending(shown, code)}; the scheduler's log is {paths.shown(log)}; the same command again resumes"
        )
        raise typer.Exit(1)
    if all(grid.scores_path(planned.run, board).is_file() for planned in grid.runs(board) if planned.scored):
        from ganbench.cli.suite import leaderboard

        leaderboard(board)
    say(f"The scheduler's log is {paths.shown(log)}")


class Failure(NamedTuple):
    """A job that failed."""

    rule: str
    wildcards: dict[str, str]
    logs: list[str]


class Follower:
    """What the events of a pipeline say: how many jobs of each rule are planned and done, and which jobs failed."""

    def __init__(self) -> None:
        self.planned: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.started: dict[int, dict[str, Any]] = {}
        self.failures: list[Failure] = []
        self.errors: list[str] = []

    def take(self, event: dict[str, Any]) -> str | None:
        """Note an event; returns the stage in which a job has ended."""
        match event["event"]:
            case "run_info":
                self.planned = event["jobs"]
            case "job_info":
                self.started[event["id"]] = event
            case "job_finished":
                rule = str(self.started[event["id"]]["rule"])
                self.done[rule] = self.done.get(rule, 0) + 1
                return STAGE_OF.get(rule, rule)
            case "job_error":
                wildcards = self.started.get(event["id"], {}).get("wildcards", {})
                self.failures.append(Failure(event["rule"], wildcards, event["logs"]))
            case "error":
                self.errors.append(event["text"])
        return None

    def progress(self, stage: str) -> tuple[int, int]:
        """How many jobs of a stage are done, and how many there are."""
        rules = STAGES.get(stage, (stage,))
        return sum(self.done.get(rule, 0) for rule in rules), sum(self.planned.get(rule, 0) for rule in rules)

    def stages(self) -> list[str]:
        """The stages that have jobs, in their order."""
        return [stage for stage in STAGES if self.progress(stage)[1]]

    def plan(self) -> str:
        """The planned jobs in a line."""
        if not self.planned:
            return "Nothing to do: everything is there and up to date."
        jobs = ", ".join(f"{rule} {n}" for rule, n in self.planned.items())
        return f"{sum(self.planned.values())} jobs would run: {jobs}"


def follow(command: list[str], log: Path, quiet: bool) -> tuple[int, Follower]:
    """Run Snakemake with its output in a log, and show how far it is on stderr, unless `quiet`.

    Returns:
        Snakemake's exit code, and what its events said.

    Raises:
        Interrupted: a signal came. Snakemake and its jobs have ended.
    """
    shown = Follower()
    reader, writer = os.pipe()
    try:
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "ganbench.cli.events", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"GANBENCH_EVENTS": str(writer)},
                pass_fds=[writer],
                process_group=0,  # a signal reaches Snakemake and its jobs once: from here
            )
    finally:
        os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        try:
            if quiet:
                for line in pipe:
                    shown.take(json.loads(line))
            else:
                watch(map(json.loads, pipe), shown)
            return process.wait(), shown
        except Interrupted as stop:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait()
            raise Interrupted(stop.number, "interrupted; the same command again resumes") from None


def watch(events: Iterable[dict[str, Any]], shown: Follower) -> None:
    """Show a line per stage until the events end: redrawn on a terminal, else a line now and then."""
    console = Console(stderr=True)
    with _bars(console, shown) if console.is_terminal else _lines(shown) as update:
        for event in events:
            update(shown.take(event))


@contextmanager
def _bars(console: Console, shown: Follower) -> Iterator[Any]:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TextColumn("jobs"), TimeRemainingColumn())
    with Progress(*columns, console=console, speed_estimate_period=3600) as bars:
        tasks: dict[str, Any] = {}

        def update(stage: str | None) -> None:
            for name in shown.stages() if not tasks else ():
                tasks[name] = bars.add_task(name, total=shown.progress(name)[1])
            if stage in tasks:
                bars.update(tasks[stage], completed=shown.progress(stage)[0])

        yield update


@contextmanager
def _lines(shown: Follower) -> Iterator[Any]:
    begun: dict[str, float] = {}
    last: dict[str, float] = {}

    def update(stage: str | None) -> None:
        now = time.monotonic()
        for name in shown.stages():
            begun.setdefault(name, now)
            last.setdefault(name, now)
        if stage is None:
            return
        done, total = shown.progress(stage)
        if done < total and now - last[stage] < LOG_SECONDS:
            return
        last[stage] = now
        left = (now - begun[stage]) / done * (total - done)
        reliable = total / FEW <= done < total  # the first jobs of a stage wait for other stages
        say(f"{stage}: {done}/{total} jobs" + (f", about {left:,.0f} s left" if reliable else ""))

    yield update


def explain(shown: Follower, log: Path, root: Path, title: str) -> None:
    """Say what went wrong: a block per failed job, or the scheduler's own reason.

    Raises:
        UserError: another pipeline runs in this folder, or one was killed there.
    """
    if any("lock" in text and "directory" in text.lower() for text in shown.errors):
        raise UserError(
            f"another pipeline runs in {root}; if none does, one was killed there: "
            f"run `ganbench run {title} -- --unlock` and then the same command again"
        )
    for failure in shown.failures:
        say(f"FAILED: {failure.wildcards.get('run') or failure.wildcards.get('dataset') or title}")
        say(f"  stage: {failure.rule}")
        for path in (root / name for name in failure.logs):
            lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
            for line in lines[-LAST_LINES:]:
                say(f"  | {line}")
            say(f"  log: {paths.shown(path)}")
    if not shown.failures:
        for line in (shown.errors or log.read_text(errors="replace").splitlines())[-LAST_LINES:]:
            say(f"  | {line}")


def ending(shown: Follower, code: int) -> str:
    """How a pipeline ended with a code that is not 0: some jobs failed, or it was stopped.

    >>> ending(Follower(), -9)
    'the pipeline was killed (SIGKILL)'
    """
    if shown.failures:
        return f"{len(shown.failures)} jobs failed" if len(shown.failures) > 1 else "1 job failed"
    if code < 0:
        return f"the pipeline was killed ({signal.Signals(-code).name})"
    return "the pipeline stopped before its end, but no job failed"
