"""The average of the weights that a GAN is sampled with, and the statistics that belong to given weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel

from ganbench.gan import Gan

Tensors = tuple[Tensor, ...] | list[Tensor]

BATCHES, BATCH = 16, 250  # of generated samples that the statistics are taken from


def decay(ema: float, steps: int) -> float:
    """What an average keeps of itself in step number `steps`: at most `ema`, and less while there are few steps.

    With `ema` from the start, 0.9999^1875 = 83 % of the average after 1,875 steps would be the first weights. So the average
    reaches back over about a tenth of the steps so far, until that is what `ema` reaches back over.
    """
    return min(ema, (1 + steps) / (10 + steps))


def averaged(gan: Gan, ema: float) -> AveragedModel:
    """A copy of `gan` whose `update_parameters` moves its weights towards those of `gan`, by `decay`."""

    def move(averages: Tensors, current: Tensors, steps: Tensor | int) -> None:
        torch._foreach_lerp_(averages, current, 1 - decay(ema, int(steps)))

    return AveragedModel(gan, multi_avg_fn=move)


@torch.no_grad()
def refresh(gan: Gan, conditions: Callable[[int], Tensor | None]) -> None:
    """Work out anew what follows from the weights: batch norm's statistics of G, and spectral norm's vectors of both players.

    A part of G that no sample passes, such as an encoder, keeps the statistics of training.

    The last training steps left statistics of other weights: of the live weights if the weights are averaged, and of a G that
    has moved on in any case.

    Args:
        gan: left in evaluation mode.
        conditions: draws conditions `[n, *cond]` for n samples; None for a GAN without conditions.
    """
    norms = {module: module.momentum for module in gan.G.modules() if isinstance(module, _BatchNorm)}
    spectral = [module for module in gan.modules() if parametrize.is_parametrized(module, "weight")]
    gan.eval()
    trained = {norm: {name: value.clone() for name, value in norm.named_buffers()} for norm in norms}
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    for module in (*norms, *spectral):
        module.train()
    for _ in range(BATCHES):
        for module in spectral:
            module.weight  # noqa: B018  one power iteration
        if norms:
            gan.sample(BATCH, cond=conditions(BATCH))
    for norm, momentum in norms.items():
        norm.momentum = momentum
        if not norm.num_batches_tracked:
            norm.load_state_dict(trained[norm], strict=False)
    gan.eval()
