"""The command line of the experiments: `python -m experiments NAME`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import typer

from experiments import (
    assets,
    coverage,
    deviations,
    extractors,
    few_samples,
    lectures,
    lottery,
    mnist,
    mutants,
    pairs,
    precision,
    processors,
    rates,
    semi_supervised,
    spread,
    tune,
)
from ganbench.errors import UserError
from ganbench.scoring import intervals

WITH_PAGE = (
    coverage,
    deviations,
    few_samples,
    mnist,
    pairs,
    precision,
    processors,
    semi_supervised,
)  # their pages can be written again without a measurement
OTHERS = (assets, extractors, lectures, lottery, mutants, rates, spread, tune)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def root() -> None:
    """Make the pages of `results/` again that are no boards and no calibrations, or the files of a release or of the lectures.

    Run this in the checkout.
    """


@app.command()
def pages(folder: Path = Path("results")) -> None:
    """Write the pages, and the digest of the coverage that ganbench brings, from the tables, without a measurement."""
    for experiment in WITH_PAGE:
        out = folder / name_of(experiment)
        (out / "README.md").write_text(experiment.page(out), encoding="utf-8")
    intervals.FILE.write_text(coverage.digest(folder / name_of(coverage)), encoding="utf-8")


def name_of(experiment: ModuleType) -> str:
    """The name of an experiment: that of its module."""
    return experiment.__name__.rpartition(".")[2]


for module in (*WITH_PAGE, *OTHERS):
    app.command(name_of(module), help=module.__doc__, short_help=(module.__doc__ or "").partition("\n")[0])(module.main)

if __name__ == "__main__":
    try:
        app()
    except UserError as error:
        print(f"experiments: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
