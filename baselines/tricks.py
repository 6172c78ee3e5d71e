"""Tricks of lectures for the non-saturating GAN of Goodfellow et al. 2014. Each trick is a setting, off by default.

- `smoothing`: one-sided label smoothing, Salimans et al. 2016, arXiv:1606.03498, section 3.4. D's target is 1 - smoothing for
  real data. D's target for generated data stays 0.
- `flip`: the share of D's samples that get the label of the other side. No paper: folklore.
- `instance_noise`: Sonderby et al. 2016, arXiv:1610.04490, and Arjovsky and Bottou 2017, arXiv:1701.04862. All samples that D
  sees, real or generated, in D's step or in G's step, get Gaussian noise of this standard deviation. The standard deviation
  falls linearly to 0 within the first `noise_images` real images. Samples that are scored have no noise.
- `replay`: experience replay, Shrivastava et al. 2016, arXiv:1612.07828, section 2.3. This share of D's generated samples is
  drawn from a store of older samples. Fresh samples then take the drawn places. At the start the untrained G fills the store.
- `d_threshold`: a threshold for D's loss. D keeps its weights in a step whose loss is below the threshold. Adam's moments
  still take in the gradient of this step, because a GAN in ganbench holds no optimiser. No paper: folklore.

All tricks are in one file. So the rows of a board differ in their trick and in nothing else.

Networks: DCGAN's networks and settings for images, perceptrons for points.

Different from the papers:
- The networks are the same for all tricks, not those of each paper.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    smoothing: float = Field(0.0, ge=0, lt=1)
    flip: float = Field(0.0, ge=0, le=1)
    instance_noise: float = Field(0.0, ge=0)
    noise_images: int = Field(100_000, ge=1)
    replay: float = Field(0.0, ge=0, le=1)
    replay_batches: int = Field(20, ge=1, description="size of the store, in batches")
    d_threshold: float = Field(0.0, ge=0)
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class Tricks(Gan):
    seen: Tensor  # [] real images that D was trained on
    store: Tensor  # [replay_batches * batch, *shape] older samples

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        if config.replay:
            with torch.no_grad():
                self.register_buffer(
                    "store", torch.cat([self.sample(config.batch) for _ in range(config.replay_batches)])
                )

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.replayed(self.sample(len(real.x)))
        if self.config.d_threshold:
            self.before = [w.detach().clone() for w in self.D.parameters()]
        real_label, fake_label = self.labels(len(real.x))
        real_loss = binary_cross_entropy_with_logits(self.D(self.noisy(real.x)), real_label)
        fake_loss = binary_cross_entropy_with_logits(self.D(self.noisy(fake)), fake_label)
        return {"loss": real_loss + fake_loss}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": softplus(-self.D(self.noisy(self.sample(len(real.x))))).mean()}

    def discriminate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.D(x))

    def labels(self, n: int) -> Tensor:
        """D's targets for `n` real samples and `n` generated samples: `[2, n]`."""
        positive = 1 - self.config.smoothing
        labels = torch.tensor([[positive], [0.0]], device=self.device).expand(2, n)
        flipped = torch.rand(2, n, device=self.device) < self.config.flip
        return torch.where(flipped, positive - labels, labels)

    def noisy(self, x: Tensor) -> Tensor:
        if not self.config.instance_noise:
            return x
        left = (1 - self.seen / self.config.noise_images).clamp(min=0)
        return x + self.config.instance_noise * left * torch.randn_like(x)

    def replayed(self, fresh: Tensor) -> Tensor:
        """`fresh` `[N, *shape]` to the same shape. Samples of the store take the place of its first samples."""
        if not self.config.replay:
            return fresh
        k = round(self.config.replay * len(fresh))
        drawn = torch.randperm(len(self.store), device=fresh.device)[:k]
        mixed = torch.cat([self.store[drawn], fresh[k:]])
        self.store[drawn] = fresh[:k]
        return mixed

    @torch.no_grad()
    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        self.seen += self.config.batch
        if self.config.d_threshold:
            for w, before in zip(self.D.parameters(), self.before, strict=True):
                w.copy_(torch.where(losses["loss"] < self.config.d_threshold, before, w))
