"""Samples of a trained GAN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ganbench import data
from ganbench.display.progress import progress
from ganbench.errors import UserError
from ganbench.gan import Gan
from ganbench.images import to_uint8
from ganbench.samples.arrays import write
from ganbench.samples.sets import SampleSet
from ganbench.training import checkpoint
from ganbench.training.order import reseed

BLOCK = 250  # samples drawn at once; part of the definition of a sample set, so no setting
PLACES = 1001  # points on the line at which D is asked


def check_class(gan: Gan, label: int) -> None:
    """Raise a `UserError` unless this GAN can make class `label`."""
    if not gan.conditional:
        raise UserError(f"class {label}: this GAN is not conditional, so it cannot make a chosen class")
    if not 0 <= label < gan.spec.classes:
        raise UserError(f"class {label}: the classes of this data are 0 to {gan.spec.classes - 1}")


def draw_inputs(
    gan: Gan, seed: int, start: int, truncation: float | None = None, label: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """The generator's inputs for the samples of number `start` to `start + 249`: `[250, ...]`, and their classes `[250]`.

    `label` replaces the classes and changes no other input. With `truncation` each number is drawn from a normal distribution
    that is cut to [-truncation, truncation]: the truncation trick of BigGAN (Brock et al. 2019, arXiv:1809.11096, section 3.1).
    """
    reseed(seed, start)
    y = gan.draw_classes(BLOCK) if gan.conditional else None
    z = gan.latent(BLOCK)
    if truncation is not None:
        nn.init.trunc_normal_(z, a=-truncation, b=truncation)
    return z, y if y is None or label is None else torch.full_like(y, label)


def to_files(gan: Gan, x: Tensor) -> np.ndarray:
    """Samples in the form of sample files: images as uint8 `[N, H, W, C]`, points unchanged as float32 `[N, d]`."""
    return (to_uint8(x) if gan.spec.is_image else x).numpy()


def write_samples(
    folder: Path, n: int, seed: int, out: Path, *, truncation: float | None = None, label: int | None = None
) -> None:
    """Write the samples that `sample` gives to `out`, a .npz."""
    write(out, sample(folder, n, seed, truncation, label))


def sample(folder: Path, n: int, seed: int, truncation: float | None = None, label: int | None = None) -> SampleSet:
    """`n` samples of the run in `folder`. Sample i depends on (checkpoint, seed, i) alone, not on `n`.

    A diverged run gives an empty set, and its manifest has the reason. `draw_inputs` explains `truncation` and `label`.

    Raises:
        UserError: the folder holds no run that can be sampled, or the run cannot be sampled in this way.
    """
    if n < 1:
        raise UserError(f"--n {n}: draw at least one sample")
    gan, run = checkpoint.load(folder)
    if truncation is not None and not gan.normal:
        raise UserError(
            f"--truncation cuts a normal distribution, but the inputs of {run.baseline} have another distribution"
        )
    if truncation is not None and not truncation > 0:
        raise UserError(f"--truncation {truncation:g}: choose a bound above 0, such as 0.5")
    if label is not None:
        check_class(gan, label)
    about = {"name": folder.name, "source": folder.name, "run": run.model_dump(mode="json"), "seed": seed}
    about |= {"reason": None, "truncation": truncation, "class": label}
    if run.diverged:
        dtype = np.uint8 if gan.spec.is_image else np.float32
        shape = (*gan.spec.shape[1:], gan.spec.shape[0]) if gan.spec.is_image else gan.spec.shape
        about["reason"] = f"diverged: {run.diverged}"
        return SampleSet(np.empty((0, *shape), dtype), None, about)
    blocks: list[np.ndarray] = []
    labels: list[Tensor] = []
    with progress(f"sample {folder.name}", n, "samples") as advance, torch.inference_mode():
        for start in range(0, n, BLOCK):
            z, y = draw_inputs(gan, seed, start, truncation, label)
            blocks.append(to_files(gan, gan.generate(z, y)))
            if y is not None:
                labels.append(y)
            advance(min(start + BLOCK, n))
    classes = torch.cat(labels)[:n].numpy() if labels else None
    x = np.concatenate(blocks)[:n]
    D = ask_discriminator(gan, run.dataset, x) if gan.spec.shape == (1,) else None
    return SampleSet(x, classes, about, discriminator=D)


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
