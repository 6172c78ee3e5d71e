"""Verbs for a single GAN: train it, sample it, walk through its inputs, look at its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli._common import (
    MOST,
    Label,
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
from ganbench.errors import UserError


@app.command()
def train(
    baseline: Annotated[
        str, typer.Argument(help="name of a baseline (see `ganbench list baselines`), or the file of your own GAN")
    ],
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH", help="name of a dataset, or your own data in any form that `ganbench score` reads"
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="folder of the run; by default runs/BASELINE-DATASET-sSEED in the current folder"),
    ] = None,
    images: Annotated[int, typer.Option(help="budget, in real images seen", min=1)] = 300_000,
    seed: Seed = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting of the GAN")
    ] = None,
    device: Annotated[str | None, typer.Option(help="torch device; by default CUDA if there is a CUDA device")] = None,
    minutes: Annotated[
        float, typer.Option("--checkpoint-minutes", help="minutes between two checkpoints, at most", min=0.0)
    ] = 5.0,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="end at once if another process trains this run; by default wait for it")
    ] = False,
    moments: Annotated[
        int, typer.Option(help="keep samples at this many moments, for `ganbench watch`", min=0, max=1000)
    ] = 0,
) -> None:
    """Train a GAN. The same command resumes an interrupted run. With a larger --images it continues a finished run.

    Ctrl-C and SIGTERM write a checkpoint first. `torchrun --nproc-per-node N -m ganbench train ...` trains with N processes.

    \b
    Examples:
      ganbench train dcgan --dataset mnist
      ganbench train gan --dataset ring --moments 10
      ganbench train my_gan.py --dataset ring --set lr_g=1e-4 --set 'betas=[0, 0.9]' --out runs/mine
    """
    from ganbench import config, data
    from ganbench.baseline import refusal, resolve
    from ganbench.training.run import MOST_IMAGES, SIGNS

    if images > MOST_IMAGES:
        raise UserError(f"--images: a run can see at most {MOST_IMAGES:,} images")
    path = resolve(baseline)
    overrides = config.settings(settings or [])
    check_result(out, SIGNS, "run")
    dataset = data.resolve(dataset)
    out = out or Path("runs") / f"{path.stem}-{dataset}-s{seed}"
    check_result(out, SIGNS, "run")
    from ganbench.gan import Unsupported  # the import of torch takes longer than the check of the arguments
    from ganbench.training import loop, team

    try:
        run = loop.train(
            path,
            dataset,
            out,
            seed=seed,
            images=images,
            overrides=overrides,
            device=device,
            minutes=minutes,
            wait=not no_wait,
            moments=moments,
        )
    except Unsupported as error:
        raise UserError(refusal(path, dataset, data.facts(dataset).shape, error)) from None
    if not team.writes():
        return
    if run.diverged:
        say(f"DIVERGED: {run.diverged}. This is a result: a board shows it. The run is in {out}")
    else:
        whole = "" if run.seen <= images else f" (more than the budget of {images:,}: steps are whole)"
        say(
            f"{run.seen:,} images{whole} in {run.seconds:,.0f} s ({run.cpu_seconds:,.0f} CPU s); "
            f"checkpoint, history.jsonl and run.json are in {out}"
        )


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="file for the samples, .npz")],
    n: Annotated[int, typer.Option("--n", help="number of samples", min=1, max=MOST)] = 10_000,
    seed: Seed = 0,
    truncation: Annotated[
        float | None,
        typer.Option(help="draw normal inputs only from [-T, T]: the samples are cleaner and less varied", metavar="T"),
    ] = None,
    label: Label = None,
    caption: Annotated[
        str | None, typer.Option(help="make pictures of this caption only, for a GAN that was trained on captions")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="sample the GAN as it was after a part of its budget: quarter or half")
    ] = None,
    device: Annotated[str, typer.Option(help="torch device that the generator runs on")] = "cpu",
    trust: Trust = False,
) -> None:
    """Draw samples of a trained GAN.

    The .npz has them under arr_0, images as uint8 [n, H, W, C]. Its manifest, .json, lies beside it. Sample i depends
    only on the run, the seed and i, not on the number of samples. Beside waves, a .wav has the first 64 of them.

    \b
    Examples:
      ganbench sample runs/dcgan --n 10000 --out samples.npz
      ganbench sample runs/biggan --n 64 --truncation 0.5 --out clean.npz
      ganbench sample runs/acgan --n 64 --class 3 --seed 1 --out threes.npz
      ganbench sample runs/gan_cls --n 64 --caption "a small red circle" --out circles.npz
    """
    check_sample_file(out)
    from ganbench.training.sampling import Drawing, write_samples  # torch takes longer than the check of the file

    write_samples(folder, Drawing(n, seed, truncation, label, part, device, trust, caption), out)


@app.command()
def curve(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    reference: Annotated[str, typer.Option(help="held-out data: a dataset, samples, or their embedding")],
    out: Annotated[Path, typer.Option(help="file for the scores, .json")],
    column: Annotated[str, typer.Option("--metric", help="a metric, or METRIC.NUMBER")] = "fid",
    features: Annotated[str | None, typer.Option(help="extractor; by default the reference decides")] = None,
    n: Annotated[int, typer.Option("--n", help="number of samples", min=1, max=MOST)] = 5000,
    seed: Seed = 0,
    trust: Trust = False,
) -> None:
    """Score a GAN as it was after a quarter and after half of its budget.

    \b
    Example:
      ganbench curve runs/dcgan-mnist-s0 --reference mnist --out curve.json
    """
    check_files(out)
    from ganbench.boards import curve as curves
    from ganbench.scoring import Scorer

    scorer = Scorer.of(reference, features=features, metrics=[column.partition(".")[0]], seed=seed, device="cpu")
    curves.write(curves.measure(folder, column, scorer, n, seed, trust), out)


@app.command()
def interpolate(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="a strip, .png, or an animation that returns to its start, .gif")],
    points: Annotated[str, typer.Option(help="samples to walk through (see `ganbench overview --numbered`)")] = "0,1",
    steps: Annotated[int, typer.Option(help="steps from each sample to the next", min=1, max=10_000)] = 8,
    seed: Seed = 0,
    classes: Annotated[
        str | None, typer.Option(help="for a conditional GAN: its classes, one row per class; by default the first ten")
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            help="for a conditional GAN: walk from class to class instead, a row per sample", metavar="CLASSES"
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Walk from sample to sample through the generator's inputs: along an arc if the inputs are normal, else straight.

    `ganbench sample` draws the same samples from the same seed; the numbers name them. A conditional GAN shows the
    same walk in every class. With --through it shows each sample on its way from class to class.

    \b
    Examples:
      ganbench interpolate runs/dcgan --out strip.png
      ganbench interpolate runs/dcgan --points 3,17,20 --steps 16 --out walk.gif
      ganbench interpolate runs/acgan --classes 0,3,8 --out classes.png
      ganbench interpolate runs/biggan --points 3,17 --through 0,3,8 --out morph.gif
    """
    check_files(out, suffixes=[".png", ".gif"])
    from ganbench.training import walks

    shown, passed = (None if text is None else walks.numbers(text) for text in (classes, through))
    ends = walks.numbers(points)
    walks.interpolate(folder, out, seed=seed, points=ends, steps=steps, classes=shown, through=passed, trust=trust)


