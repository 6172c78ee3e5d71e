"""Classifiers of the built-in datasets. Their features are the outputs of the last hidden layer.

Each card `weights/NAME.json` is a classifier that `ganbench.features.cnn.train` trained. To add a classifier, add its recipe
to that module and run it. A classifier of grey images reads stacked MNIST one channel at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy

from ganbench.errors import UserError
from ganbench.features._devices import to_numpy

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
        **({"kinds": list(of_damage)} if (of_damage := _kinds_of(name)) else {}),
    }


def _kinds_of(name: str) -> tuple[str, ...]:
    """The kinds of images that the second head of an extractor tells apart; empty without this head."""
    return tuple(read_card(name).get("kinds", ())) if name in SHIPPED else ()


def kinds(about: Mapping[str, Any], x: np.ndarray) -> np.ndarray | None:
    """Logits of the kinds of images, float64 `[n, K]`, from features `[n, d]`: the second head of a classifier.

    The first kind is "undamaged". None if the extractor that `about` describes is no classifier of this package with this head.
    """
    name = about["id"].partition("@")[0]
    if not _kinds_of(name) or about["sha256"] != read_card(name)["sha256"]:
        return None
    scale, weight, bias = _second_head(name)
    logits: np.ndarray = np.asarray(x, np.float64) / scale @ weight.T + bias
    return logits


@cache
def _second_head(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scale of the features, and weight `[K, d]` and bias `[K]` of the second head, read once and without torch."""
    arrays = safetensors.numpy.load(checked(WEIGHTS, name))
    return arrays["scale"], arrays["kind.weight"], arrays["kind.bias"]


def checked(folder: Path, name: str) -> bytes:
    """The file of weights of a classifier.

    Raises:
        UserError: the file has another hash than its card.
    """
    card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    path = folder / f"{name}.safetensors"
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != card["sha256"]:
        raise UserError(f"{path} has SHA-256 {sha256}, its card says {card['sha256']}: install ganbench again")
    return content


def load(extractor: Extractor) -> Run:
    """Images [n, side, side, C] to features [n, C d], channels side by side, and logits."""
    import torch

    from ganbench.features.cnn import network

    model = network.load(STACKED.get(extractor.name, extractor.name), extractor.device)

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, channels = len(x), x.shape[-1]
        grey = torch.from_numpy(x.transpose(0, 3, 1, 2).reshape(n * channels, *x.shape[1:3], 1))
        h, z = map(to_numpy, model(network.to_input(grey.to(extractor.device))))
        logits = z.reshape(n, channels, -1)
        return h.reshape(n, -1), logits if extractor.name in STACKED else logits[:, 0]

    return run
