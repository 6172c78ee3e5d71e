"""Walks through the generator's inputs: from one sample to another, and sums of the mean vectors of samples.

Normal inputs of z dimensions lie near the sphere of radius sqrt(z). A straight line between two inputs goes through the inside
of the sphere. G was never trained there. So a walk follows the great circle (White 2016, arXiv:1609.04468, section 2.1).
Uniform inputs fill a cube. An arc may leave the cube and a straight line does not, so such a walk is a straight line, as in
DCGAN (Radford et al. 2015, arXiv:1511.06434, section 6.1).

A conditional GAN shows the same walk in several classes, or one sample on the way from class to class, as in figure 8 of
Brock et al. 2019 (arXiv:1809.11096): the weights of two classes are mixed in straight lines. In BigGAN this mixes the
embeddings of the classes. Other GANs get labels as zeros and ones, and were never trained on a mixture. So their pictures
between two classes mean little.
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
from ganbench.training import checkpoint
from ganbench.training.order import reseed
from ganbench.training.sampling import BLOCK, check_class, draw_inputs, to_files

DIGITS = 12  # of the number of a sample
ROWS = 10  # classes that a walk is shown in, if the user names none
NOISE = 0.25  # largest change of a coordinate from a sum to the eight neighbours that are drawn around it
PICTURES = ("images", "waves")  # kinds of data whose samples are shown as pictures
CLOUD = 4  # blocks of samples behind a picture of points


def numbers(text: str) -> list[int]:
    """Read whole numbers from 0 that are separated by commas.

    >>> numbers("3, 17,20")
    [3, 17, 20]
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UserError(f"'{text}': write whole numbers from 0 with commas between them, for example 3,17,20")
    if any(len(part) > DIGITS for part in parts):
        raise UserError(f"'{text}': a number has at most {DIGITS} digits")
    return [int(part) for part in parts]


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Points on the arcs from `a` to `b` `[N, z]` at the shares `t` `[T]` of the way, 0 to 1: `[N, T, z]`.

    The length changes evenly from |a| to |b|.

    Raises:
        UserError: two points are opposite, so that no arc is the shortest. In one dimension half of all pairs are opposite.
    """
    length_a, length_b = (x.double().norm(dim=1)[:, None, None] for x in (a, b))
    unit_a, unit_b = a.double()[:, None] / length_a, b.double()[:, None] / length_b
    cos = (unit_a * unit_b).sum(2, keepdim=True).clamp(-1, 1)
    if (cos < 1e-9 - 1).any():
        raise UserError(
            "two samples have opposite inputs, so there is no shortest walk between them; choose other samples"
        )
    angle, t = cos.acos() / math.pi, t.double()[:, None]
    weight_a, weight_b = ((s * torch.sinc(s * angle) / torch.sinc(angle)) for s in (1 - t, t))  # sin(s w) / sin(w)
    arc: Tensor = (weight_a * unit_a + weight_b * unit_b) * torch.lerp(length_a, length_b, t)
    return arc.to(a.dtype)


def straight(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Points on the lines from `a` to `b` `[N, z]` at the shares `t` `[T]` of the way, 0 to 1: `[N, T, z]`."""
    return torch.lerp(a[:, None], b[:, None], t.to(a.dtype)[:, None])


def walk(points: Tensor, steps: int, normal: bool) -> Tensor:
    """A walk through `points` `[N, ...]`, `steps` steps from each point to the next: `[(N - 1) * steps + 1, ...]`.

    The walk contains all of the points. It follows arcs if the inputs are `normal`, else straight lines.
    """
    flat = points.flatten(1)
    t = torch.arange(steps, device=points.device) / steps
    legs = (slerp if normal else straight)(flat[:-1], flat[1:], t).flatten(0, 1)
    return torch.cat([legs, flat[-1:]]).reshape(-1, *points.shape[1:])


