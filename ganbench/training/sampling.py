"""Samples of a trained GAN."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ganbench import baseline, data
from ganbench.display import sounds
from ganbench.display.progress import progress
from ganbench.errors import UserError, blamed, choose
from ganbench.gan import Gan
from ganbench.samples.arrays import write
from ganbench.samples.sets import SampleSet
from ganbench.training import checkpoint, devices, outputs
from ganbench.training.images import to_uint8
from ganbench.training.order import TrainingData, indices, reseed
from ganbench.training.provenance import Work, sha256
from ganbench.training.run import PARTS, Run

BLOCK = 250  # samples drawn at once; part of the definition of a sample set, so no setting
SAMPLED = 3  # key of the order of the conditions; `order.UNPAIRED` is another
PLACES = 1001  # points on the line at which D is asked


def check_class(gan: Gan, label: int) -> None:
    """Raise a `UserError` unless this GAN can make class `label`."""
    if not gan.conditional:
        raise UserError(f"class {label}: this GAN is not conditional, so it cannot make a chosen class")
    if not 0 <= label < gan.spec.classes:
        raise UserError(f"class {label}: the classes of this data are 0 to {gan.spec.classes - 1}")


def check_memory(gan: Gan, n: int) -> None:
    """Raise a `UserError` if `n` samples take more than the memory of this machine."""
    size = n * math.prod(gan.spec.shape) * (1 if gan.spec.is_pixels else 4)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > there:
        raise UserError(
            f"--n {n:,}: these samples take {size / 1e9:,.0f} GB, and this machine has {there / 1e9:,.0f} GB of memory"
        )


def draw_inputs(
    gan: Gan, seed: int, start: int, truncation: float | None = None, label: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """The generator's inputs for the samples of number `start` to `start + 249`: `[250, ...]`, and their classes `[250]`.

    `label` replaces the classes and changes no other input. With `truncation` each number is drawn from a normal distribution
    that is cut to [-truncation, truncation]: the truncation trick of BigGAN (Brock et al. 2019, arXiv:1809.11096, section 3.1).
    """
    reseed("sample", seed, start)
    y = gan.draw_classes(BLOCK) if gan.conditional else None
    z = gan.latent(BLOCK)
    if truncation is not None:
        nn.init.trunc_normal_(z, a=-truncation, b=truncation)
    return z, y if y is None or label is None else torch.full_like(y, label)


def to_files(gan: Gan, x: Tensor) -> np.ndarray:
    """Samples in the form of sample files, the channels last: pixels as uint8, points and waves as float32."""
    return (to_uint8(x) if gan.spec.is_pixels else x.movedim(1, -1)).cpu().numpy()


class Drawing(NamedTuple):
    """Which samples are drawn, and how. Sample i depends on (checkpoint, seed, i), not on `n`."""

    n: int
    seed: int
    truncation: float | None = None  # see `draw_inputs`
    label: int | None = None  # the class of all samples
    part: str | None = None  # the part of the budget after which the GAN is sampled, of `run.PARTS`
    device: str = "cpu"  # that the generator runs on; its inputs are drawn on the CPU, so they are equal everywhere
    trust: bool = False  # whether any code is executed, see `checkpoint.load`
    caption: str | None = None  # of all samples, for a GAN that draws from captions


def write_samples(folder: Path, drawing: Drawing, out: Path) -> None:
    """Write the samples that `sample` gives to `out`, a .npz, with the hash of the weights and with their provenance.

    If the samples are waves and the rate of the data is known, a .wav beside `out` has the first of them.
    """
    work = Work()
    drawn = sample(folder, drawing)
    facts = {"model": sha256(folder / checkpoint.file_of(drawing.part)), "provenance": work.record()}
    write(out, drawn.with_(manifest=drawn.manifest | facts))
    dataset = drawn.manifest["run"]["dataset"]
    rate = data.facts(dataset).rate if drawn.x.ndim == 3 and data.is_name(dataset) else 0
    if rate and len(drawn.x):
        sounds.write(drawn.x, rate, out.with_suffix(".wav"))


def sample(folder: Path, drawing: Drawing) -> SampleSet:
    """Samples of the run in `folder`. If the data have conditions, sample i has one of the held-out split, by (seed, i).

    A diverged run, or a generator whose samples cannot be scored, gives an empty set, and its manifest has the reason.

    Raises:
        UserError: the folder holds no run that can be sampled, or the run cannot be sampled in this way.
    """
    if drawing.n < 1:
        raise UserError(f"--n {drawing.n}: draw at least one sample")
    if drawing.part is not None:
        choose(drawing.part, PARTS, "--part")
    device = devices.choose(drawing.device)
    gan, run = checkpoint.load(folder, drawing.part, trust=drawing.trust)
    with blamed(baseline.file_of(gan)):
        return _sample(folder, drawing, gan, run, device)


def _sample(folder: Path, drawing: Drawing, gan: Gan, run: Run, device: torch.device) -> SampleSet:
    n, seed, truncation, label = drawing[:4]
    if truncation is not None and not gan.normal:
        raise UserError(
            f"--truncation cuts a normal distribution, but the inputs of {run.baseline} have another distribution"
        )
    if truncation is not None and not 0 < truncation < math.inf:
        raise UserError(f"--truncation {truncation:g}: choose a finite bound above 0, such as 0.5")
    if label is not None:
        check_class(gan, label)
    check_memory(gan, n)
    said = None if drawing.caption is None else encode_caption(run, drawing.caption)
    about = {"name": folder.name, "source": folder.name, "run": run.facts(), "seed": seed}
    about |= {"reason": None, "truncation": truncation, "class": label}
    about |= {} if drawing.caption is None else {"caption": drawing.caption}
    if run.diverged:
        return _empty(gan, about, f"diverged: {run.diverged}")
    maker = gan if device.type == "cpu" else checkpoint.load(folder, drawing.part, device, trust=drawing.trust)[0]
    arrays: list[np.ndarray] = []
    labels: list[Tensor] = []
    conditions: list[np.ndarray] = []
    with progress(f"sample {folder.name}", n, "samples") as advance:
        for start, (x, y, rows) in zip(range(0, n, BLOCK), blocks(maker, run.dataset, drawing, said, gan), strict=True):
            why = outputs.fault(gan, x, BLOCK)
            if why is not None:
                return _empty(gan, about, f"samples {start:,} to {start + BLOCK - 1:,}: {why}")
            arrays.append(to_files(gan, x))
            labels += [] if y is None else [y]
            conditions += [] if rows is None else [rows]
            advance(min(start + BLOCK, n))
    classes = torch.cat(labels)[:n].numpy() if labels else None
    x_files = np.concatenate(arrays)[:n]
    D = ask_discriminator(gan, run.dataset, x_files) if gan.spec.shape == (1,) else None
    condition = np.concatenate(conditions)[:n] if conditions else None
    return SampleSet(x_files, classes, about, discriminator=D, condition=condition)


def blocks(
    maker: Gan, dataset: str, drawing: Drawing, said: Tensor | None = None, gan: Gan | None = None
) -> Iterator[tuple[Tensor, Tensor | None, np.ndarray | None]]:
    """The samples that `drawing` asks for, in blocks of 250: samples, classes int64 `[250]`, conditions' numbers int64 `[250]`.

    Args:
        maker: the GAN that makes them.
        dataset: whose held-out split has the conditions.
        drawing: how many samples, and how they are drawn.
        said: one condition of all samples `[1, *cond]`.
        gan: the same GAN on the CPU, where the inputs are drawn; by default `maker`.
    """
    held_out = _held_out(dataset) if maker.spec.cond and said is None else None
    for start in range(0, drawing.n, BLOCK):
        with torch.inference_mode():
            z, y = draw_inputs(gan or maker, drawing.seed, start, drawing.truncation, drawing.label)
            rows = None if held_out is None else indices(held_out.conditions, drawing.seed, start, BLOCK, SAMPLED)
            cond = None if said is None else said.expand(BLOCK, -1)
            if held_out is not None and rows is not None:
                cond = held_out.condition(torch.from_numpy(rows))
            classes, given = (None if v is None else v.to(maker.device) for v in (y, cond))
            x = maker.generate(z.to(maker.device), classes, given)
        yield x, y, rows


def encode_caption(run: Run, caption: str) -> Tensor:
    """The condition of a caption for a run, float32 `[1, E]`.

    Raises:
        UserError: the run draws from no captions, or the caption has a word that the dataset's captions do not have.
    """
    language = data.language(run.dataset) if run.cond else None
    if language is None:
        raise UserError(f"--caption: {run.baseline} on {run.dataset} does not draw from captions")
    return torch.from_numpy(language.encode([caption]))


def _held_out(dataset: str) -> TrainingData:
    return TrainingData.of(data.load(dataset, "test"), data.conditions(dataset, "test"), checkpoint.CPU)


def _empty(gan: Gan, about: dict[str, Any], reason: str) -> SampleSet:
    """No samples of a GAN, and why."""
    none = to_files(gan, torch.empty(0, *gan.spec.shape))
    return SampleSet(none, None, about | {"reason": reason})


def ask_discriminator(gan: Gan, dataset: str, x: np.ndarray) -> np.ndarray | None:
    """Places on the line, evenly over the training data and the samples `x` `[n, 1]`, and D there: float64 `[1001, 2]`.

    None if this GAN's D is not a probability.
    """
    real = np.asarray(data.load(dataset, "train").x)
    ends = min(x.min(), real.min()), max(x.max(), real.max())
    places = np.linspace(*ends, PLACES, dtype=np.float64)
    with torch.inference_mode():
        D = gan.discriminate(torch.from_numpy(places[:, None]).float())
    return None if D is None else np.stack([places, D.double().numpy()], 1)
