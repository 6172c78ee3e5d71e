"""Parts that the verbs share: the app, common options, checks of arguments, and how verbs print and write."""

from __future__ import annotations

import functools
import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ganbench import files
from ganbench.errors import UserError, choose, readable

if TYPE_CHECKING:
    from ganbench.features import Extractor

ORDER = (
    *("score", "list", "train", "sample", "compare", "watch", "run", "plan", "leaderboard", "data"),
    *("overview", "interpolate", "arithmetic", "translate", "encode", "gallery", "judge", "judged"),
    *("spread", "embed", "cite", "check", "calibrate", "control", "curve"),
    *("publish", "film", "site", "verify", "submit", "referee", "schema", "weights", "cache"),
)


class InOrder(TyperGroup):
    """The commands in the order in which a user needs them. Commands that `ORDER` does not name are the last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands, in order."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    cls=InOrder,
    invoke_without_command=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

MOST = 10**12  # samples of a set, or the number of a sample
Seed = Annotated[int, typer.Option(help="seed of all random choices", min=0, max=2**63 - 1)]
Label = Annotated[int | None, typer.Option("--class", help="make this class only (conditional GANs)", metavar="LABEL")]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="write the result as JSON to FILE; - prints only the JSON"),
]
Features = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="extractor (see `ganbench list extractors`), your own file (.py, TorchScript .pt, .onnx), or auto",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="weights of the extractor; write FILE#sha256=HEX if they are not the published ones"
    ),
]
Range = Annotated[
    str | None, typer.Option("--range", help="the values of black and white in float images: 0,1 or -1,1 or 0,255")
]
ReferenceRange = Annotated[
    str | None, typer.Option("--reference-range", help="the same for the reference, if it has another range")
]
TrainRange = Annotated[
    str | None, typer.Option("--train-range", help="the same for the training data, if they have another range")
]
Layout = Annotated[str | None, typer.Option(help="nhwc or nchw, for arrays that can be read both ways; ntc: waves")]
Precision = Annotated[str, typer.Option(help="precision of the network: fp32 or bf16; bf16 is about twice as fast")]


Device = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="torch device of the network: auto (a GPU if there is a GPU), cpu, cuda, cuda:1, mps"
    ),
]


Trust = Annotated[
    bool,
    typer.Option("--trust", help="run the code of a GAN that neither ganbench nor a plug-in brings, if a run needs it"),
]


def in_team(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb that the processes of `torchrun` run together: the first process does it, the others embed images for it."""

    @functools.wraps(verb)
    def shared(*arguments: Any, **options: Any) -> None:
        if "TORCHELASTIC_RUN_ID" not in os.environ:  # torch is not imported without torchrun
            verb(*arguments, **options)
            return
        from ganbench.scoring import devices
        from ganbench.training import team

        asked = options["device"]
        with devices.together(asked) as leads:
            if leads:
                own = team.device(None if asked == devices.AUTO else asked)
                verb(*arguments, **options | {"device": asked if own is None else own})

    return shared


