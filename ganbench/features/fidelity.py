"""Transformers: DINOv2 (Oquab et al. 2023, arXiv:2304.07193) and CLIP (Radford et al. 2021, arXiv:2103.00020).

The names say how images are resized. `dinov2` and `clip` get images as in torch-fidelity 0.4: resized bilinearly as TensorFlow
1 did. `dinov2-dgm-eval` resizes like dgm-eval, the code of the literature's FD-DINOv2 (Stein et al. 2023, arXiv:2306.04675).
`dinov2-edm2` resizes like EDM2 (Karras et al. 2024, arXiv:2312.02696). `clip-l14@336` gives the embeddings of CMMD, of length 1
(Jayasumana et al. 2024, arXiv:2401.09603).

DINOv2 is ViT-L/14, the class token after the last normalisation. torch-fidelity would download and run the current code of
the authors' repository. So this file contains the transformer, and only the weights are downloaded. CLIP is the image tower,
ViT-B/32 for `clip` and ViT-L/14 for `clip-l14@336`, built by torch-fidelity. Its weights are a TorchScript archive, and such an
archive can contain code. So the file is opened only with the right hash, and only its arrays are used.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganbench.errors import Unreachable
from ganbench.features import _weights
from ganbench.features._devices import to_numpy
from ganbench.features._weights import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.features import Extractor, Run

BATCH = 16
CACHED = True
HEAD = 64  # features of one attention head

DINOV2 = Weights(
    "dinov2_vitl14_pretrain.pth",
    "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
    "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    1_217_586_395,
)
CLIP_B32 = Weights(
    "ViT-B-32.pt",
    "https://openaipublic.azureedge.net/clip/models/"
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    353_976_522,
)
CLIP_L14 = Weights(
    "ViT-L-14-336px.pt",
    "https://openaipublic.azureedge.net/clip/models/"
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02/ViT-L-14-336px.pt",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    934_088_680,
)


class _Colours(NamedTuple):
    """Mean and standard deviation of the three channels in [0, 1], with which a network was trained."""

    mean: tuple[float, float, float]
    sd: tuple[float, float, float]


IMAGENET = _Colours((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OPENAI = _Colours((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


class _Card(NamedTuple):
    d: int
    colours: _Colours
    weights: Weights
    resize: str = "tf1-bilinear"  # one of `RESIZE`
    side: int = 224
    unit: bool = False  # whether features are scaled to length 1


RESIZE = {  # functions of `_resize`
    "tf1-bilinear": "tf1",
    "pil-bicubic-uint8": "pillow",
    "torch-bicubic, antialiased, unclipped,": "overshooting",
    "centre crop, pil-bicubic-uint8": "cropped",
}
CARDS = {
    "dinov2": _Card(1024, IMAGENET, DINOV2),
    "dinov2-dgm-eval": _Card(1024, IMAGENET, DINOV2, "pil-bicubic-uint8"),
    "dinov2-edm2": _Card(1024, IMAGENET, DINOV2, "torch-bicubic, antialiased, unclipped,"),
    "clip": _Card(512, OPENAI, CLIP_B32),
    "clip-l14@336": _Card(768, OPENAI, CLIP_L14, "centre crop, pil-bicubic-uint8", 336, unit=True),
}
NAMES = tuple(CARDS)


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: images of any size."""
    card = CARDS[extractor.name]
    return _weights.describe(card.weights, extractor, card.d, f"{card.resize} to {card.side} x {card.side}", None)


@lru_cache(maxsize=1)
def load(extractor: Extractor) -> Run:
    """Images [n, H, W, 1 or 3] to features [n, d]; no logits."""
    import torch
    from torch.nn import functional as F

    from ganbench.features import _resize

    card, dtype, device = CARDS[extractor.name], _resize.DTYPES[extractor.precision], extractor.device
    content = io.BytesIO(_weights.read(card.weights, extractor.weights))
    with _weights.sound(extractor.weights):
        if card.weights == DINOV2:
            network = vision_transformer(torch.load(content, "cpu", weights_only=True), card.side, dtype, device)
        else:
            with warnings.catch_warnings(action="ignore"):  # torch warns that TorchScript is old
                network = image_tower(torch.jit.load(content, "cpu").state_dict(), dtype, device)
    mean, sd = (255 * torch.tensor(values).reshape(3, 1, 1).to(device) for values in card.colours)
    resize = getattr(_resize, RESIZE[card.resize])

    @torch.inference_mode()
    def run(x: np.ndarray) -> tuple[np.ndarray, None]:
        images = (resize(x, card.side, device) - mean) / sd
        features = network(images.to(dtype)).float()
        return to_numpy(F.normalize(features) if card.unit else features), None

    return run


def image_tower(state: dict[str, Any], dtype: Any, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """CLIP's image encoder, from the weights of all of CLIP."""
    try:
        from torch_fidelity.feature_extractor_clip import build_model
    except ModuleNotFoundError:
        raise Unreachable("the extractor clip needs torch-fidelity: pip install 'ganbench[peers]'") from None

    tower: Callable[[Tensor], Tensor] = build_model(state, dtype).visual.to(device, dtype)
    return tower


def vision_transformer(state: dict[str, Any], side: int, dtype: Any, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """The transformer of DINOv2: images [n, 3, side, side] to its class token [n, d].

    Its positions were learned for larger images. They are interpolated as in the authors' code: bicubic, at a scale that is a
    tenth of a patch too large.

    Args:
        state: the authors' weights; depth and width are read from them.
        side: of the images; a multiple of the patch's.
        dtype: of the arithmetic.
        device: of the arithmetic, and of the images.
    """
    import torch
    from torch.nn import functional as F

    w = {name: array.float() for name, array in state.items()}
    d, patch = w["patch_embed.proj.weight"].shape[0], w["patch_embed.proj.weight"].shape[-1]
    grid = round((w["pos_embed"].shape[1] - 1) ** 0.5)
    places = w["pos_embed"][:, 1:].reshape(1, grid, grid, d).permute(0, 3, 1, 2)
    if side // patch != grid:
        scale = (side // patch + 0.1) / grid
        places = F.interpolate(places, scale_factor=(scale, scale), mode="bicubic")
    w["places"] = places.flatten(2).mT
    w["class"] = w["cls_token"] + w["pos_embed"][:, :1]
    w = {name: array.to(device, dtype) for name, array in w.items()}
    depth = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("blocks."))

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (d,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)

    def attention(x: Tensor, name: str) -> Tensor:
        q, k, v = linear(x, f"{name}.qkv").unflatten(2, (3, -1, HEAD)).permute(2, 0, 3, 1, 4)
        return linear(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2), f"{name}.proj")

    def network(x: Tensor) -> Tensor:
        patches = F.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=patch).flatten(2).mT
        h = torch.cat([w["class"].expand(len(x), -1, -1), patches + w["places"]], 1)
        for name in (f"blocks.{i}" for i in range(depth)):
            h = h + w[f"{name}.ls1.gamma"] * attention(norm(h, f"{name}.norm1"), f"{name}.attn")
            inner = F.gelu(linear(norm(h, f"{name}.norm2"), f"{name}.mlp.fc1"))
            h = h + w[f"{name}.ls2.gamma"] * linear(inner, f"{name}.mlp.fc2")
        return norm(h[:, 0], "norm")

    return network
