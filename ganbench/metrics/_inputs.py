"""The table of all inputs of metrics. Reasons of empty cells, checks, halves of a reference and docs/plugins.md read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Owner = Literal["gen", "ref", "train", "data", "seed"]  # generated, held-out, training set; the data themselves; user


@dataclass(frozen=True)
class Input:
    """A parameter that a metric can have."""

    name: str
    of: Owner  # who it comes from
    what: str  # for readers: content, dtype, shape
    absent: str  # completes "<metric> ..." where the input is missing
    rows: bool = True  # one row per sample of its set, so that a half of the set has half of it
    space: str = ""  # inputs of one space must have the same number of columns

    @property
    def part(self) -> str:
        """The part of the sample set that this input is: `pixels` for `gen_pixels`, `features` for `gen`."""
        return "features" if self.name == self.of else self.name.removeprefix(f"{self.of}_")


NO_PIXELS = "is for images, not for points"
NO_KINDS = "needs an extractor that was shown damage, such as digits-exposed"
NO_LOGITS = "needs an extractor with class logits"
NO_CONDITION = "needs samples that `ganbench sample` made from conditions of the reference"
NO_CAPTION = "needs samples that `ganbench sample` made from captions of the reference"
NO_SPACE = "needs captions, and an extractor in their space"

INPUTS: Mapping[str, Input] = {
    entry.name: entry
    for entry in (
        Input("gen", "gen", "features of the generated samples, float64 `[n, d]`", "needs samples", space="features"),
        Input(
            "ref", "ref", "features of the held-out samples, float64 `[m, d]`",
            "needs the samples of a reference: pass `reference=`", space="features",
        ),
        Input(
            "train", "train", "features of the training samples, float64 `[k, d]`",
            "needs the training set: pass `train=`", space="features",
        ),
        Input(
            "ref_moments", "ref",
            "mean and covariance of held-out features, float64 `[1 + d, d]`, of a reference that has them saved",
            "needs a reference of saved statistics (.npz with mu and sigma)", rows=False,
        ),
        Input("gen_pixels", "gen", "generated images, `[n, H*W*C]` in [0, 1]", NO_PIXELS, space="pixels"),
        Input("ref_pixels", "ref", "held-out images, `[m, H*W*C]` in [0, 1]", NO_PIXELS, space="pixels"),
        Input(
            "train_pixels", "train", "training images, `[k, H*W*C]` in [0, 1]",
            "needs the training set's images: pass `train=`", space="pixels",
        ),
        Input(
            "gen_logits", "gen",
            "class logits of the generated samples, float64 `[n, K]`, or `[n, 3, 10]` for stacked MNIST", NO_LOGITS,
        ),
        Input("ref_logits", "ref", "class logits of the held-out samples, likewise", NO_LOGITS),
        Input(
            "gen_kinds", "gen",
            "logits of the kinds of damage of the generated images, float64 `[n, K]`; the first kind is undamaged", NO_KINDS,
        ),
        Input("ref_kinds", "ref", "logits of the kinds of damage of the held-out images, likewise", NO_KINDS),
        Input(
            "gen_labels", "gen", "the classes that the generator was asked for, int64 `[n]`",
            "needs labelled samples, of a class-conditional generator",
        ),
        Input("ref_labels", "ref", "classes of the held-out samples, int64 `[m]`", "needs a labelled reference"),
        Input(
            "train_labels", "train", "classes of the training samples, int64 `[k]`",
            "needs a labelled training set: pass `train=`",
        ),
        Input(
            "ref_disturbed", "ref",
            "features of the held-out images, row by row, after noise that changes no image into another, float64 `[m, d]`",
            NO_PIXELS, space="features",
        ),
        Input(
            "ref_disturbed_pixels", "ref", "these disturbed images, `[m, H*W*C]` in [0, 1]", NO_PIXELS, space="pixels"
        ),
        Input(
            "train_copies", "train",
            "features of training images after each kind of change that leaves an image a copy, `{kind: float64 [200, d]}`",
            "needs training images", rows=False,
        ),
        Input(
            "train_copies_pixels", "train", "these changed images, `{kind: [200, H*W*C]}` in [0, 1]", "needs training images",
            rows=False,
        ),
        Input("gen_condition", "gen", "number of the condition that each sample was made from, int64 `[n]`", NO_CONDITION),
        Input(
            "gen_truth", "gen", "features of the held-out sample that belongs to each sample's condition, float64 `[n, d]`",
            NO_CONDITION, space="features",
        ),
        Input("gen_truth_pixels", "gen", "this held-out image, `[n, H*W*C]` in [0, 1]", NO_CONDITION, space="pixels"),
        Input("gen_truth_labels", "gen", "class of this held-out sample, int64 `[n]`", NO_CONDITION),
        Input("gen_attributes", "gen", "attributes that each generated picture shows, int64 `[n, A]`", NO_CAPTION),
        Input(
            "gen_stated", "gen", "attributes that each sample's caption states, int64 `[n, A]`, -1 where it is silent",
            NO_CAPTION,
        ),
        Input(
            "gen_held_out", "gen", "whether each caption has a combination that no training picture has, bool `[n]`",
            NO_CAPTION,
        ),
        Input(
            "gen_captions", "gen", "vector of each sample's caption, in the space of the features, float64 `[n, d]`",
            NO_SPACE, space="features",
        ),
        Input("ref_attributes", "ref", "attributes that each held-out picture shows, int64 `[m, A]`", NO_CAPTION),
        Input("ref_stated", "ref", "attributes that a caption of each held-out picture states, int64 `[m, A]`", NO_CAPTION),
        Input(
            "ref_captions", "ref", "vector of this caption, float64 `[m, d]`", NO_SPACE, space="features",
        ),
        Input("attribute_names", "data", "the names of the A attributes", NO_CAPTION, rows=False),
        Input("gen_lpips", "gen", "LPIPS distances of random pairs of generated images, float64 `[p]`", NO_PIXELS, rows=False),
        Input("ref_lpips", "ref", "LPIPS distances of random pairs of held-out images, likewise", NO_PIXELS, rows=False),
        Input("image_shape", "data", "height, width and channels of the images", NO_PIXELS, rows=False),
        Input("mixture", "data", "the true modes of a dataset of points, a `Mixture`", "is for datasets whose modes are known"),
        Input(
            "discriminator", "gen", "places on the line and D at these places, float64 `[g, 2]`, of a GAN on one dimension",
            "needs a discriminator on one dimension, which `ganbench sample` keeps for data on a line", rows=False,
        ),
        Input(
            "rng", "seed", "a `numpy.random.Generator`, seeded by the user's seed and the metric's name",
            "needs a seed", rows=False,
        ),
    )
}  # fmt: skip


def table() -> str:
    """The inputs as a Markdown table, for docs/plugins.md."""
    lines = [f"| `{entry.name}` | {entry.what} | {entry.absent} |" for entry in INPUTS.values()]
    return "\n".join(["| parameter | what it is | the metric's reason where it is missing |", "|---|---|---|", *lines])