def tour(points: Tensor, steps: int, normal: bool) -> Tensor:
    """A walk through `points` `[N, ...]` and back to the first point: `[N * steps, ...]`.

    The result has the first point once.
    """
    return walk(torch.cat([points, points[:1]]), steps, normal)[:-1]


def total(plus: Sequence[Tensor], minus: Sequence[Tensor]) -> Tensor:
    """The sum of the mean vectors of `plus` minus the mean vectors of `minus`, each `[k, ...]`: `[...]`.

    Radford et al. 2015, arXiv:1511.06434, section 6.3.2: sums of single samples were unstable, sums of means of three were not.
    """
    return sum((x.mean(0) for x in plus), torch.zeros(())) - sum((x.mean(0) for x in minus), torch.zeros(()))


def pick(gan: Gan, seed: int, numbers: Sequence[int], label: int | None = None) -> tuple[Tensor, Tensor]:
    """The inputs `[N, ...]` of samples that `ganbench sample --seed` draws, and the samples `[N, *shape]`, by their numbers."""
    z, x = [], []
    for i in numbers:
        latent, y = draw_inputs(gan, seed, i - i % BLOCK, label=label)
        z.append(latent[i % BLOCK])
        x.append(gan.generate(latent, y)[i % BLOCK])
    return torch.stack(z), torch.stack(x)


def generate(gan: Gan, z: Tensor, y: Tensor | int | None) -> np.ndarray:
    """The samples that the GAN makes of inputs, as `to_files` gives them: `[N, ...]`.

    Args:
        gan: a GAN.
        z: its inputs `[N, ...]`.
        y: for a conditional GAN, the class of all samples, or weights of the classes `[N, classes]`.
    """
    if isinstance(y, int):
        y = torch.full((len(z),), y, device=gan.device)
    parts = [slice(start, start + BLOCK) for start in range(0, len(z), BLOCK)]
    return visible(gan, torch.cat([gan.generate(z[part], None if y is None else y[part]) for part in parts]))


def visible(gan: Gan, x: Tensor) -> np.ndarray:
    """Samples as in files, and waves as the spectrograms of them."""
    return pictures.spectrograms(to_files(gan, x)) if gan.spec.kind == "waves" else to_files(gan, x)


def cloud(gan: Gan, seed: int, label: int | None) -> np.ndarray | None:
    """1,000 samples that are painted behind points, float32 `[1000, d]`; None for images and waves."""
    if gan.spec.kind in PICTURES:
        return None
    return np.concatenate(
        [to_files(gan, gan.generate(*draw_inputs(gan, seed, i * BLOCK, label=label))) for i in range(CLOUD)]
    )


def load(folder: Path, trust: bool) -> Gan:
    """The GAN of a run that did not diverge."""
    gan, run = checkpoint.load(folder, trust=trust)
    if run.diverged:
        raise UserError(f"the run in {folder} diverged ({run.diverged}), so it has no samples to walk through")
    if run.cond:
        raise UserError(f"{run.baseline} makes its samples from conditions of {run.dataset}, and a walk has none")
    return gan


class Row(NamedTuple):
    """One walk."""

    title: str
    z: Tensor  # [T, ...]
    y: Tensor | int | None  # as in `generate`


def in_classes(
    gan: Gan, seed: int, points: Sequence[int], classes: Sequence[int | None], steps: int, closed: bool
) -> list[Row]:
    """The same walk through samples in each of the classes; a `closed` walk returns to its start."""
    z = (tour if closed else walk)(pick(gan, seed, points)[0], steps, gan.normal)
    title = " → ".join(map(str, points))
    return [Row(title if y is None else f"class {y}: {title}", z, y) for y in classes]