def help_unless_invoked(context: typer.Context) -> None:
    """Print the help of a group of commands if none of them is called."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def metrics_of(text: str | None) -> list[str] | None:
    """The metrics that `--metrics` names; None without the option. A wrong name raises a `UserError`."""
    from ganbench import metrics

    names = names_of(text)
    return None if names is None else [choose(name, metrics.names(), "metric") for name in names]


def names_of(text: str | None) -> list[str] | None:
    """The names in a text, which commas separate; None without the option."""
    return None if text is None else [name.strip() for name in text.split(",")]


def extractor_of(name: str, weights: str | None = None, precision: str = "fp32") -> Extractor:
    """The extractor that the options name, checked before any sample is read.

    Raises:
        UserError: no such extractor, precision or file of weights.
    """
    from ganbench import features

    extractor = features.Extractor(name, weights, precision)
    features.require(extractor)
    return extractor


def check_files(*files: Path | None, suffixes: Iterable[str] = (), inputs: Iterable[str | Path | None] = ()) -> None:
    """Refuse files that cannot be written, before the work that fills them. Each file is opened, then all is as before.

    Args:
        files: the files that a command writes; None for an option that was not given.
        suffixes: the endings that these files may have; by default any.
        inputs: what the command reads: no file may be one of these, or the manifest (.json) beside one of these.

    Raises:
        UserError: a file has another suffix, is `-` or a folder, is written twice or read, or cannot be opened.
    """
    given = [path for path in files if path is not None]
    read = [Path(source) for source in inputs if source is not None]
    taken = {os.path.realpath(path): "an input of this command" for path in read}
    taken |= {
        os.path.realpath(path.with_suffix(".json")): f"the place of the manifest of {path}"
        for path in read
        if path.suffix == ".npz"
    }
    allowed = list(suffixes)
    for path in given:
        if allowed and path.suffix not in allowed:
            raise UserError(f"{path}: the name of this file must end with {' or '.join(allowed)}")
        if str(path) == "-":
            raise UserError("-: this output cannot go to the terminal; give the name of a file")
        if path.is_dir():
            raise UserError(f"{path} is a folder; give the name of a file")
        if (place := os.path.realpath(path)) in taken:
            raise UserError(f"{path} is {taken[place]}; give another name")
        taken[place] = "the place of another output"
        with _restored(path, path.parent):
            if path.is_file():
                path.open("ab").close()
                TemporaryFile(dir=Path(place).parent).close()  # the content goes into a new file first
            elif not os.path.lexists(path):  # a device or a pipe is not opened: a pipe would wait for its reader
                path.touch(exist_ok=False)
                path.unlink()


def check_sample_file(out: Path, *inputs: str | Path) -> None:
    """Refuse a file of samples, .npz, that cannot be written with its manifest: see `check_files`."""
    check_files(out, suffixes=[".npz"], inputs=inputs)
    check_files(out.with_suffix(".json"))


def check_folder(path: Path | None) -> None:
    """Refuse a folder that cannot be written into, before the work that fills it.

    Raises:
        UserError: it is a file, or no file can be made in it.
    """
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; give the name of a folder")
    with _restored(path, path):
        TemporaryFile(dir=path).close()


def check_result(path: Path | None, signs: Collection[str], kind: str) -> None:
    """Refuse a folder whose files a command did not make, before the work that would put its own files among them.

    Args:
        path: the folder that the command fills; None for no folder.
        signs: names of files. Each of them shows that the same command has filled the folder before.
        kind: what such a folder holds, for the message.

    Raises:
        UserError: the folder holds other files, or it cannot be written into. Hidden files do not count.
    """
    check_folder(path)
    if path is None or not path.is_dir():
        return
    names = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if names and not any((path / sign).is_file() for sign in signs):
        raise UserError(
            f"--out {path}: this folder holds other files ('{names[0]}') and no {kind}; choose a new or an empty folder"
        )


@contextmanager
def _restored(path: Path, folder: Path) -> Iterator[None]:
    """Make `folder` and the folders above it for a test, and remove those that were not there before.

    Raises:
        UserError: `path` cannot be written; the message has the system's reason.
    """
    absent = [above for above in (folder, *folder.parents) if not above.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except FileExistsError as error:
        raise UserError(f"{path} cannot be written: {error.filename} is a file") from None
    except NotADirectoryError:
        file = next(above for above in folder.parents if above.is_file())
        raise UserError(f"{path} cannot be written: {file} is a file") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror} ({folder})") from None
    finally:
        for made in absent:
            with suppress(OSError):  # it was not made, or another process has put a file into it
                made.rmdir()


ARGUMENTS = ("device", "features", "layout", "precision", "protocol", "range", "reference", "train", "trust", "weights")
ARGUMENT = re.compile(rf"`({'|'.join(ARGUMENTS)})=(?:'(.*?)')?`")


def as_options(message: str) -> str:
    """A message in which the arguments of Python are options of the command line.

    >>> as_options("pass `train=`, or `range='-1,1'`, or `features='pixels'`")
    'pass --train, or --range=-1,1, or --features pixels'
    """

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        if value is None:
            return f"--{name}"
        return f"--{name}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"

    return ARGUMENT.sub(option, message)


def say(message: str) -> None:
    """Print a message to stderr. Arguments of Python are printed as options."""
    print(readable(as_options(message)), file=sys.stderr)


def show(text: str) -> None:
    """Print a result to stdout. Control characters, which foreign names may have, are printed as escapes."""
    print(readable(as_options(text)))


def json_file(where: str | None) -> Path | None:
    """The file that an option such as `--json` names; None for stdout and without the option."""
    return None if where in (None, "-") else Path(where)


def write_text(text: str, where: str) -> None:
    """Write lines to a file, or to stdout for `-`."""
    if where == "-":
        print(text, end="")
        return
    files.write(Path(where), text)


def write_json(text: str, where: str) -> None:
    """Write JSON to a file, or to stdout for `-`."""
    write_text(text + "\n", where)
