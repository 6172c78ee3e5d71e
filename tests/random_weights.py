"""Random weights for the networks whose own cannot be had everywhere: the real architecture, from a seed."""

# mypy: no-strict-optional

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

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
    return f"{path}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


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
