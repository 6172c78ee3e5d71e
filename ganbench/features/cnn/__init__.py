"""Classifiers of the built-in datasets. Their features are the outputs of the last hidden layer.

Each card `weights/NAME.json` is a classifier that `ganbench.features.cnn.train` trained. To add a classifier, add its recipe
to that module and run it. A classifier of grey images reads stacked MNIST one channel at a time.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

WEIGHTS = Path(__file__).parent / "weights"
SHIPPED = tuple(sorted(p.stem for p in WEIGHTS.glob("*.json")))
# extractor: the classifier that it applies to each of three channels
STACKED = {f"stacked-{name}": name for name in SHIPPED if name.startswith("mnist-")}
NAMES = (*SHIPPED, *STACKED)
BATCH = 256
CACHED = True


@cache
def read_card(name: str) -> dict[str, Any]:
    """The card beside the weights of a classifier."""
    card: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))
    return card


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: the input has the shape of the dataset's images."""
    name = extractor.name
    card = read_card(STACKED.get(name, name))
    side, channels = card["side"], 3 if name in STACKED else 1
    return {
        "id": f"{name}@{card['sha256'][:8]}",
        "input": [side, side, channels],
        "d": channels * card["recipe"]["d"],
        "sha256": card["sha256"],
        "test_accuracy": card["test_accuracy"],
    }


def load(extractor: Extractor) -> Run:
    """Images [n, side, side, C] to features [n, C d], channels side by side, and logits."""
    import torch

    from ganbench.features.cnn import network

    model = network.load(STACKED.get(extractor.name, extractor.name))

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, channels = len(x), x.shape[-1]
        grey = torch.from_numpy(x.transpose(0, 3, 1, 2).reshape(n * channels, *x.shape[1:3], 1))
        h, z = model(network.to_input(grey))
        logits = z.numpy().reshape(n, channels, -1)
        return h.numpy().reshape(n, -1), logits if extractor.name in STACKED else logits[:, 0]

    return run
