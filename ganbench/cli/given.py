"""Verbs that give a condition to a trained GAN: translate, encode and gallery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.cli._common import (
    Layout,
    Range,
    Seed,
    Trust,
    app,
    check_files,
    check_result,
    check_sample_file,
    say,
)
from ganbench.errors import UserError, counted

if TYPE_CHECKING:
    from ganbench.samples import SampleSet

Images = Annotated[str, typer.Argument(help="images, in any form that `ganbench score` reads")]


@app.command()
def translate(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run, such as of pix2pix, cyclegan or srgan")],
    images: Annotated[
        str,
        typer.Argument(
            help="images to translate, in any form that `ganbench score` reads; of a dataset the conditions of a split"
        ),
    ],
    out: Annotated[Path, typer.Option(help="folder for PNGs with the names of the input, or a file of samples, .npz")],
    back: Annotated[bool, typer.Option("--back", help="translate samples to conditions (cyclegan, discogan)")] = False,
    seed: Seed = 0,
    range_: Range = None,
    layout: Layout = None,
    trust: Trust = False,
) -> None:
    """Translate images with a trained GAN whose condition is an image.

    \b
    Examples:
      ganbench translate runs/pix2pix edges/ --out pictures/
      ganbench translate runs/srgan fashion-mnist+lowres --out large.npz
      ganbench score pictures/ --reference truth/ --pairs
    """
    from ganbench.training import inference

    _check_images(out, images)
    trained = inference.load(folder, trust)
    inference.translator(trained, back)
    given = _open(images, range_, layout, trust, conditions=not back)
    made = inference.translate(trained, given, seed, back)
    inference.write_images(out, made, given, inference.facts(trained, given, seed))
    say(f"{out}: {counted(len(made), 'image')}")


@app.command()
def encode(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run with an encoder, such as of bigan or icgan")],
    samples: Annotated[str, typer.Argument(help="samples, in any form that `ganbench score` reads")],
    out: Annotated[Path, typer.Option(help="file for the codes z, and the classes y of a conditional GAN, .npz")],
    reconstruct: Annotated[
        Path | None,
        typer.Option(help="also write what the generator makes of the codes: a folder or .npz, as for translate"),
    ] = None,
    seed: Seed = 0,
    range_: Range = None,
    layout: Layout = None,
    trust: Trust = False,
) -> None:
    """Write the codes of samples, for a GAN that has an encoder.

    \b
    Examples:
      ganbench encode runs/bigan digits:test --out codes.npz
      ganbench encode runs/icgan faces/ --out codes.npz --reconstruct again/
    """
    from ganbench.training import inference

    check_sample_file(out, samples)
    if reconstruct is not None:
        _check_images(reconstruct, samples, out)
    trained = inference.load(folder, trust)
    given = _open(samples, range_, layout, trust)
    codes = inference.encode(trained, given, seed)
    if reconstruct is not None and reconstruct.suffix != ".npz" and codes.x.ndim != 4:
        raise UserError(f"--reconstruct {reconstruct}: these samples are no images; write them as .npz")
    about = inference.facts(trained, given, seed)
    inference.write_codes(out, codes, about)
    say(f"{out}: z {list(codes.z.shape)}" + ("" if codes.y is None else f", y {list(codes.y.shape)}"))
    if reconstruct is not None:
        inference.write_images(reconstruct, codes.x, given, about)
        say(f"{reconstruct}: {counted(len(codes.x), 'sample')}")


@app.command()
def gallery(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="file for the picture, .png")],
    rows: Annotated[int, typer.Option(help="rows: conditions, or inputs of a walk", min=1, max=100)] = 6,
    columns: Annotated[
        int, typer.Option(help="pictures of a caption or a class, or steps of a walk", min=2, max=50)
    ] = 8,
    captions: Annotated[
        list[str] | None,
        typer.Option("--caption", help="a caption, instead of held-out ones; may be given several times"),
    ] = None,
    walk: Annotated[bool, typer.Option("--walk", help="walk from caption to caption, in a row per input")] = False,
    images: Annotated[
        str | None, typer.Option(help="images to translate or to encode, instead of held-out ones")
    ] = None,
    seed: Seed = 0,
    range_: Range = None,
    layout: Layout = None,
    trust: Trust = False,
) -> None:
    """Paint what a GAN with a condition makes: input, output and truth; captions; edits of an encoder; classes.

    \b
    Examples:
      ganbench gallery runs/pix2pix --out pairs.png
      ganbench gallery runs/gan_cls --caption "a red circle" --caption "a blue star" --out said.png
      ganbench gallery runs/gan_cls --caption "a red circle" --caption "a blue star" --walk --out walk.png
      ganbench gallery runs/icgan --images faces/ --out edits.png
    """
    check_files(out, suffixes=[".png"], inputs=(images,))
    from ganbench.display import pictures
    from ganbench.training import gallery as galleries
    from ganbench.training import inference

    trained = inference.load(folder, trust)
    given = None if images is None else _open(images, range_, layout, trust, conditions=True)
    wish = galleries.Wish(rows, columns, seed, tuple(captions or ()), walk, given)
    made = galleries.build(trained, wish)
    pictures.gallery(made.lines, made.heads, out)


def _check_images(out: Path, *inputs: str | Path) -> None:
    """Refuse a place that images cannot be written to, before any work."""
    from ganbench.training.inference import SIGN

    if out.suffix == ".npz":
        check_sample_file(out, *inputs)
        check_files(out, *(Path(given) for given in inputs if str(given) == str(out)))
    elif any(out.resolve() == Path(given).resolve() for given in inputs):
        raise UserError(f"--out {out} is an input of this command; give another name")
    else:
        check_result(out, (SIGN,), "images that ganbench wrote")


def _open(images: str, range_: str | None, layout: str | None, trust: bool, conditions: bool = False) -> SampleSet:
    """The given images, with their pre-flight report on stderr. Of a dataset's split, its conditions if they are wanted."""
    from ganbench.samples import declared, preflight
    from ganbench.scoring import sources
    from ganbench.training import inference

    split = sources.dataset_split(images)
    if split is not None and conditions:
        name, part = split
        stored = inference.conditions_of(name, part or "test", f"{name}:{part or 'test'}")
        if stored is not None:
            return stored
    opened = sources.open_set(images, "test", declared(range_, layout, trust))
    for line in preflight.lines(opened.manifest):
        say(line)
    return opened