@app.command()
def arithmetic(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="file for the picture, .png")],
    plus: Annotated[
        list[str], typer.Option(help="samples whose mean is added (see `ganbench overview --numbered`); repeatable")
    ],
    minus: Annotated[list[str] | None, typer.Option(help="samples whose mean is subtracted; repeatable")] = None,
    seed: Seed = 0,
    label: Label = None,
    trust: Trust = False,
) -> None:
    """Add and subtract the mean inputs of samples, as DCGAN's paper does with three faces per term.

    Each term is a column with its mean at the bottom. The sum is in the middle of eight neighbours.

    \b
    Examples:
      ganbench arithmetic runs/dcgan --plus 3,17,20 --minus 4,9,12 --plus 5,30,41 --out sum.png
      ganbench arithmetic runs/acgan --class 3 --plus 0,1,2 --minus 3,4,5 --plus 6,7,8 --out sum.png
    """
    check_files(out, suffixes=[".png"])
    from ganbench.training import walks

    added, subtracted = ([walks.numbers(text) for text in texts or []] for texts in (plus, minus))
    walks.arithmetic(folder, out, seed=seed, plus=added, minus=subtracted, label=label, trust=trust)


@app.command()
def control(
    kind: Annotated[str, typer.Argument(help="real, copycat, noise or reference")],
    dataset: Annotated[str, typer.Option(help="name of a dataset")],
    out: Annotated[Path, typer.Option(help="file for the samples, .npz")],
    n: Annotated[int, typer.Option("--n", help="number of samples", min=1, max=MOST)] = 1000,
    seed: Seed = 0,
) -> None:
    """Write a control set. Its scores show what a metric can see.

    \b
    Example:
      ganbench control copycat --dataset digits --n 398 --out copycat.npz
    """
    from ganbench import data
    from ganbench.boards import controls

    check_sample_file(out)
    controls.write(kind, data.resolve(dataset), n, seed, out)


@app.command()
def overview(
    out: Annotated[Path, typer.Option(help="file for the picture, .png")],
    sets: Annotated[list[str], typer.Argument(metavar="NAME=SAMPLES...", help="sample sets and their titles")],
    numbered: Annotated[
        bool, typer.Option("--numbered", help="write their numbers beside the first 64 samples")
    ] = False,
    range_: Range = None,
    layout: Layout = None,
    trust: Trust = False,
) -> None:
    """Paint sample sets side by side: images as contact sheets, points as clouds in the frame of the last set.

    \b
    Examples:
      ganbench overview gan=runs/a/samples.npz real=mnist:test --out samples.png
      ganbench overview gan=runs/a/samples.npz --numbered --out numbered.png
    """
    from ganbench.display import pictures
    from ganbench.samples import declared
    from ganbench.scoring import sources

    form = declared(range_, layout, trust)
    named: dict[str, str] = {}
    for text in sets:
        name, _, path = text.partition("=")
        if not name or not path:
            raise UserError(f"'{text}': write each set as TITLE=SAMPLES, for example gan=samples.npz")
        if name in named:
            raise UserError(f"two sample sets are called '{name}'; give each of them a title of its own")
        named[name] = path
    check_files(out, suffixes=[".png"], inputs=named.values())
    pictures.overview({name: sources.open_set(path, "test", form) for name, path in named.items()}, out, numbered)
