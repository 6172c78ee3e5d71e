"""The verb `run`: a whole board by one command, with a line of progress per stage instead of the scheduler's log."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ganbench import files, paths
from ganbench.cli._common import app, say, show
from ganbench.errors import Interrupted, UserError, choose

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


Boards = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="BOARD|FILE.yaml...", help="names of boards, or their files; by default quick", show_default=False
    ),
]
Rows = Annotated[str | None, typer.Option(help="only these rows, with commas between them", metavar="ROW,ROW")]


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    boards: Boards = None,
    rows: Rows = None,
    cores: Annotated[
        int | None, typer.Option(help="jobs that run at once; by default as many as the machine has cores", min=1)
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="where the jobs run: slurm, kubernetes, or a folder with a profile of Snakemake", metavar="NAME"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="print what would run, but run nothing")] = False,
) -> None:
    """Train, score and rank everything of a board. The same command again resumes, and builds what has changed.

    Several boards run one after the other. Options after `--` go to Snakemake.

    \b
    Examples:
      ganbench run quick
      ganbench run quick --dry-run
      ganbench run quick --rows gan,wgan
      ganbench run my-board.yaml --cores 4 -- --forcerun score
      ganbench run quick modes --profile slurm
    """
    names, further = split(boards)
    if profile is not None:
        further = ["--workflow-profile", str(profile_folder(profile)), *further]
    if cores is not None or profile is None:
        further = ["--cores", str(cores or os.cpu_count() or 1), *further]
    failed = False
    for board in checked(names, rows):
        if dry_run:
            show(dry(board, rows, further).plan())
        else:
            failed |= not build(board, rows, further)
    if failed:
        raise typer.Exit(1)


def split(arguments: list[str] | None) -> tuple[list[str], list[str]]:
    """The boards, by default `quick`, and the options of Snakemake: these begin with a hyphen.

    >>> split(["quick", "modes", "--forcerun", "score"]), split(None)
    ((['quick', 'modes'], ['--forcerun', 'score']), (['quick'], []))
    """
    given = arguments or []
    end = next((i for i, text in enumerate(given) if text.startswith("-")), len(given))
    return given[:end] or ["quick"], given[end:]


def profile_folder(name: str) -> Path:
    """The folder of a profile: that of a profile of ganbench, or any folder that holds one.

    Raises:
        UserError: there is no such profile.
    """
    own = paths.definitions() / "profiles"
    folder = (
        Path(name).expanduser() if "/" in name else own / choose(name, [path.name for path in own.iterdir()], "profile")
    )
    if not any((folder / file).is_file() for file in ("config.yaml", "config.yml")):
        raise UserError(f"--profile {name}: {folder} has no config.yaml")
    return folder.resolve()


def checked(names: list[str], rows: str | None) -> list[str]:
    """The boards, each checked whole; files get their full path.

    Raises:
        UserError: Snakemake is missing, or something is wrong with a board, or a board has no such row.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise UserError("the pipeline needs Snakemake: pip install 'ganbench[pipeline]'")
    from ganbench import features
    from ganbench.boards import grid

    features.require(None)
    full = dict.fromkeys(
        name if grid.title(name) == name else str(Path(name).expanduser().absolute()) for name in names
    )
    for board in full:
        grid.check_config({"board": board})
        grid.select(grid.runs(board), rows)
    return list(full)


def dry(board: str, rows: str | None, further: list[str]) -> Follower:
    """What Snakemake would run for a board. Nothing is left behind.

    Raises:
        typer.Exit: Snakemake cannot plan the board; the reason is on stderr.
    """
    from ganbench.boards import grid

    with files.shared_scratch() as scratch:
        log = scratch / "log"
        code, shown = follow(command(board, rows, ["--dry-run", *further]), log, quiet=True)
        if code:
            explain(shown, log, paths.root(), grid.title(board))
            say("ganbench: Snakemake cannot plan the board; nothing has run")
            raise typer.Exit(1)
    return shown


def build(board: str, rows: str | None, further: list[str]) -> bool:
    """Run the pipeline of a board, and print its table; whether no job failed.

    If jobs have failed, the table is that of all runs that are there. It is marked, and names the missing runs.
    """
    from ganbench.boards import grid
    from ganbench.cli.suite import leaderboard

    title = grid.title(board)
    log = paths.runs() / "logs" / f"run-{title}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    code, shown = follow(command(board, rows, further), log, quiet=False)
    there = [grid.scores_path(run.run, board).is_file() for run in grid.runs(board) if run.scored]
    if code:
        explain(shown, log, paths.root(), title)
        part = rows is None and shown.failures and any(there)
        if part:
            leaderboard(board)
        say(
            f"ganbench: {ending(shown, code)}{f'; {there.count(False)} of {len(there)} runs are missing' if part else ''}; "
            f"the scheduler's log is {paths.shown(log)}; the same command again resumes"
        )
        return False
    if all(there):
        leaderboard(board)
    elif rows is not None:
        say(f"The scores of {rows} are in {paths.shown(paths.runs())}/; `ganbench run {title}` makes the other rows")
    say(f"The scheduler's log is {paths.shown(log)}")
    return True


def command(board: str, rows: str | None, further: list[str]) -> list[str]:
    """The arguments of Snakemake."""
    config = [f"board={json.dumps(board)}", *([] if rows is None else [f"rows={json.dumps(rows)}"])]
    return [
        "leaderboard" if rows is None else "rows",
        *("--snakefile", str(paths.definitions() / "Snakefile"), "--directory", str(paths.root())),
        *further,
        *("--config", *config),
    ]


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
        """Note an event; returns the stage in which a job has ended. The rule `rows` only collects files, and has no stage."""
        match event["event"]:
            case "run_info":
                self.planned = event["jobs"]
            case "job_info":
                self.started[event["id"]] = event
            case "job_finished":
                rule = str(self.started[event["id"]]["rule"])
                self.done[rule] = self.done.get(rule, 0) + 1
                return STAGE_OF.get(rule)
            case "job_error":
                wildcards = self.started.get(event["id"], {}).get("wildcards", {})
                self.failures.append(Failure(event["rule"], wildcards, event["logs"]))
            case "error":
                self.errors.append(event["text"])
        return None

    def progress(self, stage: str) -> tuple[int, int]:
        """How many jobs of a stage are done, and how many there are."""
        rules = STAGES[stage]
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
