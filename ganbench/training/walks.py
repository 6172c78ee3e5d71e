"""Walks through the generator's inputs: from one sample to another, and sums of the mean vectors of samples.

Normal inputs of z dimensions lie near the sphere of radius sqrt(z), and a straight line between two of them cuts through the
ball, where G was never trained: a walk follows the great circle instead (White 2016, arXiv:1609.04468, section 2.1). Uniform
inputs fill a cube, which a straight line does not leave and an arc may: they are walked in straight lines, as DCGAN does
(Radford et al. 2015, arXiv:1511.06434, section 6.1).

A conditional GAN shows the same walk in several classes, or one sample on the way from class to class, as in figure 8 of
Brock et al. 2019 (arXiv:1809.11096): the weights of two classes are mixed in straight lines. BigGAN mixes embeddings by that;
where labels enter as zeros and ones no mixture was ever trained, and what is between is what the network makes of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganbench.display import pictures
from ganbench.display.pictures import Panel
from ganbench.errors import UserError
from ganbench.gan import Gan, class_weights
from ganbench.training import loop as train
from ganbench.training.drawing import BLOCK, check_class, inputs, to_files

ROWS = 10  # classes that a walk is shown in, unless told
NOISE = 0.25  # largest change of a coordinate from a sum to the eight neighbours that are drawn around it
CLOUD = 4  # blocks of samples behind a picture of points


def numbers(text: str) -> list[int]:
    """Read whole numbers from 0 that are separated by commas.

    >>> numbers("3, 17,20")
    [3, 17, 20]
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UserError(f"'{text}': write whole numbers from 0 with commas between them, for example 3,17,20")
    return [int(part) for part in parts]


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Along the arc from `a` to `b` `[N, z]` at `t` `[T]`, from 0 to 1: `[N, T, z]`. The length goes from |a| to |b| evenly.

    Raises:
        UserError: two points are opposite, so that no arc is the shortest; in one dimension that is half of the pairs.
    """
    length_a, length_b = (x.double().norm(dim=1)[:, None, None] for x in (a, b))
    unit_a, unit_b = a.double()[:, None] / length_a, b.double()[:, None] / length_b
    cos = (unit_a * unit_b).sum(2, keepdim=True).clamp(-1, 1)
    if (cos < 1e-9 - 1).any():
        raise UserError("no walk between opposite points: every great circle is as short; choose other samples")
    angle, t = cos.acos() / math.pi, t.double()[:, None]
    weight_a, weight_b = ((s * torch.sinc(s * angle) / torch.sinc(angle)) for s in (1 - t, t))  # sin(s w) / sin(w)
    return ((weight_a * unit_a + weight_b * unit_b) * torch.lerp(length_a, length_b, t)).to(a.dtype)


def straight(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Along the line from `a` to `b` `[N, z]` at `t` `[T]`, from 0 to 1: `[N, T, z]`."""
    return torch.lerp(a[:, None], b[:, None], t.to(a.dtype)[:, None])


def walk(points: Tensor, steps: int, normal: bool) -> Tensor:
    """From each of `points` `[N, ...]` to the next, in `steps` steps each: `[(N - 1) * steps + 1, ...]`, ends included."""
    flat = points.flatten(1)
    t = torch.arange(steps, device=points.device) / steps
    legs = (slerp if normal else straight)(flat[:-1], flat[1:], t).flatten(0, 1)
    return torch.cat([legs, flat[-1:]]).unflatten(1, points.shape[1:])


def tour(points: Tensor, steps: int, normal: bool) -> Tensor:
    """The same and back to the start, which does not come twice: `[N * steps, ...]`."""
    return walk(torch.cat([points, points[:1]]), steps, normal)[:-1]


def total(plus: Sequence[Tensor], minus: Sequence[Tensor]) -> Tensor:
    """The sum of the mean vectors of `plus` less those of `minus`, each `[k, ...]`: `[...]`.

    Radford et al. 2015, arXiv:1511.06434, section 6.3.2: single samples were unstable, means of three were not.
    """
    return sum((x.mean(0) for x in plus), torch.zeros(())) - sum((x.mean(0) for x in minus), torch.zeros(()))


def pick(gan: Gan, seed: int, numbers: Sequence[int], label: int | None = None) -> tuple[Tensor, Tensor]:
    """The inputs `[N, ...]` of samples of `ganbench sample --seed`, by their numbers, and those samples `[N, *shape]`."""
    z, x = [], []
    for i in numbers:
        latent, y = inputs(gan, seed, i - i % BLOCK, label=label)
        z.append(latent[i % BLOCK])
        x.append(gan.generate(latent, y)[i % BLOCK])
    return torch.stack(z), torch.stack(x)


def generate(gan: Gan, z: Tensor, y: Tensor | int | None) -> np.ndarray:
    """What the GAN makes of inputs `[N, ...]`, as it is written to files.

    Args:
        gan: a GAN.
        z: its inputs.
        y: of a conditional GAN, the class of all of them, or weights of the classes `[N, classes]`.
    """
    if isinstance(y, int):
        y = torch.full((len(z),), y, device=gan.device)
    blocks = z.split(BLOCK)
    wanted = [None] * len(blocks) if y is None else y.split(BLOCK)
    return to_files(gan, torch.cat([gan.generate(*block) for block in zip(blocks, wanted, strict=True)]))


def cloud(gan: Gan, seed: int, label: int | None) -> np.ndarray | None:
    """Samples to draw behind points, None for images."""
    if gan.spec.is_image:
        return None
    return np.concatenate(
        [to_files(gan, gan.generate(*inputs(gan, seed, i * BLOCK, label=label))) for i in range(CLOUD)]
    )


