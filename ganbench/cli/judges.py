"""Verbs of human evaluation: a page on which people judge pictures, and the score of their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ganbench import files
from ganbench.cli._common import (
    Json,
    Layout,
    Range,
    Seed,
    Trust,
    app,
    check_files,
    json_file,
    say,
    show,
    write_json,
)
from ganbench.errors import UserError, choose


@app.command()
def judge(
    a: Annotated[str, typer.Argument(metavar="A", help="generated images, in any form that `ganbench score` reads")],
    b: Annotated[str, typer.Argument(metavar="B", help="real images; for --task better, images of another generator")],
    out: Annotated[Path, typer.Option(help="file for the page, .html")],
    task: Annotated[
        str,
        typer.Option(help="real: real or generated? pair: which of two is real? better: which of two is better?"),
    ] = "real",
    n: Annotated[int, typer.Option("--n", help="pictures of each set, or pairs", min=2, max=10_000)] = 50,
    exposure: Annotated[
        str,
        typer.Option(
            help="milliseconds that a picture is shown; staircase adapts them to each person; none: until the answer",
            metavar="MS|staircase|none",
        ),
    ] = "none",
    seed: Seed = 0,
    range_: Range = None,
    layout: Layout = None,
    trust: Trust = False,
) -> None:
    """Write a page on which people judge pictures by keyboard or by touch.

    The page is one file. It needs no server and asks no other host. A person opens it, answers, and saves a file of
    answers. `ganbench judged` scores these files.

    \b
    Examples:
      ganbench judge samples/ mnist --out page.html
      ganbench judge samples.npz mnist --exposure staircase --out page.html
      ganbench judge mine/ theirs/ --task better --n 40 --out page.html
    """
    from ganbench.samples import declared, preflight
    from ganbench.scoring import judging, sources

    choose(task, judging.TASKS, "task")
    time = judging.exposure_of(exposure)
    check_files(out, suffixes=[".html"], inputs=(a, b))
    form = declared(range_, layout, trust)
    sets = [sources.open_set(source, "test", form) for source in (a, b)]
    for line in preflight.lines(*(opened.manifest for opened in sets)):
        say(line)
    text = judging.page(*sets, task=task, n=n, exposure=time, seed=seed)
    files.write(out, text)
    say(f"{out}: {len(judging.read(out)[1].trials)} questions, {len(text) / 1e6:.1f} MB; open it in a browser")


@app.command()
def judged(
    page: Annotated[Path, typer.Argument(help="what `ganbench judge` wrote")],
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS.json...", help="what the page saved, one per person")
    ],
    scores: Annotated[
        Path | None,
        typer.Option(
            help="what `ganbench score --json` wrote for the same samples; --json then has both", metavar="FILE"
        ),
    ] = None,
    json_out: Json = None,
) -> None:
    """Score the answers that people gave on a page of `ganbench judge`.

    \b
    Examples:
      ganbench judged page.html answers-*.json
      ganbench judged page.html answers-*.json --scores scores.json --json with-people.json
    """
    from ganbench.display.text import width
    from ganbench.scoring import judgements, result

    if scores is not None and json_out is None:
        raise UserError("--scores has no effect without --json: name the file that has both")
    check_files(json_file(json_out), inputs=(page, scores, *answers))
    measured = judgements.score(page, answers)
    both = None if scores is None else judgements.beside(result.read(scores), measured)
    if json_out != "-":
        show(judgements.text(measured, width()))
    if json_out is not None:
        write_json(json.dumps(measured, indent=1, allow_nan=False) if both is None else both.to_json(), json_out)
