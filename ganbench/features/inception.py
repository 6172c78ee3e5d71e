"""Inception v3 of 2015, the network of the literature's FID and Inception Score (Heusel et al. 2017, arXiv:1706.08500).

`inception` resizes as TensorFlow 1 did, like TTUR, pytorch-fid's reference and torch-fidelity; `inception-clean` resizes like
clean-fid (Parmar et al. 2022, arXiv:2104.11222). The network is torch-fidelity's, with the same file of weights. It is faster:
batch normalisation is folded into the convolutions, and the convolutions run with channels last; see also
`_inception_v3.PooledConv`, `STREAMS` and `SLICE`.

The features are the 2,048 outputs of the last pooling. Logits have 1,008 classes and no bias (torch-fidelity's
`logits_unbiased`), as in the Inception Score of Salimans et al. 2016 (arXiv:1606.03498).
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.features import _weights
from ganbench.features._weights import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.features import Extractor, Run

NAMES = ("inception", "inception-clean")
STREAMS = 2  # parts that are computed at once, each with its share of the threads: while one waits, the other works
PART = 25  # images per part. It divides the usual sizes of sets: filling up a last batch is wasted work
BATCH = STREAMS * PART
SLICE = 5  # images in the stem at once: the maps of larger slices do not fit the CPU's caches
CACHED = True
SIDE = 299
RESIZE = {"inception": "tf1-bilinear", "inception-clean": "pil-bicubic-float"}
WEIGHTS = Weights(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    95_628_359,
)


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: images of any size."""
    resize = f"{RESIZE[extractor.name]} to {SIDE} x {SIDE}"
    return _weights.describe(WEIGHTS, extractor, 2048, resize, "1008 classes, without the bias")


@lru_cache(maxsize=1)
def load(extractor: Extractor) -> Run:
    """Images [n, H, W, 1 or 3] to features [n, 2048] and logits [n, 1008]."""
    import torch

    from ganbench.features import _inception_v3, _resize

    content = io.BytesIO(_weights.read(WEIGHTS, extractor.weights))
    with _weights.sound(extractor.weights):
        stem, blocks, head = _inception_v3.network(torch.load(content, "cpu", weights_only=True))
    resize = _resize.tf1 if extractor.name == "inception" else _resize.clean
    dtype = _resize.DTYPES[extractor.precision]
    stem, blocks = (net.to(dtype).to(memory_format=torch.channels_last) for net in (stem, blocks))

    def stemmed(x: np.ndarray) -> Tensor:
        images = (resize(x, SIDE) - 128) / 128
        maps: Tensor = stem(images.to(dtype=dtype, memory_format=torch.channels_last))
        return maps

    @torch.inference_mode()
    def part(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        maps = torch.cat([stemmed(x[start : start + SLICE]) for start in range(0, len(x), SLICE)])
        features = blocks(maps).float().mean((2, 3))
        return features.numpy(), (features @ head.T).numpy()

    share = max(1, torch.get_num_threads() // STREAMS)
    streams = ThreadPoolExecutor(STREAMS, initializer=torch.set_num_threads, initargs=(share,))

    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, logits = zip(*streams.map(part, (x[i : i + PART] for i in range(0, len(x), PART))), strict=True)
        return np.concatenate(features), np.concatenate(logits)

    return run
