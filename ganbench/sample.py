"""Drawing samples from a trained GAN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ganbench import data, samples, train
from ganbench.errors import UserError
from ganbench.gan import Gan
from ganbench.images import to_uint8
from ganbench.progress import progress
from ganbench.samples import SampleSet

BLOCK = 250  # samples drawn at once; part of the definition of a sample set, so no setting
PLACES = 1001  # on the line, where D is asked


def draw(folder: Path, n: int, seed: int, out: Path) -> None:
    """Write what `drawn` gives."""
    samples.write(out, drawn(folder, n, seed))


def drawn(folder: Path, n: int, seed: int) -> SampleSet:
    """`n` samples of the run in `folder`. Sample i depends on (checkpoint, seed, i) alone, not on `n`.

    A diverged run gives an empty set whose manifest has the reason.
    """
    if n < 1:
        raise UserError(f"--n {n}: draw at least one sample")
    gan, run = train.load(folder)
    about = {"name": folder.name, "source": folder.name, "run": run, "seed": seed, "reason": None}
    if run["diverged"]:
        dtype = np.uint8 if gan.spec.is_image else np.float32
        shape = (*gan.spec.shape[1:], gan.spec.shape[0]) if gan.spec.is_image else gan.spec.shape
        about["reason"] = f"diverged: {run['diverged']}"
        return SampleSet(np.empty((0, *shape), dtype), None, about)
    blocks: list[np.ndarray] = []
    labels: list[torch.Tensor] = []
    with progress(f"sample {folder.name}", n, "samples") as advance, torch.inference_mode():
        for start in range(0, n, BLOCK):
            train.reseed(seed, start)
            if gan.conditional:
                labels.append(gan.draw_classes(BLOCK))
            block = gan.sample(BLOCK, labels[-1] if labels else None)
            blocks.append((to_uint8(block) if gan.spec.is_image else block).numpy())
            advance(min(start + BLOCK, n))
    y = torch.cat(labels)[:n].numpy() if labels else None
    x = np.concatenate(blocks)[:n]
    D = discriminator(gan, run["dataset"], x) if gan.spec.shape == (1,) else None
    return SampleSet(x, y, about, discriminator=D)


def discriminator(gan: Gan, dataset: str, x: np.ndarray) -> np.ndarray | None:
    """Places on the line, evenly over the training data and the samples `x` `[n, 1]`, and D there: float64 `[1001, 2]`.

    None if this GAN's D is no probability.
    """
    known = np.asarray(data.load(dataset, "train").x)
    ends = min(x.min(), known.min()), max(x.max(), known.max())
    places = np.linspace(*ends, PLACES, dtype=np.float64)
    with torch.inference_mode():
        D = gan.discriminate(torch.from_numpy(places[:, None]).float())
    return None if D is None else np.stack([places, D.double().numpy()], 1)
