"""The command line: one verb per stage of the pipeline. Results go to stdout, progress and messages to stderr.

Exit codes: 0 done, 2 the input is wrong, 3 data or weights are out of reach, 1 a fault of ours. Every verb imports what it
needs when it runs, so that `--help`, `list` and scoring an embedding never wait for torch.
"""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, NoReturn

import typer

from ganbench._version import __version__
from ganbench.cli import gans, scores, suite  # noqa: F401 - the verbs join the app
from ganbench.cli._common import app, help_unless_invoked, say
from ganbench.errors import UserError

__all__ = ["app", "main"]


def _print_version(asked: bool) -> None:
    if asked:
        print(f"ganbench {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train GANs, score them, and say how far each number can be trusted.

    \b
    Examples:
      ganbench score samples/ --reference mnist
      ganbench train baselines/dcgan.py --dataset mnist --images 300000 --out runs/my-dcgan
      ganbench list baselines
    """
    context.call_on_close(sys.stdout.flush)  # here a closed pipe (`| head`) is caught, and not when Python ends
    help_unless_invoked(context)


def main() -> NoReturn:
    """Run the command line; what the user did wrong is one line and an exit code, never a traceback."""
    warnings.filterwarnings("ignore", "Image size .* exceeds limit")  # PIL's, of images that the readers refuse
    try:
        sys.exit(app(standalone_mode=False))
    except UserError as error:
        say(f"ganbench: {error}")
        sys.exit(error.exit_code)
    except typer.Exit as exit_:
        sys.exit(exit_.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        say("ganbench: interrupted; the same command again resumes")
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer vendors click and does not export its exceptions
            raise
        say(f"ganbench: {error.format_message()} (see --help)")
        sys.exit(2)
