"""Inception v3 of 2015, the network of the literature's FID and Inception Score (Heusel et al. 2017, arXiv:1706.08500).

`inception` resizes as TensorFlow 1 did, like TTUR, pytorch-fid's reference and torch-fidelity; `inception-clean` like clean-fid
(Parmar et al. 2022, arXiv:2104.11222). The blocks are torch-fidelity's; what they do not share with it is speed: batch
normalisation is folded into the convolutions, which run with channels last, and `network` and `SLICE` say what else.

Features are the 2,048 of the last pooling. Logits are those that torch-fidelity calls unbiased, of 1,008 classes, as in the
Inception Score of Salimans et al. 2016 (arXiv:1606.03498).
"""

from __future__ import annotations

import io
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.features import _weights
from ganbench.features._weights import Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ganbench.features import Extractor, Run

NAMES = ("inception", "inception-clean")
BATCH = 16
SLICE = 4  # images of a batch that go through the stem at once: its maps of 16 leave the caches, and malloc maps them afresh
STEM = 7  # layers before the first block
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

    from ganbench.features import _resize

    content = io.BytesIO(_weights.read(WEIGHTS, extractor.weights))
    with _weights.sound(extractor.weights):
        stem, blocks, head = network(torch.load(content, "cpu", weights_only=True))
    resize = _resize.tf1 if extractor.name == "inception" else _resize.clean
    dtype = _resize.DTYPES[extractor.precision]
    stem, blocks = (part.to(dtype).to(memory_format=torch.channels_last) for part in (stem, blocks))

    def stemmed(x: np.ndarray) -> Tensor:
        images = (resize(x, SIDE) - 128) / 128
        return stem(images.to(dtype=dtype, memory_format=torch.channels_last))

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        maps = torch.cat([stemmed(x[start : start + SLICE]) for start in range(0, len(x), SLICE)])
        features = blocks(maps).float().mean((2, 3))
        return features.numpy(), (features @ head.T).numpy()

    return run


def network(state: dict[str, Any]) -> tuple[nn.Module, nn.Module, Tensor]:
    """The stem, the blocks up to the last feature maps [n, 2048, 8, 8], and the weight [1008, 2048] of the logits.

    A mean over pixels and a convolution of single pixels may change places: the blocks' average pooling comes after the
    convolution, which leaves a quarter of the channels or less.

    Args:
        state: torch-fidelity's weights; all of them are used, and none may be missing.
    """
    import torch
    from torch import nn
    from torch.fx import symbolic_trace
    from torch.nn import functional as F
    from torch.nn.utils.fusion import fuse_conv_bn_eval
    from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d

    with torch.device("meta"):  # no time is spent on weights that are replaced at once
        body = layers()
    body.load_state_dict(state, assign=True)
    body.eval().requires_grad_(False)
    body.pop("fc")
    for module in body.modules():
        if isinstance(module, BasicConv2d):
            module.conv, module.bn = fuse_conv_bn_eval(module.conv, module.bn), nn.Identity()
    ordered = list(body.values())
    stem, blocks = nn.Sequential(*ordered[:STEM]), symbolic_trace(nn.Sequential(*ordered[STEM:]))
    for pool in blocks.graph.find_nodes(op="call_function", target=F.avg_pool2d):
        (conv,) = pool.users
        conv.replace_input_with(pool, pool.args[0])
        conv.replace_all_uses_with(pool)
        pool.update_arg(0, conv)
        conv.append(pool)
    blocks.recompile()
    return stem, blocks, state["fc.weight"]


def layers() -> nn.ModuleDict:
    """The layers in the order in which they run, under the names that they have in the weights' file."""
    from torch import nn
    from torch_fidelity import feature_extractor_inceptionv3 as blocks

    basic, pool = blocks.BasicConv2d, partial(nn.MaxPool2d, kernel_size=3, stride=2)
    return nn.ModuleDict(
        {
            "Conv2d_1a_3x3": basic(3, 32, kernel_size=3, stride=2),
            "Conv2d_2a_3x3": basic(32, 32, kernel_size=3),
            "Conv2d_2b_3x3": basic(32, 64, kernel_size=3, padding=1),
            "MaxPool_1": pool(),
            "Conv2d_3b_1x1": basic(64, 80, kernel_size=1),
            "Conv2d_4a_3x3": basic(80, 192, kernel_size=3),
            "MaxPool_2": pool(),
            "Mixed_5b": blocks.InceptionA(192, pool_features=32),
            "Mixed_5c": blocks.InceptionA(256, pool_features=64),
            "Mixed_5d": blocks.InceptionA(288, pool_features=64),
            "Mixed_6a": blocks.InceptionB(288),
            "Mixed_6b": blocks.InceptionC(768, channels_7x7=128),
            "Mixed_6c": blocks.InceptionC(768, channels_7x7=160),
            "Mixed_6d": blocks.InceptionC(768, channels_7x7=160),
            "Mixed_6e": blocks.InceptionC(768, channels_7x7=192),
            "Mixed_7a": blocks.InceptionD(768),
            "Mixed_7b": blocks.InceptionE_1(1280),
            "Mixed_7c": blocks.InceptionE_2(2048),
            "fc": nn.Linear(2048, 1008),
        }
    )
