"""Parts that the verbs share: the app, common options, checks of arguments, and how verbs print and write."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.errors import UserError, choose

if TYPE_CHECKING:
    from ganbench.features import Extractor

app = typer.Typer(
    invoke_without_command=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

Seed = Annotated[int, typer.Option(help="seed of all random choices", min=0)]
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
Layout = Annotated[str | None, typer.Option(help="nhwc or nchw, for arrays that can be read both ways")]
Precision = Annotated[str, typer.Option(help="precision of the network: fp32 or bf16; bf16 is about twice as fast")]


AUTO = "auto"


def help_unless_invoked(context: typer.Context) -> None:
    """Print the help of a group of commands if none of them is called."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def metrics_of(text: str | None) -> list[str] | None:
    """The metrics that `--metrics` names; None without the option. A wrong name raises a `UserError`."""
    from ganbench import metrics

    return None if text is None else [choose(name.strip(), metrics.names(), "metric") for name in text.split(",")]


def extractor_of(name: str, weights: str | None = None, precision: str = "fp32") -> Extractor:
    """The extractor that the options name, checked before any sample is read.

    Raises:
        UserError: no such extractor, precision or file of weights.
    """
    from ganbench import features

    extractor = features.Extractor(name, weights, choose(precision, features.PRECISIONS, "precision"))
    if name != AUTO:
        features.describe(extractor)
    if weights is not None and not Path(file := weights.partition("#")[0]).is_file():
        raise UserError(f"--weights {file}: no such file")
    return extractor


def require_weights(extractor: Extractor, *sources: str | None) -> None:
    """Read the published weights, and download them if they are not on this machine, before any image is decoded.

    Files of embeddings (.npz) carry their features. If all sets are such files, no weights are needed.

    Raises:
        Unreachable: the weights are not on this machine and cannot be downloaded.
        UserError: the file of weights has another hash.
    """
    from ganbench.features import _weights, fidelity, inception

    published = dict.fromkeys(inception.NAMES, inception.WEIGHTS)
    published |= {name: card.weights for name, card in fidelity.CARDS.items()}
    embedded = all(Path(source).suffix == ".npz" for source in sources if source is not None)
    if extractor.name in published and not embedded:
        _weights.read(published[extractor.name], extractor.weights)


def check_file(path: Path | None) -> None:
    """Refuse a file that cannot be written, before the work that fills it."""
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file")
    _check_parent(path)


def check_folder(path: Path | None) -> None:
    """Refuse a folder that cannot be written into, before the work that fills it."""
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; give the name of a folder")
    _check_parent(path)


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


def _check_parent(path: Path) -> None:
    """Look at the nearest folder above `path` that exists; the folders below it are made when they are needed."""
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(f"{path} cannot be written: {above} is a file")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written: no permission to write into {above}")


def say(message: str) -> None:
    """Print a message to stderr."""
    print(message, file=sys.stderr)


def relative(path: Path) -> Path:
    """A path below the current folder, relative to it; any other path unchanged."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def write(text: str, path: Path) -> None:
    """Write a text file and make the folders above it.

    Raises:
        OSError: with the name of the file, also if the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        error.filename = str(path)
        raise


def write_json(text: str, where: str) -> None:
    """Write JSON to a file, or to stdout for `-`."""
    if where == "-":
        print(text)
        return
    write(text + "\n", Path(where))
