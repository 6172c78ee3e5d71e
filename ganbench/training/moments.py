"""Moments of a training: samples from fixed inputs, and D on a lattice, at equal steps of the budget.

A moment is a sample set, `moments/SEEN.npz` in the run's folder. Its samples are those that `ganbench sample` draws of the run
at that moment with seed 0. A moment is taken of a copy, between two steps, and every step seeds its random numbers. So moments
change no bit of a run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ganbench import data, files
from ganbench.display import pictures
from ganbench.errors import UserError
from ganbench.gan import Gan
from ganbench.samples import SampleSet, arrays
from ganbench.training import checkpoint, objectives, outputs
from ganbench.training.run import PARTS, Identity
from ganbench.training.sampling import Drawing, ask_discriminator, blocks, to_files

FOLDER = "moments"
DRAWN = {"points": 2500, "images": 64, "waves": 8, "video": 4}  # samples of a moment
SEED = 0
SIDE = 61  # places per side of the lattice on which D is asked, for points in the plane


class Moments:
    """Where a run keeps its moments, and when they are due.

    Raises:
        UserError: the GAN's `objective` is no family.
    """

    def __init__(self, folder: Path, run: Identity, objective: str | None, images: int, number: int) -> None:
        objectives.of(run, objective)
        self.folder, self.run, self.images, self.number = folder / FOLDER, run, images, number

    def due(self, before: int, after: int) -> bool:
        """Whether a moment lies in (before, after]. No moment lies beyond the budget, where the last step can end."""
        passed = [min(seen, self.images) * self.number // self.images for seen in (before, after)]
        return passed[0] != passed[1]

    def drop(self, step: int) -> None:
        """Delete the moments of another budget or of another number of moments. One step sees `step` images."""
        for path in self.folder.glob("*.npz"):
            if not self.due(int(path.stem) - step, int(path.stem)):
                path.unlink()
                path.with_suffix(".json").unlink(missing_ok=True)

    def keep(self, gan: Gan, seen: int) -> None:
        """Write the moment after `seen` images, of a copy of the GAN that nobody else uses."""
        arrays.write(self.folder / f"{seen:012d}.npz", take(gan, self.run, seen, self.images))


def take(gan: Gan, run: Identity, seen: int, images: int) -> SampleSet:
    """The moment of a GAN after `seen` of `images` images. The GAN is moved to the CPU.

    Returns:
        Its samples; none if they cannot be scored, and then `reason` in the manifest. `discriminator` is float64 `[g, d + 1]`:
        places in the frame of the data, and D there. In the manifest, `answers` says what D's numbers are: "probability", or
        "score" of a critic, or None.
    """
    gan = gan.cpu().eval()
    drawing = Drawing(DRAWN[gan.spec.kind], SEED)
    x = torch.cat([x for x, _, _ in blocks(gan, run.dataset, drawing)])[: drawing.n]
    why = outputs.fault(gan, x, drawing.n)
    made = to_files(gan, x[:0] if why else x)
    D, answers = (None, None) if why else _ask(gan, run, made)
    about = {"name": f"{seen:,} images", "seed": SEED, "reason": why, "answers": answers, "objective": gan.objective}
    return SampleSet(made, None, about | {"run": run.facts(), "seen": seen, "images": images}, discriminator=D)


def _ask(gan: Gan, run: Identity, x: np.ndarray) -> tuple[np.ndarray | None, str | None]:
    """D on the line or in the plane, and what its numbers are; None for other data and for a D that cannot be asked."""
    if gan.spec.shape == (1,):
        D = ask_discriminator(gan, run.dataset, x)
        return D, None if D is None else "probability"
    if gan.spec.shape != (2,):
        return None, None
    low, high = pictures.frame(np.asarray(data.load(run.dataset, "train").x))
    axes = [np.linspace(a, b, SIDE) for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    given = torch.from_numpy(places).float()
    objective = objectives.of(run, gan.objective)
    with torch.inference_mode():
        D_there, answers = gan.discriminate(given), "probability"
        if D_there is None and objective is not None and objective.critic:
            D_there, answers = gan.D(given), "score"
    return (None, None) if D_there is None else (np.c_[places, D_there.double().numpy()], answers)


def of_run(folder: Path) -> list[Path]:
    """The files of a run's moments, in their order."""
    return sorted((folder / FOLDER).glob("*.npz"))


def read(path: Path) -> SampleSet:
    """A moment that `Moments.keep` has written.

    Raises:
        UserError: the file is damaged.
    """
    try:
        manifest = files.parse(files.read(path.with_suffix(".json")))
        with np.load(path, allow_pickle=False) as content:
            return SampleSet(content["arr_0"], None, manifest, discriminator=content.get("discriminator"))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}); delete it") from None


def of_parts(folder: Path, trust: bool) -> Iterator[SampleSet]:
    """The moments of a finished run after a quarter, half and all of its budget, from the weights that it has kept.

    Args:
        folder: of the run.
        trust: whether any code is executed, see `checkpoint.load`.
    """
    for part in (*PARTS, None):
        path = folder / checkpoint.file_of(part)
        if path.is_file():
            gan, run = checkpoint.load(folder, part, trust=trust)
            seen = run.seen if part is None else int(checkpoint.read(path)[1]["seen"])
            yield take(gan, run, seen, run.images)
