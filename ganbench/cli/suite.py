"""Verbs of the benchmark: datasets, boards, the calibration of metrics, lists and citations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ganbench import paths
from ganbench.cli._common import Seed, app, check_result, help_unless_invoked, say, write
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
        write(version + "\n", version_file)
    say(f"{name}: {paths.shown(paths.data() / name)} has the version {version}")


@app.command()
def leaderboard(
    board: Annotated[str, typer.Argument(help="name of a board (see `ganbench list boards`)")] = "quick",
    wide: Annotated[
        bool, typer.Option("--wide", help="show all columns, even if the table is wider than the screen")
    ] = False,
) -> None:
    """Print a board that the pipeline has built, and write it as CSV, Parquet and Markdown.

    One table per dataset shows the columns that fit the terminal. The files have all columns.

    \b
    Examples:
      ganbench leaderboard quick
      ganbench leaderboard quick --wide
    """
    import pandas as pd

    from ganbench.boards import answers, grid
    from ganbench.boards.leaderboard import build, folder
    from ganbench.display.text import width, wrap
    from ganbench.scoring import result

    summary = build(board)
    scores = pd.read_csv(folder(board) / "scores.csv")
    results = {run: result.read(grid.scores_path(run, board)) for run in scores.run.unique()}
    print(answers.text(board, grid.board(board), summary, scores, results, width(), wide))
    files = "leaderboard.md, .csv, .parquet, scores.csv and samples-*.png"
    print(wrap(f"All columns: --wide, or {paths.shown(folder(board))}/: {files}", ""))


@app.command()
def publish(board: Annotated[str, typer.Argument(help="name of a board")]) -> None:
    """Copy a built board from runs/ to results/BOARD/: tables, pictures, and the scores and manifest of every run.

    \b
    Example:
      ganbench publish quick
    """
    from ganbench.boards import publishing

    say(f"published {board} to {paths.shown(publishing.publish(board))}/")


@app.command()
def calibrate(
    dataset: Annotated[str, typer.Argument(help="name of a dataset")],
    n: Annotated[
        int | None, typer.Option("--n", help="samples per set; by default as many as one class can fill", min=2)
    ] = None,
    repeats: Annotated[
        int, typer.Option(help="draws of every set; with fewer than 5 no promise is judged", min=2)
    ] = 20,
    seed: Seed = 0,
    seeds: Annotated[
        int, typer.Option(help="calibrations, each with a seed of its own; the page says how many pass", min=1)
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder of the tables and pictures; by default results/calibration/DATASET, in the current folder or checkout"
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

    \b
    Examples:
      ganbench calibrate ring
      ganbench calibrate ring --seeds 5
      ganbench calibrate digits --out runs/calibration/digits
    """
    from ganbench import data
    from ganbench.boards import calibration, calibration_page
    from ganbench.display.text import table

    dataset = data.resolve(dataset)
    out = out or paths.results() / "calibration" / dataset
    check_result(out, ("values.csv", "promises.csv"), "calibration")
    promises = calibration.run(dataset, n, repeats, range(seed, seed + seeds), out, replace)
    table(calibration_page.matrix(promises), f"calibration on {dataset}", ["metric"])
    for line in calibration_page.failures(promises):
        print(f"FAIL: {line}")
    if note := calibration_page.too_few(repeats):
        print(note)
    else:
        for line in calibration_page.undecided(promises):
            print(f"not judged: {line}")
    print(f"The calibration is in {paths.shown(out)}/: README.md, tables (.csv), matrix.png and levels.png")


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
        print(f"{entry['name']:<{width}}  {entry['about']}")


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
