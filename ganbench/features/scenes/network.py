"""The two encoders as torch modules: pictures of scenes and captions to vectors of one space."""

from __future__ import annotations

import hashlib
import math
from functools import cache

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ganbench.data.caption_encoder import SIZE
from ganbench.data.grammar import WORDS
from ganbench.data.scenes import UNIT
from ganbench.errors import UserError
from ganbench.features.scenes import NAME, WEIGHTS, read_card


class ImageEncoder(nn.Module):
    """Pictures float32 `[n, 3, 32, 32]` in [-1, 1] to vectors `[n, 64]` of length 8."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for c_in, c_out, kernel in ((3, 24, 5), (24, 48, 3), (48, 64, 3)):
            layers += [nn.Conv2d(c_in, c_out, kernel, 2, kernel // 2), nn.LeakyReLU(0.1)]
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * (UNIT // 8) ** 2, SIZE))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return math.sqrt(SIZE) * normalize(self.net(x))


class CaptionEncoder(nn.Module):
    """Numbers of words `[n, longest]` and numbers of words of each caption `[n]` to vectors `[n, 64]` of length 8.

    `ganbench.data.caption_encoder.encode` is the same network without torch.
    """

    def __init__(self, width: int = 32, hidden: int = 96) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS), width)
        self.read = nn.GRU(width, hidden, batch_first=True)
        self.vector = nn.Linear(hidden, SIZE)

    def forward(self, table: Tensor, lengths: Tensor) -> Tensor:
        """See the class."""
        states, _ = self.read(self.words(table))
        last = states[torch.arange(len(table)), lengths - 1]
        return math.sqrt(SIZE) * normalize(self.vector(last))


def to_input(x: np.ndarray) -> Tensor:
    """Images uint8 `[n, side, side, 3]` to float32 `[n, 3, 32, 32]` in [-1, 1]; larger images are averaged block by block.

    Raises:
        UserError: grey images, or a side that is no multiple of 32.
    """
    n, height, width, channels = x.shape
    if channels != 3 or height != width or height % UNIT:
        raise UserError(f"{NAME} needs colour images whose sides are equal and a multiple of {UNIT} pixels")
    block = height // UNIT
    means = x.reshape(n, UNIT, block, UNIT, block, 3).mean((2, 4), dtype=np.float32)
    return torch.from_numpy(means / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


@cache
def load(device: str = "cpu") -> ImageEncoder:
    """The trained image encoder on a device, in eval mode.

    Raises:
        UserError: the file of weights has another hash than its card.
    """
    path = WEIGHTS / f"{NAME}.safetensors"
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != read_card()["sha256"]:
        raise UserError(f"{path} is not the file that its card describes: install ganbench again")
    model = ImageEncoder()
    model.load_state_dict(safetensors.torch.load(content))
    return model.eval().to(device)
