"""Random weights for the networks whose own cannot be had everywhere: the real architecture, from a seed."""

# mypy: no-strict-optional

from __future__ import annotations

import hashlib
import warnings
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import nn


def inception(path: Path, seed: int = 0) -> str:
    """Write weights for Inception v3, under which no layer dies out; returns what `--weights` takes."""
    rng = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        network = layers()
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=rng)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02, generator=rng)
            nn.init.normal_(module.bias, generator=rng)
        elif isinstance(module, nn.BatchNorm2d):
            for values in (module.running_var, module.weight):
                nn.init.uniform_(values, 0.5, 1.5, generator=rng)
            for values in (module.running_mean, module.bias):
                nn.init.normal_(values, std=0.1, generator=rng)
            module.num_batches_tracked.zero_()
    torch.save(network.state_dict(), path)
    return pinned(path)


def pinned(path: Path) -> str:
    """A file of weights with its hash, as `--weights` takes it."""
    return f"{path}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


@torch.inference_mode()
def run_inception(weights: str, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features `[n, 2048]` and logits with their bias `[n, 1008]` of inputs `[n, 3, 299, 299]`, by torch-fidelity's layers."""
    network = layers().eval()
    network.load_state_dict(torch.load(weights.partition("#")[0], weights_only=True))
    *blocks, fc = network.values()
    h = nn.Sequential(*blocks)(x).mean((2, 3))
    return h.numpy(), fc(h).numpy()


DEPTH = 2  # of the 24 layers of either transformer; all other sizes are those of the published networks
WIDTH = 1024
SCALES = (
    "norm.weight",
    "norm1.weight",
    "norm2.weight",
    "ln_1.weight",
    "ln_2.weight",
    "ln_pre.weight",
    "ln_post.weight",
)


def dinov2(path: Path, seed: int = 0) -> str:
    """Write weights for DINOv2 ViT-L/14 with two of its layers; returns what `--weights` takes."""
    d, grid = WIDTH, 37
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, d), "pos_embed": (1, grid**2 + 1, d), "mask_token": (1, d), "norm.weight": (d,), "norm.bias": (d,),
        "patch_embed.proj.weight": (d, 3, 14, 14), "patch_embed.proj.bias": (d,),
    }  # fmt: skip
    for i in range(DEPTH):
        layer = {
            "norm1.weight": (d,), "norm1.bias": (d,), "norm2.weight": (d,), "norm2.bias": (d,), "ls1.gamma": (d,), "ls2.gamma": (d,),
            "attn.qkv.weight": (3 * d, d), "attn.qkv.bias": (3 * d,), "attn.proj.weight": (d, d), "attn.proj.bias": (d,),
            "mlp.fc1.weight": (4 * d, d), "mlp.fc1.bias": (4 * d,), "mlp.fc2.weight": (d, 4 * d), "mlp.fc2.bias": (d,),
        }  # fmt: skip
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in layer.items()}
    torch.save(drawn(shapes, seed), path)
    return pinned(path)


def clip(path: Path, seed: int = 0) -> str:
    """Write weights for the image tower of CLIP ViT-L/14 at 336 pixels with two of its layers, as a TorchScript archive."""
    d, grid, out = WIDTH, 24, 768
    shapes: dict[str, tuple[int, ...]] = {
        "visual.class_embedding": (d,), "visual.positional_embedding": (grid**2 + 1, d), "visual.proj": (d, out),
        "visual.conv1.weight": (d, 3, 14, 14), "text_projection": (8, out), "logit_scale": (),
    }  # fmt: skip
    shapes |= {f"visual.{norm}.{part}": (d,) for norm in ("ln_pre", "ln_post") for part in ("weight", "bias")}
    for i in range(DEPTH):
        layer = {
            "attn.in_proj_weight": (3 * d, d), "attn.in_proj_bias": (3 * d,), "attn.out_proj.weight": (d, d),
            "attn.out_proj.bias": (d,), "ln_1.weight": (d,), "ln_1.bias": (d,), "ln_2.weight": (d,), "ln_2.bias": (d,),
            "mlp.c_fc.weight": (4 * d, d), "mlp.c_fc.bias": (4 * d,), "mlp.c_proj.weight": (d, 4 * d), "mlp.c_proj.bias": (d,),
        }  # fmt: skip
        shapes |= {f"visual.transformer.resblocks.{i}.{name}": shape for name, shape in layer.items()}
    root = nn.Module()
    for name, array in drawn(shapes, seed).items():
        *places, last = name.split(".")
        module = root
        for place in places:
            if place not in module._modules:
                module.add_module(place, nn.Module())
            module = module._modules[place]
        module.register_buffer(last, array.half().float())  # the published weights are halves
    with warnings.catch_warnings(action="ignore"):  # torch warns that TorchScript is old
        torch.jit.script(root).save(path)
    return pinned(path)


def drawn(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Normal weights: matrices that keep the size of their input, and all else of size 0.2 around 1 for scales, 0 for shifts."""
    rng = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        size = prod(shape[1:]) ** -0.5 if len(shape) > 1 and "pos" not in name else 0.2
        scale = 1.0 if name.endswith(SCALES) else 0.0
        weights[name] = scale + size * torch.randn(shape, generator=rng)
    return weights


def layers() -> nn.ModuleDict:
    """torch-fidelity's layers of Inception v3 in the order in which they run, under their names in its file of weights."""
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


def lpips(folder: Path, seed: int = 0) -> list[str]:
    """Write weights of AlexNet's convolutions and of LPIPS's channels, under their published names; what `--weights` would take."""
    from ganbench.features import _lpips

    sizes, widths = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}, []
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (out, into, side) in sizes.items():
        shapes |= {f"features.{number}.weight": (out, into, side, side), f"features.{number}.bias": (out,)}
        widths.append(out)
    channels = drawn({f"lin{i}.model.1.weight": (1, width, 1, 1) for i, width in enumerate(widths)}, seed)
    contents = drawn(shapes, seed), {name: array.abs() for name, array in channels.items()}
    paths = [folder / weights.file for weights in _lpips.FILES]
    for path, content in zip(paths, contents, strict=True):
        torch.save(content, path)
    return [pinned(path) for path in paths]


@torch.inference_mode()
def run_lpips(folder: Path, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """LPIPS of pairs of the images `x`, by torchvision's AlexNet and torch-fidelity's distance."""
    from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS, normalize_tensor, spatial_average
    from torchvision.models import alexnet

    from ganbench.features import _lpips

    network, channels = (torch.load(folder / weights.file, weights_only=True) for weights in _lpips.FILES)
    with torch.device("meta"):
        layers = alexnet().features
    layers = layers.to_empty(device="cpu").eval()
    layers.load_state_dict({name.removeprefix("features."): array for name, array in network.items()})
    images = torch.from_numpy(x).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    h, total = SampleSimilarityLPIPS.normalize(images), torch.zeros(len(rows))
    if min(h.shape[2:]) < 64:
        h = SampleSimilarityLPIPS.resize(h, 64)
    ends = {1: 0, 4: 1, 7: 2, 9: 3, 11: 4}  # the places of the ReLUs, and the layers of LPIPS
    for place, layer in enumerate(layers):
        h = layer(h)
        if place in ends:
            h = h.clone()  # the layers work in place
            unit = normalize_tensor(h)
            difference = (unit[rows[:, 0]] - unit[rows[:, 1]]) ** 2
            weight = channels[f"lin{ends[place]}.model.1.weight"]
            total += spatial_average(torch.nn.functional.conv2d(difference, weight)).reshape(-1)
    return total.numpy()
