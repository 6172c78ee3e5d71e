"""The average of the weights, and the statistics that are worked out anew for given weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ganbench import baseline
from ganbench.gan import DataSpec
from ganbench.training.average import averaged, decay, refresh


def build(name: str, **overrides: object) -> Any:
    torch.manual_seed(0)
    return baseline.create(Path(f"baselines/{name}.py"), DataSpec((1, 8, 8), classes=10), {"width": 4, **overrides})


def test_average_forgets_its_first_weights() -> None:
    gan = build("dcgan")
    average = averaged(gan, 0.9999)
    weight = next(gan.G.parameters())
    for step in range(1, 201):
        with torch.no_grad():
            weight.fill_(1.0 if step > 100 else 0.0)
        average.update_parameters(gan)
    assert (
        next(average.module.get_submodule("G").parameters()).min() > 0.99
    )  # a plain average with 0.9999 would stay below 0.01


@pytest.mark.parametrize(("ema", "steps", "expected"), [(0.99, 0, 0.1), (0.99, 80, 0.9), (0.99, 10**6, 0.99)])
def test_decay_rises_with_the_steps_up_to_ema(ema: float, steps: int, expected: float) -> None:
    assert decay(ema, steps) == pytest.approx(expected)


def test_refreshed_batch_norm_gives_what_training_mode_gives() -> None:
    gan = build("dcgan")
    with torch.no_grad():
        for layer in gan.G.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.get_buffer("running_mean").fill_(3.0)
    z = gan.latent(4000)
    with torch.no_grad():
        expected = gan.train().generate(z)
    refresh(gan, lambda n: None)
    assert not gan.training
    with torch.no_grad():
        assert (gan.generate(z) - expected).abs().max() < 0.05


@pytest.mark.parametrize(("name", "part"), [("bigan", "encoder"), ("icgan", "z")])
def test_encoder_keeps_the_statistics_of_its_training(name: str, part: str) -> None:
    torch.manual_seed(0)
    gan = baseline.create(Path(f"baselines/{name}.py"), DataSpec((1, 16, 16), classes=10), {"width": 4, "batch": 8})
    if name == "icgan":
        gan.get_buffer("seen").fill_(10**9)  # the stage of the encoders
    norm = next(m for m in gan.G.get_submodule(part).modules() if isinstance(m, nn.BatchNorm2d))
    with torch.no_grad():
        norm.get_buffer("running_mean").fill_(3.0)
    refresh(gan, lambda n: None)
    assert (norm.get_buffer("running_mean") == 3).all()


def test_refreshed_spectral_norm_is_one() -> None:
    gan = build("biggan", z=8, embedding=4)
    with torch.no_grad():
        for name, weight in gan.named_parameters():
            if name.endswith("original"):
                nn.init.normal_(weight)  # other weights than those that the vectors belong to
    refresh(gan, lambda n: None)
    norms = [
        torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2)
        for m in gan.modules()
        if hasattr(m, "parametrizations")
    ]
    assert max(norms) < 1.1
    assert min(norms) > 0.9