def between_classes(
    gan: Gan, seed: int, points: Sequence[int], classes: Sequence[int], steps: int, closed: bool
) -> list[Row]:
    """The way of each sample from class to class; a `closed` way returns to its start."""
    ends = class_weights(torch.tensor(classes, device=gan.device), gan.spec.classes)
    y = (tour if closed else walk)(ends, steps, normal=False)
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
    trust: bool = False,
) -> None:
    """Paint a walk through samples as a strip (`out` is a .png), or as an animation that returns to its start (.gif).

    Args:
        folder: the folder of a trained run.
        out: the picture.
        seed: seed of the sample set; `points` are numbers of its samples.
        points: samples to walk through, two or more.
        steps: steps from each sample to the next.
        classes: for a conditional GAN, the classes; each has a row with the same inputs. None means the first ten classes.
        through: for a conditional GAN, two or more classes to walk through instead, with a row per sample.
        trust: see `checkpoint.load`.

    Raises:
        UserError: the folder holds no run to walk through, or there is no such walk.
    """
    if out.suffix not in (".png", ".gif"):
        raise UserError(f"--out {out}: a walk is written as .png or .gif")
    if len(points if through is None else through) < 2:
        raise UserError("a walk needs at least two ends, for example --points 3,17 or --through 0,8")
    if classes and through:
        raise UserError("--classes shows one walk in several classes, --through walks from class to class: choose one")
    gan = load(folder, trust)
    for label in through or classes or ():
        check_class(gan, label)
    closed = out.suffix == ".gif"
    if through is not None:
        rows = between_classes(gan, seed, points, through, steps, closed)
    else:
        shown = range(min(gan.spec.classes, ROWS)) if gan.conditional else [None]
        rows = in_classes(gan, seed, points, classes or shown, steps, closed)
    made = [generate(gan, row.z, row.y) for row in rows]
    if gan.spec.kind in PICTURES:
        if closed:
            pictures.write_gif([pictures.strip(np.stack(frame)[:, None]) for frame in zip(*made, strict=True)], out)
        else:
            pictures.write_png(pictures.strip(np.stack(made)), out)
        return
    clouds = [cloud(gan, seed, row.y if isinstance(row.y, int) else None) for row in rows]

    def frame(t: int | None) -> np.ndarray:
        parts = [Panel(row.title, x, 1, t, c) for row, x, c in zip(rows, made, clouds, strict=True)]
        return pictures.panels(parts)

    if closed:
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
    trust: bool = False,
) -> None:
    """Paint the sum of the mean vectors of samples, as in DCGAN's figure 7.

    Each term is a column: its samples, and below them what the GAN makes of their mean. The sum is in the middle of eight
    neighbours. They differ from the sum by uniform noise of up to 0.25 per coordinate.

    Args:
        folder: the folder of a trained run.
        out: the picture, .png.
        seed: seed of the sample set; the terms are numbers of its samples.
        plus: the samples of each term that is added.
        minus: the samples of each term that is subtracted.
        label: for a conditional GAN, the class of all pictures.
        trust: see `checkpoint.load`.

    Raises:
        UserError: the folder holds no run to add samples of, or there is no such sum.
    """
    if out.suffix != ".png":
        raise UserError(f"--out {out}: a sum is written as .png")
    gan = load(folder, trust)
    if gan.conditional and label is None:
        raise UserError(f"{folder} holds a conditional GAN: choose a class, for example --class 0")
    if label is not None:
        check_class(gan, label)
    behind = cloud(gan, seed, label)
    picked = [[pick(gan, seed, chosen, label) for chosen in groups] for groups in (plus, minus)]
    parts = []
    for sign, groups, terms in zip("+-", (plus, minus), picked, strict=True):
        for chosen, (z, x) in zip(groups, terms, strict=True):
            column = np.concatenate([visible(gan, x), generate(gan, z.mean(0, keepdim=True), label)])
            parts.append(Panel(f"{sign} {', '.join(map(str, chosen))}", column, 1, len(chosen), behind))
    Y = total(*([z for z, _ in terms] for terms in picked))
    reseed("walk", seed)
    noise = (2 * torch.rand(9, *Y.shape, device=Y.device) - 1) * NOISE
    noise[4] = 0  # the middle of three by three
    parts.append(Panel("=", generate(gan, Y + noise, label), 3, 4, behind))
    pictures.write_png(pictures.panels(parts), out)
