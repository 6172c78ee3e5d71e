"""Pictures of what a GAN with a condition makes: the condition, the output and the truth side by side.

The rows follow from the kind of the condition.

- Images to translate: input, output, truth.
- Captions: pictures above their caption, or a walk from sentence to sentence (Reed et al. 2016, arXiv:1605.05396, section 5.3).
- An encoder: input, reconstruction, and the same code with each class (IcGAN, Perarnau et al. 2016, arXiv:1611.06355).
- Classes: a row per class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganbench import baseline, data
from ganbench.display.pictures import Line
from ganbench.errors import UserError, blamed
from ganbench.gan import Gan
from ganbench.samples import SampleSet
from ganbench.training import inference
from ganbench.training.images import to_uint8
from ganbench.training.inference import Trained
from ganbench.training.order import TrainingData, indices
from ganbench.training.sampling import BLOCK, SAMPLED, draw_inputs, encode_caption, to_files

CLASSES = 10  # of a gallery, if the data have more


class Wish(NamedTuple):
    """What a gallery shows."""

    rows: int = 6
    columns: int = 8  # pictures of a caption or a class, or steps of a walk
    seed: int = 0
    captions: tuple[str, ...] = ()  # by default those of held-out samples
    walk: bool = False  # from caption to caption, a row per input z
    given: SampleSet | None = None  # images to translate or to encode; by default held-out ones


class Gallery(NamedTuple):
    """The content of a gallery."""

    heads: list[str]  # above the columns; may be empty
    lines: list[Line]


def build(trained: Trained, wish: Wish) -> Gallery:
    """The gallery that fits the condition of a GAN.

    Raises:
        UserError: the GAN has no condition, its samples are no images, or the wish does not fit the condition.
    """
    gan, run = trained
    if not gan.spec.is_image:
        raise UserError(f"{run.baseline} on {run.dataset} makes no images, and a gallery shows images")
    spoken = len(run.cond) == 1
    if (wish.captions or wish.walk) and not spoken:
        raise UserError(f"--caption: {run.baseline} on {run.dataset} does not draw from captions")
    if wish.given is not None and (spoken or (not run.cond and type(gan).encode is Gan.encode)):
        raise UserError(f"--images: {run.baseline} takes no images")
    with torch.inference_mode(), blamed(baseline.file_of(gan)):
        if spoken:
            return _between(trained, wish) if wish.walk else _spoken(trained, wish)
        if run.cond:
            return _translated(trained, wish)
        if type(gan).encode is not Gan.encode:
            return _edited(trained, wish)
        if gan.conditional:
            return _classes(gan, wish)
    raise UserError(f"{run.baseline} has no condition; `ganbench overview` shows its samples")


def _held_out(trained: Trained, wish: Wish) -> tuple[TrainingData, np.ndarray]:
    """The held-out split and the numbers of the conditions that the first samples of this seed are made from."""
    dataset = trained.run.dataset
    split = TrainingData.of(data.load(dataset, "test"), data.conditions(dataset, "test"), torch.device("cpu"))
    return split, indices(split.conditions, wish.seed, 0, BLOCK, SAMPLED)[: wish.rows]


def _translated(trained: Trained, wish: Wish) -> Gallery:
    gan = trained.gan
    if wish.given is not None:
        given = inference.fitting(wish.given, trained.run.cond, trained.run.baseline)
        inputs, truth = np.asarray(given.x[: wish.rows]), None
    else:
        split, numbers = _held_out(trained, wish)
        inputs = to_uint8(split.condition(torch.from_numpy(numbers))).numpy()
        own = torch.from_numpy(numbers // (split.conditions // len(split.x)))
        truth = split.x[own].movedim(1, -1).numpy() if split.paired else None
    some = SampleSet(inputs, None, {"name": "input"})
    outputs = inference.translate(trained, some, wish.seed)
    columns = {"input": inputs, "output": outputs}
    if truth is not None:
        columns["truth"] = truth
    elif hasattr(gan, "translate_back"):
        columns["back again"] = inference.translate(
            trained, SampleSet(outputs, None, {"name": "output"}), wish.seed, True
        )
    return _side_by_side(columns)


def _edited(trained: Trained, wish: Wish) -> Gallery:
    given = wish.given
    if given is None:
        x = data.load(trained.run.dataset, "test").x
        order = indices(len(x), wish.seed, 0, wish.rows)
        given = SampleSet(np.asarray(x)[order], None, {"name": trained.run.dataset})
    given = given.with_(x=np.asarray(given.x[: wish.rows]))
    codes = inference.encode(trained, given, wish.seed)
    columns = {"input": np.asarray(given.x), "again": codes.x}
    if trained.gan.conditional:
        columns |= {
            f"class {label}": inference.edit(trained, codes, label)
            for label in range(min(trained.gan.spec.classes, CLASSES))
        }
    return _side_by_side(columns)


def _classes(gan: Gan, wish: Wish) -> Gallery:
    lines = []
    for label in range(min(gan.spec.classes, CLASSES)):
        z, y = draw_inputs(gan, wish.seed, 0, label=label)
        lines.append(Line(list(to_files(gan, gan.generate(z, y))[: wish.columns]), f"class {label}"))
    return Gallery([], lines)


def _spoken(trained: Trained, wish: Wish) -> Gallery:
    """A row per caption: the held-out picture of the caption, if there is one, and samples with the inputs z of this seed."""
    gan, run = trained
    if wish.captions:
        conditions = torch.cat([encode_caption(run, caption) for caption in wish.captions])
        said, truth, heads = list(wish.captions), None, list[str]()
    else:
        split, numbers = _held_out(trained, wish)
        conditions = split.condition(torch.from_numpy(numbers))
        every = data.captions(run.dataset, "test")
        said = [every[i] for i in numbers]
        truth = split.x[torch.from_numpy(numbers // (split.conditions // len(split.x)))].movedim(1, -1).numpy()
        heads = ["truth", *[""] * wish.columns]
    z = _inputs(gan, wish)[: wish.columns]
    lines = []
    for i, caption in enumerate(said):
        made = to_files(gan, gan.generate(z, cond=conditions[i : i + 1].expand(len(z), -1)))
        lines.append(Line([*([] if truth is None else [truth[i]]), *made], caption))
    return Gallery(heads, lines)


def _between(trained: Trained, wish: Wish) -> Gallery:
    """A walk from caption to caption along straight lines between their conditions; each row has its own input z."""
    gan, run = trained
    if len(wish.captions) < 2:
        raise UserError("--walk needs two or more captions: --caption A --caption B")
    ends = torch.cat([encode_caption(run, caption) for caption in wish.captions])
    t = torch.linspace(0, len(ends) - 1, wish.columns)
    first = t.long().clamp(max=len(ends) - 2)
    conditions = torch.lerp(ends[first], ends[first + 1], (t - first)[:, None])
    lines = [
        Line(list(to_files(gan, gan.generate(z.expand(len(conditions), *z.shape), cond=conditions))))
        for z in _inputs(gan, wish)[: wish.rows]
    ]
    lines[-1] = lines[-1]._replace(caption=" → ".join(wish.captions))
    return Gallery([], lines)


def _inputs(gan: Gan, wish: Wish) -> Tensor:
    return draw_inputs(gan, wish.seed, 0)[0]


def _side_by_side(columns: dict[str, np.ndarray]) -> Gallery:
    return Gallery(list(columns), [Line(list(row)) for row in zip(*columns.values(), strict=True)])
