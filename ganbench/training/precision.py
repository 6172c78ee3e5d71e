"""bf16 for the players' layers, fp32 for what the losses are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def fp32(made: Any) -> Any:
    """The same tensors in fp32: a tensor, or a tuple, list or dict of tensors; anything else as it is."""
    if isinstance(made, Tensor):
        return made.float() if made.is_floating_point() else made
    if isinstance(made, tuple | list):
        return type(made)(fp32(part) for part in made)
    if isinstance(made, dict):
        return {name: fp32(part) for name, part in made.items()}
    return made


class Mixed:
    """Autocast to bf16 inside of a network, fp32 outside, for every module that a loss calls.

    A loss may call a player, a part of a player, or an entry of a container that has no `forward` of its own. The outermost
    module of such a call is where data leave the network, so hooks on all modules count how deep a call is.
    """

    def __init__(self, network: nn.Module, device: str) -> None:
        self.depth = 0
        self.autocast = torch.autocast(device, torch.bfloat16)
        for module in network.modules():
            module.register_forward_pre_hook(self._enter)
            module.register_forward_hook(self._leave, always_call=True)

    def _enter(self, module: nn.Module, given: Any) -> None:
        if self.depth == 0:
            self.autocast.__enter__()
        self.depth += 1

    def _leave(self, module: nn.Module, given: Any, made: Any) -> Any:
        self.depth -= 1
        if self.depth:
            return made
        self.autocast.__exit__(None, None, None)
        return fp32(made)
