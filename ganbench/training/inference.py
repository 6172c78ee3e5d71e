"""What a trained GAN makes of given images: translations, codes, and reconstructions from codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganbench import baseline, data, files
from ganbench.errors import UserError, blamed
from ganbench.gan import Gan
from ganbench.samples import SampleSet, amount, in_channels
from ganbench.samples.arrays import write
from ganbench.training import checkpoint
from ganbench.training.order import reseed, select, to_networks
from ganbench.training.run import Run
from ganbench.training.sampling import BLOCK, to_files

SIGN = ".ganbench.json"  # the manifest in a folder of images; hidden, so that it is no file of the set


class Codes(NamedTuple):
    """What an encoder finds in samples."""

    z: np.ndarray  # float32 [n, ...], the generator's inputs
    y: np.ndarray | None  # int64 [n], classes, for a conditional GAN
    x: np.ndarray  # the samples that the generator makes of z and y, as in files


class Trained(NamedTuple):
    """The GAN of a run that did not diverge."""

    gan: Gan
    run: Run


def load(folder: Path, trust: bool = False) -> Trained:
    """The GAN of a run, for given images.

    Raises:
        UserError: the folder holds no run, or the run diverged.
    """
    gan, run = checkpoint.load(folder, trust=trust)
    if run.diverged:
        raise UserError(f"the run in {folder} diverged ({run.diverged}), so it makes nothing of images")
    return Trained(gan, run)


def translator(trained: Trained, back: bool = False) -> Callable[[Tensor], Tensor]:
    """The function from conditions `[N, *cond]` to samples `[N, *shape]`, or from samples to conditions if `back`.

    Raises:
        UserError: the GAN does not make its samples from images, or it does not translate back.
    """
    gan, run = trained
    if len(run.cond) != 3:
        origin = "captions (see `ganbench sample --caption`)" if run.cond else "noise"
        raise UserError(f"{run.baseline} makes its samples from {origin}, so it translates no images")
    if not back:
        return lambda x: gan.generate(gan.latent(len(x)), cond=x)
    way: Callable[[Tensor], Tensor] | None = getattr(gan, "translate_back", None)
    if way is None:
        raise UserError(f"{run.baseline} translates in one direction only, so leave out --back")
    return way


def translate(trained: Trained, given: SampleSet, seed: int, back: bool = False) -> np.ndarray:
    """The translations of images, uint8 `[n, H, W, C]`. They follow from the run, the seed and all of the images.

    Raises:
        UserError: this run does not translate such images.
    """
    gan, run = trained
    way = translator(trained, back)
    images = fitting(given, run.shape if back else run.cond, run.baseline)
    with torch.inference_mode(), blamed(baseline.file_of(gan)):
        return np.concatenate([to_files(gan, way(x)) for x in _blocks(images, "translate", seed)])


def encode(trained: Trained, given: SampleSet, seed: int) -> Codes:
    """The codes of samples, and what the generator makes of these codes.

    Raises:
        UserError: this GAN has no encoder, or the samples do not have the shape of its data.
    """
    gan, run = trained
    if type(gan).encode is Gan.encode:
        raise UserError(f"{run.baseline} has no encoder; its class does not define `encode`")
    classify: Callable[[Tensor], Tensor] | None = getattr(gan, "classify", None)
    if gan.conditional and classify is None:
        raise UserError(f"{run.baseline} needs a class beside each code, and its class does not define `classify`")
    samples = fitting(given, run.shape, run.baseline)
    parts: list[tuple[Tensor, Tensor | None, np.ndarray]] = []
    with torch.inference_mode(), blamed(baseline.file_of(gan)):
        for x in _blocks(samples, "encode", seed):
            z = gan.encode(x)
            y = classify(x).argmax(1) if gan.conditional and classify is not None else None
            parts.append((z, y, to_files(gan, gan.generate(z, y))))
    z, y, made = zip(*parts, strict=True)
    return Codes(
        torch.cat(z).numpy(),
        None if y[0] is None else torch.cat([part for part in y if part is not None]).numpy(),
        np.concatenate(made),
    )


def edit(trained: Trained, codes: Codes, label: int) -> np.ndarray:
    """The samples of codes with another class, as in files: IcGAN (Perarnau et al. 2016, arXiv:1611.06355, section 3.3)."""
    z = torch.from_numpy(codes.z)
    with torch.inference_mode(), blamed(baseline.file_of(trained.gan)):
        return to_files(trained.gan, trained.gan.generate(z, torch.full((len(z),), label)))


def fitting(given: SampleSet, shape: tuple[int, ...], what: str) -> SampleSet:
    """The same samples if they have the shape of the networks, `[C, H, W]` or `[d]`. Grey images may have 1 or 3 channels.

    Raises:
        UserError: they have another shape; the message has both.
    """
    if not len(given.x):
        raise UserError(f"{given.manifest['name']} has no samples")
    wanted = (*shape[1:], shape[0])
    if given.x.ndim == 4 and len(wanted) == 3 and given.x.shape[1:3] == wanted[:2]:
        grey = given.x.shape[3] == 1 or given.manifest.get("found", {}).get("grey", False)
        if given.x.shape[3] != wanted[2] and grey:
            return in_channels(given, wanted[2])
    if given.x.shape[1:] != wanted:
        raise UserError(
            f"{what} takes {amount(None, wanted)}, and {given.manifest['name']} has {amount(None, given.x.shape[1:])}; "
            "make the files of this size and with these channels first"
        )
    return given


def _blocks(given: SampleSet, purpose: str, seed: int) -> Iterator[Tensor]:
    """Samples as the networks see them, block by block. torch's generators are seeded before each block."""
    for start in range(0, len(given.x), BLOCK):
        x = to_networks(np.asarray(given.x[start : start + BLOCK]))
        reseed(purpose, seed, start)
        yield select(x, torch.arange(len(x)))


