"""Verbs of third-party rows: pack a row for a published board, and judge the rows that were submitted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli._common import Layout, Range, app, check_files, say, show
from ganbench.errors import UserError, counted


@app.command()
def submit(
    samples: Annotated[
        list[str], typer.Argument(metavar="SAMPLES...", help="a sample set per training seed, at least three")
    ],
    board: Annotated[str, typer.Option(help="a published board: its name, or its folder")],
    row: Annotated[str, typer.Option(help="name of the row")],
    model: Annotated[str, typer.Option(help="what made the samples, in one line")],
    seeds: Annotated[
        str, typer.Option(help="the training seed of each sample set, separated by commas", metavar="SEED,SEED")
    ],
    dataset: Annotated[str | None, typer.Option(help="a dataset of the board; needed if it has several")] = None,
    source: Annotated[str | None, typer.Option(help="address of a paper or of code", metavar="URL")] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="where the file of a sample set lies, once per set; by default the samples go into the submission",
        ),
    ] = None,
    range_: Range = None,
    layout: Layout = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for ROW-DATASET.zip; by default results/BOARD/submissions")
    ] = None,
) -> None:
    """Score sample sets under the protocol of a published board, and pack them as a third-party row.

    The first set is scored for the board's first seed, and so on. A set has exactly as many samples as the board's sets.
    The submission needs no name and no address of a person.

    \b
    Examples:
      ganbench submit a.npz b.npz c.npz --board quick --dataset digits --row my-gan --model "My GAN, width 64" --seeds 0,1,2
      ganbench submit *.npz --board tricks --dataset ring --row my-gan --model "My GAN" --seeds 5,6,7 --at URL --at URL --at URL
    """
    from ganbench import __version__
    from ganbench.boards import leaderboard, protocol, referee, submissions
    from ganbench.boards.published import read
    from ganbench.display.text import fitted, width
    from ganbench.samples import declared
    from ganbench.scoring import sources

    published = read(board)
    datasets = list(published.board.datasets)
    if dataset is None and len(datasets) > 1:
        raise UserError(
            f"board {published.title} has several datasets; choose one with --dataset: {', '.join(datasets)}"
        )
    dataset = dataset or datasets[0]
    if len(samples) > len(published.board.seeds):
        raise UserError(
            f"{len(samples)} sample sets, but board {published.title} has {len(published.board.seeds)} seeds"
        )
    trained = dict(zip(published.board.seeds, _numbers(seeds, len(samples)), strict=False))
    referee.check_seeds(trained, len(samples), published)
    if at and len(at) != len(samples):
        raise UserError(f"--at is given {counted(len(at), 'time')} for {counted(len(samples), 'sample set')}")
    if at and not all(Path(path).is_file() for path in samples):
        raise UserError("--at: each sample set must be a file, because its SHA-256 is recorded")
    about = {
        "board": published.title,
        "dataset": dataset,
        "data": published.data.get(dataset, ""),
        "row": row,
        "model": model,
        "source": source,
        "ganbench": __version__,
    }
    named = submissions.validated(submissions.About, about, "the row")
    referee.check_identity(named, published)
    path = (out or published.folder / submissions.FOLDER) / named.file_name
    check_files(path, inputs=samples)
    form = declared(range_, layout)
    rules = protocol.Protocol.of(published, dataset)
    given = {}
    for seed, sample in zip(published.board.seeds, samples, strict=False):
        opened = sources.open_set(sample, "test", form)
        referee.check_size(opened, rules)
        given[seed] = submissions.bare(opened, f"{row}-s{seed}")  # without the path, which may name a person
    scored = {seed: rules.score(opened, seed) for seed, opened in given.items()}
    sets = [
        {
            "seed": seed,
            "trained_with": trained[seed],
            "url": at[i] if at else None,
            "file": submissions.file_hash(Path(samples[i])) if at else None,
            "scores": rules.own(result),
        }
        for i, (seed, result) in enumerate(scored.items())
    ]
    submission = submissions.validated(submissions.Submission, about | {"sets": sets}, "the row")
    referee.check_claims(submission, rules, published.scores())
    for seed, opened in given.items():
        referee.check_origin(opened.x, dataset, f"the samples of seed {seed}")
    referee.check_copies(scored, dataset)
    size = submissions.pack(submission, {} if at else given, path)
    cells = leaderboard.summarise(referee.rows(submission, rules.track)).to_dict("records")
    shown = [
        {"column": str(cell["metric"]), "seeds": leaderboard.seeds_text(cell), "mean": leaderboard.cell_text(cell)}
        for cell in cells
        if not math.isnan(cell["mean"])
    ]
    show("\n".join(fitted(shown, ("column", "seeds", "mean"), width())))
    where = "with the address of the samples" if at else "with the samples"
    say(f"the submission is {path} ({size:,} bytes, {where}); `ganbench referee {board}` judges it")


def _numbers(text: str, expected: int) -> list[int]:
    """The numbers that an option gives, as many as expected."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != expected or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise UserError(f"--seeds {text}: give {expected} whole numbers with commas between them, one per sample set")
    return [int(part) for part in parts]


@app.command()
def referee(
    boards: Annotated[
        list[str] | None,
        typer.Argument(metavar="BOARD|FOLDER...", help="published boards; by default all", show_default=False),
    ] = None,
    fetched: Annotated[
        Path | None,
        typer.Option(
            "--samples", help="folder of the files that submissions name by address; their SHA-256 finds them"
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="write the rows on the boards' pages; without it, a stale page is an error")
    ] = False,
) -> None:
    """Judge the third-party rows of published boards. Each row is re-scored if its samples are at hand.

    The referee refuses copies of the training set, unlike protocols, old versions of metrics, and forged or implausible
    scores. If it refuses a row, or a page does not show what it says, the exit code is 2.

    \b
    Examples:
      ganbench referee
      ganbench referee results/quick --write
      ganbench referee quick --samples downloads/
    """
    from ganbench.boards import referee as judging
    from ganbench.boards import submissions
    from ganbench.boards.published import names, read, rehash

    at_hand = submissions.by_hash(fetched)
    fine, total = True, 0
    for name in boards or names():
        published = read(name)
        judged = judging.judge(published, at_hand)
        total += len(judged)
        for verdict in judged:
            (say if verdict.mark == "refused" else show)(f"{published.title}: {verdict.line}")
        if write:
            rehash(published.folder, judging.write(published, judged))
        elif old := judging.stale(published, judged):
            say(
                f"ganbench: {published.folder}: {', '.join(old)} must be written again: `ganbench referee {name} --write`"
            )
            fine = False
        fine &= not any(verdict.mark == "refused" for verdict in judged)
    show(f"{counted(total, 'submission')} judged")
    if not fine:
        raise typer.Exit(2)
