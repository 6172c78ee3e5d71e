"""The command line of the experiments: `python -m experiments NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from experiments import coverage, extractors, mnist, mutants, precision, semi_supervised, spread, tune
from ganbench.errors import UserError

EXPERIMENTS = {"coverage": coverage, "mnist": mnist, "precision": precision, "semi_supervised": semi_supervised}

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def root() -> None:
    """Make the pages of `results/` again that are no boards and no calibrations. Run this in the checkout."""


@app.command()
def pages(folder: Path = Path("results")) -> None:
    """Write the pages again from the tables beside them, without a measurement."""
    for name, experiment in EXPERIMENTS.items():
        (folder / name / "README.md").write_text(experiment.page(folder / name), encoding="utf-8")


for name, experiment in {
    **EXPERIMENTS,
    "extractors": extractors,
    "mutants": mutants,
    "spread": spread,
    "tune": tune,
}.items():
    app.command(name, help=experiment.__doc__, short_help=(experiment.__doc__ or "").partition("\n")[0])(
        experiment.main
    )

if __name__ == "__main__":
    try:
        app()
    except UserError as error:
        print(f"experiments: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
