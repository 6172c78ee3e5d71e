"""Verbs for the boards and the data of users: check a board, plan it, add data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli._common import Json, Layout, Range, app, check_files, json_file, say, write_json
from ganbench.cli.run import Boards, Rows, checked, dry, split
from ganbench.cli.suite import data_app


@app.command()
def check(
    board: Annotated[str, typer.Argument(metavar="BOARD|FILE", help="name of a board, or a YAML file of your own")],
) -> None:
    """Find all problems of a board before anything trains. Each problem is one line, and the exit code is then 2.

    \b
    Examples:
      ganbench check quick
      ganbench check my.yaml
    """
    from ganbench.boards import grid

    problems = grid.problems(board)
    for problem in problems:
        say(f"ganbench: {problem}")
    if problems:
        raise typer.Exit(2)
    runs = grid.runs(board)
    trained = sum(run.kind == "baseline" for run in runs)
    print(
        f"{grid.title(board)}: nothing is wrong; {trained:,} runs to train, {len(runs) - trained:,} controls and references"
    )


@app.command()
def plan(boards: Boards = None, rows: Rows = None, as_json: Json = None) -> None:
    """Say what `ganbench run` would do: the state of each row with each seed, the reasons, and the expected seconds.

    Nothing is run or written. The seconds come from earlier runs in runs/ and results/.

    \b
    Examples:
      ganbench plan quick
      ganbench plan quick modes --rows gan,wgan
      ganbench plan my.yaml --json plan.json
    """
    from ganbench.boards import costs, grid
    from ganbench.boards import plan as plans

    check_files(json_file(as_json))
    earlier = costs.records()
    made = {}
    names, further = split(boards)
    for board in checked(names, rows):
        shown = dry(board, rows, ["--cores", "1", *further])
        jobs = [
            plans.Job(job["rule"], run, job["reason"])
            for job in shown.started.values()
            if (run := job["wildcards"].get("run"))
        ]
        selected = grid.select(grid.runs(board), rows)
        made[grid.title(board)] = (plans.cells(selected, jobs, earlier), shown.planned)
    if as_json != "-":
        print("\n\n".join(plans.text(title, *content) for title, content in made.items()))
    if as_json is not None:
        write_json(plans.to_json(made), as_json)


@data_app.command("add")
def data_add(
    path: Annotated[
        Path, typer.Argument(help="anything that `ganbench score` reads, or a folder that holds train and test")
    ],
    range_: Range = None,
    layout: Layout = None,
) -> None:
    """Make a dataset of your own data, and print its name. Every command and board takes this name.

    The hash of each sample decides whether it is held out, unless the folder holds train and test. The name ends with
    a hash of the content.

    \b
    Examples:
      ganbench data add photos/
      ganbench data add floats.npz --range=-1,1
    """
    from ganbench import data
    from ganbench.samples import declared

    name = data.add(path, declared(range_, layout))
    facts = data.facts(name)
    say(f"{data.about(name)}; {facts.train:,} to train with, {facts.test:,} held out, {facts.classes} classes")
    print(name)


@data_app.command("import")
def data_import(
    layout: Annotated[str, typer.Argument(metavar="NAME", help="for instance cifar10; a wrong name lists all names")],
    folder: Annotated[Path, typer.Argument(help="the unpacked download")],
) -> None:
    """Make a dataset of a paper's data that you have downloaded and unpacked, and print its name.

    \b
    Examples:
      ganbench data import cifar10 cifar-10-batches-py/
      ganbench data import facades facades/
    """
    from ganbench import data
    from ganbench.data import layouts

    name = layouts.add(layout, folder)
    facts = data.facts(name)
    say(f"{data.about(name)}; {facts.train:,} to train with, {facts.test:,} held out, {facts.classes} classes")
    print(name)
