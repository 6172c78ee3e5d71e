"""The image encoder of scenes: its vectors lie in the space of the captions' vectors (Reed et al. 2016, arXiv:1605.05395).

`ganbench.features.scenes.train` trained it together with `ganbench.data.caption_encoder`. Pictures of more than 32 pixels are
averaged to 32 first.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.data.caption_encoder import SIZE
from ganbench.features._devices import to_numpy

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

WEIGHTS = Path(__file__).parent / "weights"
NAME = "shapes-encoder"
NAMES = (NAME,)
BATCH = 256
CACHED = True


@cache
def read_card() -> dict[str, Any]:
    """The card beside the weights."""
    card: dict[str, Any] = json.loads((WEIGHTS / f"{NAME}.json").read_text(encoding="utf-8"))
    return card


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: colour images whose side is a multiple of 32."""
    sha256 = read_card()["sha256"]
    return {"id": f"{NAME}@{sha256[:8]}", "input": None, "d": SIZE, "sha256": sha256, "test_accuracy": None}


def load(extractor: Extractor) -> Run:
    """Images uint8 `[n, 32 k, 32 k, 3]` to vectors float32 `[n, 64]` of length 8, and no logits.

    Raises:
        UserError: other images.
    """
    import torch

    from ganbench.features.scenes import network

    model = network.load(extractor.device)

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, None]:
        return to_numpy(model(network.to_input(x).to(extractor.device))), None

    return run
