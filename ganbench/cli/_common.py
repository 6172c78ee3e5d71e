"""What the verbs share: the app that they join, options that several of them take, and how they speak and write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    invoke_without_command=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

Seed = Annotated[int, typer.Option(help="seed of everything random", min=0)]
Label = Annotated[
    int | None, typer.Option("--class", help="of a conditional GAN: make this class only", metavar="LABEL")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="write the result as JSON to FILE, or - for stdout")
]
Features = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="extractor (see `ganbench list extractors`), or a file of your own: .py, TorchScript .pt, .onnx; auto picks",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="the extractor's weights; FILE#sha256=HEX for others than the published ones"),
]
Range = Annotated[str | None, typer.Option("--range", help="black and white of images in floats: 0,1 or -1,1 or 0,255")]
Layout = Annotated[str | None, typer.Option(help="nhwc or nchw, for arrays that could be either")]
Precision = Annotated[str, typer.Option(help="of the extractor's network: fp32, or bf16, about twice as fast")]


def help_unless_invoked(context: typer.Context) -> None:
    """A command that is the name of others shows them when it stands alone."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def say(message: str) -> None:
    print(message, file=sys.stderr)


def relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def write(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_json(text: str, where: str) -> None:
    if where == "-":
        print(text)
        return
    write(text + "\n", Path(where))
