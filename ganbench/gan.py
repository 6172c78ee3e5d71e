"""The interface of a GAN: two losses, the generator's input and output, two hooks.

Every file in `baselines/` implements this interface once. The loop in `ganbench/training/loop.py` is algorithm 1 of
Goodfellow et al. 2014 (arXiv:1406.2661). A baseline only says what its paper changes in the loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganbench.errors import UserError

KINDS = {1: "points", 2: "waves", 3: "images", 4: "video"}


class DataSpec(NamedTuple):
    """The shape of the data that a GAN is built for. The rank of one sample is its kind."""

    shape: tuple[int, ...]  # one sample: points (d,), waves (C, T), images (C, H, W), video (C, T, H, W)
    classes: int = 0  # 0: no labels
    cond: tuple[int, ...] = ()  # shape of one `Batch.cond`; (): there is none

    @property
    def kind(self) -> str:
        """points, waves, images or video."""
        return KINDS[len(self.shape)]

    @property
    def is_image(self) -> bool:
        """Whether a sample is an image."""
        return self.kind == "images"

    @property
    def is_pixels(self) -> bool:
        """Whether samples are stored as uint8. A GAN sees them in [-1, 1]."""
        return self.kind in ("images", "video")


class Batch(NamedTuple):
    """Real samples, as the loop hands them to a loss."""

    x: Tensor  # [N, *shape] float32; images and video in [-1, 1]
    y: Tensor  # [N] int64 labels, -1 = unlabelled
    cond: Tensor | None = None  # [N, *cond] float32: the condition of x, or of another sample if the data are unpaired


def class_weights(y: Tensor, classes: int) -> Tensor:
    """The classes that `Gan.generate` is to make, as weights: float32 `[N, classes]`.

    Args:
        y: classes int64 `[N]`, each one 1 among zeros, and -1 zeros alone; or such weights already.
    """
    return y if y.is_floating_point() else one_hot(y + 1, classes + 1)[:, 1:].float()


class Unsupported(UserError):
    """The paper's networks are not for this kind of data."""


class Gan(nn.Module, ABC):
    """A generator `G`, a discriminator `D` and the game between them.

    The constructor takes `(spec: DataSpec, config: Config)` and sets `G` and `D`; it raises `Unsupported` for data that
    the paper does not treat. Randomness comes from torch's global generator. The loop seeds this generator before every step.
    """

    G: nn.Module  # all that the generator's optimiser may touch now
    D: nn.Module  # all that the discriminator's optimiser may touch now
    conditional = False  # whether `generate` makes what its `y` asks for
    supervised = False  # whether the losses look at `Batch.y`; those of a conditional GAN do
    objective: str | None = (
        None  # a family of `ganbench.training.objectives`: what the losses mean, for `ganbench watch`
    )

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__()
        self.spec = spec
        self.config = config

    @abstractmethod
    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        """The discriminator's loss on one batch: scalars; "loss" is minimised in D's parameters, every entry is logged.

        An empty dictionary trains nothing: a stage may be of one player alone.
        """

    @abstractmethod
    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        """The generator's loss: scalars; "loss" is minimised in G's parameters, every entry is logged. It may be empty too."""

    def latent(self, n: int) -> Tensor:
        """Draw `n` of the generator's inputs: `[n, z]` from N(0, 1), unless the paper says otherwise."""
        return torch.randn(n, self.config.z, device=self.device)

    def draw_classes(self, n: int) -> Tensor:
        """Draw `n` of the data's classes evenly, int64 `[n]`."""
        return torch.randint(self.spec.classes, (n,), device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        """What the generator makes of inputs `[N, ...]` and conditions `[N, *cond]`: float32 `[N, *shape]`, images in [-1, 1].

        A conditional GAN makes the classes `y` `[N]`, drawn evenly where `y` is None, and mixtures of classes where it is
        weights `[N, classes]`: see `class_weights`.
        """
        out: Tensor = self.G(z)
        return out

    def sample(self, n: int, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        """Draw `n` samples, as `generate` returns them."""
        return self.generate(self.latent(n), y, cond)

    def encode(self, x: Tensor) -> Tensor:
        """The generator's input that belongs to each of `x` `[N, *shape]`, for a GAN that infers it: `[N, z]`."""
        raise Unsupported(f"{type(self).__name__} has no encoder")

    def data_weights(self, x: Tensor) -> Tensor | None:
        """How often each training sample `x` `[n, *shape]` is drawn, as weights `[n]` >= 0; None: all equally often.

        The loop asks when a stage begins and when a run resumes, so the answer must follow from parameters and buffers.
        """
        return None

    def discriminate(self, x: Tensor) -> Tensor | None:
        """D(x), the probability `[N]` that each of `x` `[N, *shape]` is real; None if D is not a probability."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.G.parameters()).device

    @property
    def normal(self) -> bool:
        """Whether `latent` is N(0, 1). A GAN with its own `latent` overrides this if that `latent` is normal too."""
        return type(self).latent is Gan.latent

    @property
    def stage(self) -> int:
        """A new value means new trainable parameters: the loop then starts fresh optimisers, and asks for `data_weights`."""
        return 0

    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        """Called after every discriminator step with its (detached) losses."""
