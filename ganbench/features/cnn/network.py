"""A small classifier whose last hidden layer is the feature space: three convolutions, one hidden layer, ten logits.

A 5x5 convolution of stride 2 to 32 channels, then two of 3x3 to 64 and 128, each followed by a 2x2 max pooling while
the map is wider than 4 pixels (28 -> 14 -> 7 -> 3; 8 -> 4 -> 4 -> 4), all with batch normalisation and ReLU; then a
linear layer to `d` features, ReLU, and a linear layer to the logits. A classifier that was shown damage has a second linear
layer, from the features to the kinds of damage.

The features are taken before their ReLU: after it, half of them are zero and no Gaussian describes them. They are normalised
without a learned scale or shift. So each feature has a mean near 0 and a variance near 1 (exactly 0 and 1 for the moved images
of training). KID's polynomial kernel would see a large mean.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from ganbench.features.cnn import WEIGHTS, checked

NARROWEST = 4  # pixels; a map that is no wider keeps its size


class Classifier(nn.Module):
    """Square grey images to features and logits.

    Args:
        side: height and width of an image, pixels.
        d: number of features.
        classes: number of logits.
        kinds: number of kinds of images that the second head tells apart, 0 without this head.
    """

    scale: Tensor  # scalar; set after training so that the training set has mean |features|^2 = d

    def __init__(self, side: int, d: int, classes: int = 10, kinds: int = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 32, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
        side = (side + 1) // 2
        for c_in, c_out in ((32, 64), (64, 128)):
            layers.append(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False))
            if side > NARROWEST:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            layers += [nn.BatchNorm2d(c_out), nn.ReLU()]
        layers += [nn.Flatten(), nn.Linear(128 * side * side, d, bias=False), nn.BatchNorm1d(d, affine=False)]
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(d, classes))
        self.kind = nn.Linear(d, kinds) if kinds else None
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features [n, d] and logits [n, classes] of images, float32 [n, 1, side, side] in [0, 1]."""
        h = self.hidden(x)
        return self.scale * h, self.head(h)


def to_input(x: Tensor) -> Tensor:
    """uint8 [n, H, W, 1] -> float32 [n, 1, H, W] in [0, 1]."""
    return x.permute(0, 3, 1, 2).float() / 255


@cache
def load(name: str, device: str = "cpu") -> Classifier:
    """The trained classifier `name` on a device, in eval mode.

    The SHA-256 of the file's bytes is checked first; then these very bytes are read as weights.

    Raises:
        UserError: the file has another hash than its card.
    """
    return read(WEIGHTS, name).to(device)


def read(folder: Path, name: str) -> Classifier:
    """The classifier `name` in a folder with its weights and its card, in eval mode; see `load`."""
    card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    content = checked(folder, name)
    model = Classifier(card["side"], card["recipe"]["d"], kinds=len(card.get("kinds", ())))
    model.load_state_dict(safetensors.torch.load(content))
    return model.eval().to(memory_format=torch.channels_last)  # twice as fast