def facts(trained: Trained, given: SampleSet, seed: int) -> dict[str, Any]:
    """What a manifest says of the origin of translations and codes."""
    about = {"name": given.manifest["name"], "n": len(given.x), "sha256": given.manifest.get("sha256")}
    return {"run": trained.run.facts(), "seed": seed, "input": about}


def write_images(out: Path, x: np.ndarray, given: SampleSet, about: dict[str, Any]) -> None:
    """Write images uint8 `[n, H, W, C]` under the names of the files that they were made from, or as numbered files.

    A folder holds PNGs and the hidden file `.ganbench.json`. A path that ends with .npz is a file of samples.
    """
    if out.suffix == ".npz":
        write(out, SampleSet(x, None, {"name": out.stem, "source": given.manifest["name"], **about}))
        return
    names = given.names or [f"{i:0{len(str(len(x) - 1))}}" for i in range(len(x))]
    paths = [PurePosixPath(name).with_suffix(".png") for name in names]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise UserError(f"{given.manifest['name']}: two images would be written as {twice}; rename one of them")
    with files.replacing_folder(out) as folder:
        for path, image in zip(paths, x, strict=True):
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(place, "PNG")
        (folder / SIGN).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def write_codes(out: Path, codes: Codes, about: dict[str, Any]) -> None:
    """Write codes as .npz: z, and y for a conditional GAN; the manifest, .json, lies beside it."""
    arrays: dict[str, Any] = {"z": codes.z} | ({} if codes.y is None else {"y": codes.y})
    with files.replacing(out) as file:
        np.savez(file, **arrays)
    files.write(out.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def conditions_of(dataset: str, split: str, name: str) -> SampleSet | None:
    """The conditions of a dataset's split, if they are images; else None."""
    conditions = data.conditions(dataset, split)
    if conditions is None:
        return None
    x = (
        conditions.of
        if isinstance(conditions.of, np.ndarray)
        else conditions.of(np.asarray(data.load(dataset, split).x))
    )
    about = {"name": f"conditions of {name}", "dataset": dataset, "data": data.version(dataset)}
    return SampleSet(x, None, about) if x.ndim == 4 else None
