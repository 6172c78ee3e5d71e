"""A discriminator of images with a caption's vector beside them (Reed et al. 2016, arXiv:1605.05396, figure 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganbench.gan import DataSpec
from ganbench.layers import dcgan


class CaptionDiscriminator(nn.Module):
    """Images `[N, C, S, S]` and captions `[N, E]` to logits `[N]`.

    A projection of the caption to `caption` numbers lies beside each place of the last map. The network has no batch norm: a
    right and a wrong caption come with the same images, so statistics of a batch would tell which kind of pair it holds.
    """

    def __init__(self, spec: DataSpec, cond: int, caption: int, width: int) -> None:
        super().__init__()
        self.body = dcgan.Discriminator(width, spec, norm=False, fill=dcgan.he).body[:-1]  # without its flattening
        sizes = dcgan.halvings(spec.shape[1])
        channels = dcgan.widths(width, len(sizes) - 1)[-1]
        self.caption = nn.Linear(cond, caption)
        self.joint = nn.Conv2d(channels + caption, channels, 1)
        self.head = dcgan.head(channels * sizes[-1] ** 2, 1)

    def forward(self, x: Tensor, phi: Tensor) -> Tensor:
        h = self.body(x)
        places = leaky_relu(self.caption(phi), dcgan.SLOPE)[:, :, None, None].expand(-1, -1, *h.shape[2:])
        out: Tensor = self.head(leaky_relu(self.joint(torch.cat([h, places], 1)), dcgan.SLOPE).flatten(1))
        return out
