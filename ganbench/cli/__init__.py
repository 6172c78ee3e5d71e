"""The command line: one verb per stage of the pipeline. Results go to stdout, progress and messages to stderr.

Exit codes: 0 means done. 2 means that the input is wrong, that a file cannot be read or written, or that the memory is
too small. 3 means that data or weights cannot be reached. 130 means Ctrl-C, and 143 another signal that ends a program. 1
means a bug of ganbench. Every verb imports its modules when it runs, so that `--help`,
`list` and scoring an embedding do not load torch.
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Annotated, NoReturn

import typer

from ganbench._version import __version__
from ganbench.cli import boards, gans, given, judges, run, scores, site, submissions, suite, watch, weights  # noqa: F401 - verbs
from ganbench.cli._common import app, help_unless_invoked, say
from ganbench.errors import ENCODABLE, Interrupted, UserError, in_words, is_out_of_memory, plain
from ganbench.training import signals

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
      ganbench train dcgan --dataset mnist --images 300000 --out runs/my-dcgan
      ganbench list baselines
    """
    if sys.stdout is not None:  # it is None where the caller has closed it
        context.call_on_close(sys.stdout.flush)  # a closed pipe (`| head`) is met now, not when Python ends
    help_unless_invoked(context)


def reason(error: OSError) -> str:
    """Which file could not be read or written, and why, in one line.

    >>> reason(PermissionError(13, "Permission denied", "scores.json"))
    'scores.json: Permission denied'
    """
    if error.strerror is None:
        return str(error) or type(error).__name__
    files = [str(file) for file in (error.filename, error.filename2) if file is not None]
    return ": ".join([*([" -> ".join(files)] if files else []), error.strerror])


def _commands(error: Exception) -> str:
    """The names of all commands, if the user gave no such command and no name is near; else empty."""
    group = getattr(getattr(error, "ctx", None), "command", None)
    message = str(getattr(error, "message", ""))
    names = getattr(group, "commands", {})
    if not names or not message.startswith("No such command") or "Did you mean" in message:
        return ""
    return f" The commands are {', '.join(sorted(names))}."


def main() -> NoReturn:
    """Run the command line. A mistake of the user gives one line and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal or a pipe of any encoding
            stream.reconfigure(errors=ENCODABLE)
    warnings.filterwarnings("ignore", "Image size .* exceeds limit")  # PIL warns of images that the readers refuse
    try:
        with signals.handled(signals.interrupt):
            code = app(standalone_mode=False)
        if code == 130:  # typer's, where code that ganbench calls has raised a KeyboardInterrupt
            say("ganbench: interrupted")
        sys.exit(code)
    except UserError as error:
        say(f"ganbench: {error}")
        sys.exit(error.exit_code)
    except typer.Exit as exit_:
        sys.exit(exit_.exit_code)
    except Interrupted as stop:
        say(f"ganbench: {stop}")
        sys.exit(stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        say("ganbench: interrupted")
        sys.exit(130)
    except OSError as error:
        say(f"ganbench: {plain(reason(error))}")
        sys.exit(2)
    except Exception as error:
        if is_out_of_memory(error):
            say(f"ganbench: the memory is too small: {plain(in_words(error))}")
            sys.exit(2)
        if not hasattr(error, "format_message"):  # typer vendors click and does not export its exceptions
            raise
        say(f"ganbench: {plain(error.format_message())}{_commands(error)} (see --help)")
        sys.exit(2)
