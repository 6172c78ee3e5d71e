"""Inception v3 of 2015, the network of the literature's FID and Inception Score (Heusel et al. 2017, arXiv:1706.08500).

`inception` resizes as TensorFlow 1 did, like TTUR, pytorch-fid's reference and torch-fidelity; `inception-clean` resizes like
clean-fid (Parmar et al. 2022, arXiv:2104.11222). The network is torch-fidelity's, with the same file of weights. It is faster:
batch normalisation is folded into the convolutions, and the convolutions run with channels last; see also
`_inception_v3.PooledConv`, `STREAMS` and `SLICE`.

The features are the 2,048 outputs of the last pooling. Logits have 1,008 classes and no bias (torch-fidelity's
`logits_unbiased`), as in the Inception Score of Salimans et al. 2016 (arXiv:1606.03498).

Two extractors give what other evaluators take from the same network. `inception-spatial` gives the features of sFID (Nash et
al. 2021, arXiv:2103.03841) as guided-diffusion computes them: the first 7 channels of the map of 17 x 17 pixels that TensorFlow
calls `mixed_6/conv`. In torch-fidelity it is the branch of single pixels of `Mixed_6d`. `inception-studiogan` is the network as
StudioGAN runs it: PyTorch's bilinear resize, an input of x / 127.5 - 1, and logits with their bias.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.features import _weights
from ganbench.features._devices import to_numpy
from ganbench.features._weights import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.features import Extractor, Run

SPATIAL, STUDIOGAN = "inception-spatial", "inception-studiogan"
STREAMS = 2  # parts that are computed at once, each with its share of the threads: while one waits, the other works
PART = 25  # images per part. It divides the usual sizes of sets: filling up a last batch is wasted work
BATCH = STREAMS * PART
SLICE = 5  # images in the stem at once: the maps of larger slices do not fit the CPU's caches
CACHED = True
SIDE = 299
CHANNELS, MAP = 7, 17  # of sFID: 7 x 17 x 17 numbers are about as many as FID's 2,048
RESIZE = {
    "inception": "tf1-bilinear",
    "inception-clean": "pil-bicubic-float",
    SPATIAL: "tf1-bilinear",
    STUDIOGAN: "torch-bilinear",
}
NAMES = tuple(RESIZE)
WEIGHTS = Weights(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    95_628_359,
)


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: images of any size."""
    resize = f"{RESIZE[extractor.name]} to {SIDE} x {SIDE}"
    if extractor.name == SPATIAL:
        return _weights.describe(WEIGHTS, extractor, CHANNELS * MAP * MAP, resize, None)
    bias = "with" if extractor.name == STUDIOGAN else "without"
    return _weights.describe(WEIGHTS, extractor, 2048, resize, f"1008 classes, {bias} the bias")


@lru_cache(maxsize=1)
def load(extractor: Extractor) -> Run:
    """Images [n, H, W, 1 or 3] to features [n, 2048] and logits [n, 1008]; `inception-spatial` to features [n, 2023]."""
    import torch

    from ganbench.features import _inception_v3, _resize

    content = io.BytesIO(_weights.read(WEIGHTS, extractor.weights))
    with _weights.sound(extractor.weights):
        stem, blocks, head, bias = _inception_v3.network(torch.load(content, "cpu", weights_only=True))
    resizes = {"tf1-bilinear": _resize.tf1, "pil-bicubic-float": _resize.clean, "torch-bilinear": _resize.bilinear}
    resize = resizes[RESIZE[extractor.name]]
    middle = 127.5 if extractor.name == STUDIOGAN else 128
    device = extractor.device
    head, bias = head.to(device), (bias if extractor.name == STUDIOGAN else torch.zeros(())).to(device)
    blocks = _inception_v3.spatial(blocks) if extractor.name == SPATIAL else blocks
    dtype = _resize.DTYPES[extractor.precision]
    stem, blocks = (net.to(memory_format=torch.channels_last).to(device, dtype) for net in (stem, blocks))
    on_cpu = device == "cpu"
    size = SLICE if on_cpu else BATCH

    def stemmed(x: np.ndarray) -> Tensor:
        images = (resize(x, SIDE, device) - middle) / middle
        maps: Tensor = stem(images.to(dtype=dtype, memory_format=torch.channels_last))
        return maps

    @torch.inference_mode()
    def part(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        maps = blocks(torch.cat([stemmed(x[start : start + size]) for start in range(0, len(x), size)])).float()
        if extractor.name == SPATIAL:
            return to_numpy(maps[:, :CHANNELS].permute(0, 2, 3, 1).flatten(1)), None  # in TensorFlow's order
        features = maps.mean((2, 3))
        return to_numpy(features), to_numpy(features @ head.T + bias)

    if not on_cpu:
        return part
    share = max(1, torch.get_num_threads() // STREAMS)
    streams = ThreadPoolExecutor(STREAMS, initializer=torch.set_num_threads, initargs=(share,))

    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        features, logits = zip(*streams.map(part, (x[i : i + PART] for i in range(0, len(x), PART))), strict=True)
        return np.concatenate(features), None if logits[0] is None else np.concatenate(logits)

    return run
