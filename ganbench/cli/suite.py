"""Verbs of the benchmark: datasets, boards, the calibration of metrics, lists and citations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ganbench import files, paths
from ganbench.cli._common import Seed, Trust, app, check_result, help_unless_invoked, say, show
from ganbench.errors import UserError, choose

data_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")

KINDS = ("baselines", "datasets", "metrics", "extractors", "boards")


@data_app.callback()
def data_help(context: typer.Context) -> None:
    """Build datasets, fetch them, or add your own data."""
    help_unless_invoked(context)


@data_app.command("build")
def data_build(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="datasets (see `ganbench list datasets`)")],
) -> None:
    """Build datasets from their sources into the data folder, and check them against dvc.lock.

    \b
    Example:
      ganbench data build digits mnist
    """
    from ganbench import data

    for name in names:
        choose(name, data.names(), "dataset")
    for name in names:
        say(f"{name}: {paths.shown(data.build(name))}, {data.check(name)}")


@data_app.command("obtain")
def data_obtain(
    name: Annotated[str, typer.Argument(help="a dataset (see `ganbench list datasets`)")],
    version_file: Annotated[Path | None, typer.Option(help="write the version to this file, for the pipeline")] = None,
) -> None:
    """Put a dataset, in the version that dvc.lock pins, into the data folder.

    The dataset comes from DVC's cache, from DVC's remote, or from its sources.

    \b
    Example:
      ganbench data obtain digits
    """
    from ganbench import data

    version = data.obtain(name)
    if version_file:
        files.write(version_file, version + "\n")
    say(f"{name}: {paths.shown(paths.data() / name)} has the version {version}")


@app.command()
def leaderboard(
    board: Annotated[str, typer.Argument(help="name of a board (see `ganbench list boards`)")] = "quick",
    wide: Annotated[
        bool, typer.Option("--wide", help="show all columns, even if the table is wider than the screen")
    ] = False,
) -> None:
    """Print a board that the pipeline has built, and write it as CSV, Parquet and Markdown.

    If runs are missing, the board is marked as partial, and their rows have empty cells.
    One table per dataset shows the columns that fit the terminal. The files have all columns.

    \b
    Examples:
      ganbench leaderboard quick
      ganbench leaderboard quick --wide
    """
    import pandas as pd

    from ganbench.boards import answers, grid, invalid, partial
    from ganbench.boards.leaderboard import build, built, folder
    from ganbench.display.text import width, wrap
    from ganbench.scoring import result

    results = {run.run: result.read(grid.scores_path(run.run, board)) for run in built(board)}  # checks their digests
    summary = build(board)
    struck = invalid.read(paths.results() / grid.title(board))
    scores = invalid.strike(pd.read_csv(folder(board) / "scores.csv"), struck)
    if marked := partial.note(scores):
        show(wrap(marked, "") + "\n")
    show(answers.text(board, grid.board(board), summary, scores, results, width(), wide))
    names = f"leaderboard.md, .csv, {'' if marked else '.parquet, '}scores.csv and samples-*.png"
    show(wrap(f"All columns: --wide, or {paths.shown(folder(board))}/: {names}", ""))


@app.command()
def publish(
    board: Annotated[str, typer.Argument(help="name of a board")],
    uncommitted: Annotated[
        bool,
        typer.Option(
            "--uncommitted",
            help="publish also what code made that is in no commit, and say so on the page; without this option it is refused, "
            "because nobody else can get such code",
        ),
    ] = False,
    renew: Annotated[
        bool,
        typer.Option(
            "--renew",
            help="read only what is published: write the recipe, versions, badge and hashes again; no number changes",
        ),
    ] = False,
) -> None:
    """Copy a built board from runs/ to results/BOARD/: tables, pictures, and the scores and manifest of every run.

    A partial board is marked, and never replaces a whole one.

    \b
    Examples:
      ganbench publish quick
      ganbench publish quick --renew
    """
    from ganbench.boards import publishing

    folder = publishing.renew(board) if renew else publishing.publish(board, uncommitted)
    say(f"published {board} to {paths.shown(folder)}/")


@app.command()
def verify(
    board: Annotated[str, typer.Argument(metavar="BOARD|FOLDER", help="name of a published board, or its folder")],
    row: Annotated[str | None, typer.Argument(help="a row of the board; by default all", show_default=False)] = None,
    dataset: Annotated[str | None, typer.Option(help="a dataset of the board; by default all")] = None,
    seed: Annotated[int | None, typer.Option(help="a training seed; by default all")] = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="score the samples again: those in runs/, and the controls")
    ] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="train the runs of ROW anew, draw their samples and score them")
    ] = False,
    trust: Trust = False,
) -> None:
    """Check a published board: the hash of every file, and that every table follows from the records.

    A run that is trained anew has the same bits, or is another draw inside the row's own interval, or has moved. The
    exit code is 1 if a byte or a number is wrong, or if a run has moved.

    \b
    Examples:
      ganbench verify quick
      ganbench verify results/quick wgan --dataset digits --seed 0
      ganbench verify quick wgan --dataset digits --seed 0 --retrain
    """
    from ganbench.boards import grid, verification
    from ganbench.boards.published import Altered

    if retrain and row is None:
        raise UserError("--retrain: name a row too, for example: ganbench verify quick wgan --seed 0 --retrain")
    folder = Path(board) if Path(board).is_dir() else paths.results() / grid.title(board)
    wrong = False
    try:
        published = verification.Records.read(folder)
        chosen = published.choose(row, dataset, seed)
        for finding in verification.findings(published, chosen, rescore, retrain, trust, named=row is not None):
            show(("WRONG: " if finding.wrong else "") + finding.text)
            wrong |= finding.wrong
    except Altered as error:
        show(f"WRONG: {error}")
        wrong = True
    if wrong:
        raise typer.Exit(1)


@app.command()
def calibrate(
    dataset: Annotated[
        str, typer.Argument(help="name of a dataset, or `sanity`: the published checks on drawn points")
    ],
    n: Annotated[
        int | None,
        typer.Option(
            "--n", help="samples per set; by default as many as one class can fill, for `sanity` 1,000", min=2
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            help="draws of every set; by default 20, for `sanity` 10; with fewer than 5 no promise is judged", min=2
        ),
    ] = None,
    seed: Seed = 0,
    seeds: Annotated[
        int, typer.Option(help="calibrations, each with a seed of its own; the page says how many pass", min=1)
    ] = 1,
    jobs: Annotated[int, typer.Option(help="processes, for `sanity`", min=1)] = 2,
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder of the tables and pictures; by default results/calibration/DATASET or results/sanity, in the current "
            "folder or checkout"
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="replace also a calibration that has more repeats, seeds or larger sets")
    ] = False,
) -> None:
    """Damage real samples in known ways, plant known values, and check what every metric promises.

    A broken promise is a result, not an error. A metric that breaks a promise cannot enter a board of this dataset.
    What your own calibration of a dataset judges replaces the verdict of the calibration that ganbench brings.
    If the command is stopped, the same command continues after the repeats that are done.

    `ganbench calibrate sanity` needs no data. It runs the published checks of arXiv:2505.22450 and a harder set on drawn
    points. An interrupted examination continues where it was.

    \b
    Examples:
      ganbench calibrate ring
      ganbench calibrate ring --seeds 5
      ganbench calibrate digits --out runs/calibration/digits
      ganbench calibrate sanity --jobs 2
    """
    if dataset == "sanity":
        _examine(n or 1000, repeats or 10, seed, jobs, out or paths.results() / "sanity", replace)
        return
    from ganbench import data
    from ganbench.boards import calibration, calibration_page
    from ganbench.display.text import table

    dataset = data.resolve(dataset)
    out = out or paths.results() / "calibration" / dataset
    check_result(out, ("values.csv", "promises.csv"), "calibration")
    repeats = repeats or 20
    promises = calibration.run(dataset, n, repeats, range(seed, seed + seeds), out, replace)
    table(calibration_page.matrix(promises), f"calibration on {dataset}", ["metric"])
    for line in calibration_page.failures(promises):
        show(f"FAIL: {line}")
    if note := calibration_page.too_few(repeats):
        show(note)
    else:
        for line in calibration_page.undecided(promises):
            show(f"not judged: {line}")
    show(f"The calibration is in {paths.shown(out)}/: README.md, tables (.csv), matrix.png and levels.png")


def _examine(n: int, repeats: int, seed: int, jobs: int, out: Path, replace: bool) -> None:
    """Run the field's own checks, print how many cells each metric passes, and write the page."""
    from ganbench.display.text import table
    from ganbench.sanity import page, suite
    from ganbench.sanity.checks import CHECKS

    if n < suite.LEAST_POINTS:
        raise UserError(f"--n {n}: some metrics need at least {suite.LEAST_POINTS} points per set")
    check_result(out, page.FILES, "examination")
    if not replace:
        page.refuse_to_replace(out, n, repeats)
    tables = suite.run(CHECKS, n, repeats, seed, jobs)
    settings = {"n": n, "repeats": repeats, "seed": seed, "versions": suite.versions()}
    verdicts = page.write(tables, settings, out)
    table(page.totals(verdicts), "passes of 30 cells", ["metric"])
    print(f"The examination is in {paths.shown(out)}/: {', '.join(page.FILES)}")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help=", ".join(KINDS), show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """List all baselines, datasets, metrics, extractors or boards.

    \b
    Examples:
      ganbench list baselines
      ganbench list metrics --json
    """
    from ganbench.cli import catalogue

    if kind is None:
        raise UserError(f"say what to list: {', '.join(KINDS)}")
    entries = getattr(catalogue, choose(kind, KINDS, "kind"))()
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        show(f"{entry['name']:<{width}}  {entry['about']}")


@app.command()
def cite(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="metrics, baselines and datasets; without names, ganbench itself"),
    ] = None,
) -> None:
    """Print BibTeX for ganbench, or for the papers behind metrics, baselines and datasets.

    \b
    Examples:
      ganbench cite
      ganbench cite fid kid wgan_gp mnist
    """
    from ganbench.cli import citations

    print(citations.cite(names or []))
