"""Random weights for the networks whose own cannot be had everywhere: the real architecture, from a seed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import nn


def inception(path: Path, seed: int = 0) -> str:
    """Write weights for Inception v3, under which no layer dies out; returns what `--weights` takes."""
    from ganbench.features.inception import layers

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