def load(folder: Path) -> Gan:
    """The GAN of a run that did not diverge."""
    gan, run = train.load(folder)
    if run["diverged"]:
        raise UserError(f"{folder} diverged ({run['diverged']}): there is nothing to walk through")
    return gan


class Row(NamedTuple):
    """One walk."""

    title: str
    z: Tensor  # [T, ...]
    y: Tensor | int | None  # as `generate` takes it


def in_classes(
    gan: Gan, seed: int, points: Sequence[int], classes: Sequence[int | None], steps: int, loop: bool
) -> list[Row]:
    """The same walk through samples in each of the classes."""
    z = (tour if loop else walk)(pick(gan, seed, points)[0], steps, gan.normal)
    title = " → ".join(map(str, points))
    return [Row(title if y is None else f"class {y}: {title}", z, y) for y in classes]


def between_classes(
    gan: Gan, seed: int, points: Sequence[int], classes: Sequence[int], steps: int, loop: bool
) -> list[Row]:
    """Each of the samples on its way from class to class."""
    ends = class_weights(torch.tensor(classes, device=gan.device), gan.spec.classes)
    y = (tour if loop else walk)(ends, steps, normal=False)
    title = "class " + " → ".join(map(str, classes))
    return [
        Row(f"{i}: {title}", z.expand(len(y), *z.shape), y)
        for i, z in zip(points, pick(gan, seed, points)[0], strict=True)
    ]


@torch.inference_mode()
def interpolate(
    folder: Path,
    out: Path,
    *,
    seed: int,
    points: Sequence[int],
    steps: int,
    classes: Sequence[int] | None = None,
    through: Sequence[int] | None = None,
) -> None:
    """Draw a walk through samples as a strip (`out` is a .png), or as an animation that returns to its start (.gif).

    Args:
        folder: of a trained run.
        out: the picture.
        seed: of the sample set that `points` number the samples of.
        points: samples to walk through, two or more.
        steps: from one to the next.
        classes: of a conditional GAN, a row each; None is the first ten. The inputs are the same in all.
        through: of a conditional GAN, walk through these classes instead, two or more, with a row per sample.
    """
    if out.suffix not in (".png", ".gif"):
        raise UserError(f"--out {out}: a walk is drawn as .png or .gif")
    if len(points if through is None else through) < 2:
        raise UserError("a walk needs two ends or more, for example --points 3,17 or --through 0,8")
    if classes and through:
        raise UserError("--classes shows one walk in several classes, --through walks from class to class: choose one")
    gan = load(folder)
    for label in through or classes or ():
        check_class(gan, label)
    loop = out.suffix == ".gif"
    if through is not None:
        rows = between_classes(gan, seed, points, through, steps, loop)
    else:
        every = range(min(gan.spec.classes, ROWS)) if gan.conditional else [None]
        rows = in_classes(gan, seed, points, classes or every, steps, loop)
    made = [generate(gan, row.z, row.y) for row in rows]
    if gan.spec.is_image:
        if loop:
            pictures.write_gif([pictures.strip(np.stack(frame)[:, None]) for frame in zip(*made, strict=True)], out)
        else:
            pictures.write_png(pictures.strip(np.stack(made)), out)
        return
    clouds = [cloud(gan, seed, row.y if isinstance(row.y, int) else None) for row in rows]

    def frame(t: int | None) -> np.ndarray:
        parts = [Panel(row.title, x, 1, t, c) for row, x, c in zip(rows, made, clouds, strict=True)]
        return pictures.panels(parts)

    if loop:
        pictures.write_gif([frame(t) for t in range(len(made[0]))], out)
    else:
        pictures.write_png(frame(None), out)


@torch.inference_mode()
def arithmetic(
    folder: Path,
    out: Path,
    *,
    seed: int,
    plus: Sequence[Sequence[int]],
    minus: Sequence[Sequence[int]],
    label: int | None,
) -> None:
    """Draw the sum of the mean vectors of samples: the samples of each term above its mean, and the sum amid neighbours.

    DCGAN's figure 7. The neighbours differ from the sum by uniform noise of up to 0.25 per coordinate.

    Args:
        folder: of a trained run.
        out: the picture, .png.
        seed: of the sample set that the terms number the samples of.
        plus: the samples of each term that is added.
        minus: the samples of each term that is subtracted.
        label: the class that a conditional GAN makes all of it in.
    """
    if out.suffix != ".png":
        raise UserError(f"--out {out}: a sum is drawn as .png")
    gan = load(folder)
    if gan.conditional and label is None:
        raise UserError(f"{folder} is conditional: say in which class, for example --class 0")
    if label is not None:
        check_class(gan, label)
    behind = cloud(gan, seed, label)
    drawn = [[pick(gan, seed, chosen, label) for chosen in groups] for groups in (plus, minus)]
    parts = []
    for sign, groups, terms in zip("+-", (plus, minus), drawn, strict=True):
        for chosen, (z, x) in zip(groups, terms, strict=True):
            column = np.concatenate([to_files(gan, x), generate(gan, z.mean(0, keepdim=True), label)])
            parts.append(Panel(f"{sign} {', '.join(map(str, chosen))}", column, 1, len(chosen), behind))
    Y = total(*([z for z, _ in terms] for terms in drawn))
    train.reseed(seed, 0, 0)
    noise = (2 * torch.rand(9, *Y.shape, device=Y.device) - 1) * NOISE
    noise[4] = 0  # the middle of three by three
    parts.append(Panel("=", generate(gan, Y + noise, label), 3, 4, behind))
    pictures.write_png(pictures.panels(parts), out)
