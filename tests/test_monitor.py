"""Scores while training: the training stays as it was, loggers get the values, and the guide runs as it is printed."""

from __future__ import annotations

import random
import re
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from conftest import REPOSITORY
from torch import nn

from ganbench import Monitor, Scorer
from ganbench.errors import Unreachable, UserError
from ganbench.scoring import monitor as monitors

Z = 4


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.of(np.random.default_rng(0).normal(size=(60, 2)), metrics=["fid", "kid", "modes"])


def generator() -> nn.Sequential:
    """A generator with noise inside, a running mean, and a part that is frozen in eval mode."""
    torch.manual_seed(0)
    G = nn.Sequential(nn.Linear(Z, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Sequential(nn.Linear(8, 2)))
    G[3].eval()
    return G


def trained(scorer: Scorer | None) -> tuple[dict[str, torch.Tensor], list[float], list[bool]]:
    """Weights, random numbers and modes after a short training with a monitor or without."""
    G = generator()
    optimiser = torch.optim.Adam(G.parameters())
    monitor = None
    if scorer is not None:

        def draw(k: int) -> torch.Tensor:
            random.random()
            np.random.rand()  # noqa: NPY002
            sample: torch.Tensor = G(torch.randn(k, Z))
            return sample

        monitor = Monitor(scorer, draw, [G], every=2, n=30)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    for step in range(1, 6):
        optimiser.zero_grad()
        G(torch.randn(16, Z)).square().mean().backward()
        optimiser.step()
        if monitor is not None:
            monitor(step)
            assert list(monitor.results) == list(range(2, step + 1, 2))
    numbers = [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002
    return dict(G.state_dict()), numbers, [part.training for part in G.modules()]


def test_a_training_with_a_monitor_has_the_bits_of_one_without(scorer: Scorer) -> None:
    (weights, numbers, modes), (plain, drawn, kept) = trained(scorer), trained(None)
    assert all(torch.equal(weights[name], plain[name]) for name in plain)
    assert (numbers, modes) == (drawn, kept)


def test_a_fault_in_drawing_leaves_the_training_as_it_was(scorer: Scorer) -> None:
    G = generator()
    modes, state = [part.training for part in G.modules()], torch.get_rng_state()

    def draw(k: int) -> torch.Tensor:
        torch.randn(k)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Monitor(scorer, draw, [G], every=1)(1)
    assert [part.training for part in G.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)


def test_steps_that_jump_or_come_twice_are_scored_once_each_time(scorer: Scorer) -> None:
    monitor = Monitor(scorer, lambda k: np.random.default_rng(k).normal(size=(k, 2)), every=10, n=30)
    for step in (0, 9, 11, 11, 13, 30, 30, 31):
        monitor(step)
    assert list(monitor.results) == [11, 30]


def test_equal_weights_have_an_equal_score_at_every_step(scorer: Scorer) -> None:
    G = generator()
    monitor = Monitor(scorer, lambda k: G(torch.randn(k, Z)), [G], every=1, n=30)
    first, second = monitor(1), monitor(2)
    assert first is not None
    assert second is not None
    assert first.metrics == second.metrics


class Board:
    def __init__(self) -> None:
        self.seen: list[tuple[str, float, int]] = []

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.seen.append((tag, value, step))


class Run:
    def __init__(self) -> None:
        self.seen: list[tuple[str, float, int]] = []

    def log(self, values: dict[str, float], step: int) -> None:
        self.seen += [(tag, value, step) for tag, value in values.items()]


@pytest.mark.parametrize("kind", [Board, Run])
def test_a_logger_gets_the_values_that_were_computed(kind: Any, scorer: Scorer) -> None:
    logger = kind()
    result = Monitor(scorer, lambda k: np.random.default_rng(k).normal(size=(k, 2)), every=1, n=30, logger=logger)(3)
    assert result is not None
    assert logger.seen == [(f"ganbench/{name}", result.metrics[name].value, 3) for name in ("fid", "kid")]


def test_what_cannot_log_or_count_is_refused_at_once(scorer: Scorer) -> None:
    with pytest.raises(UserError, match="logger: int has neither add_scalar"):
        Monitor(scorer, lambda k: None, logger=3)
    with pytest.raises(UserError, match="every=0: must be at least 1"):
        Monitor(scorer, lambda k: None, every=0)


def test_without_lightning_its_callback_says_what_to_install(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Unreachable, match="pip install lightning"):
        monitors.lightning(Monitor(scorer, lambda k: None))


class Trainer:
    """A stand-in for the part of Lightning's trainer that the guide uses."""

    is_global_zero = True

    def __init__(self, max_steps: int, callbacks: list[Any], **unused: Any) -> None:
        self.max_steps, self.callbacks, self.global_step = max_steps, callbacks, 0

    def fit(self, model: Any, batches: Any) -> None:
        optimiser = model.configure_optimizers()
        for index, batch in zip(range(self.max_steps), batches, strict=False):
            optimiser.zero_grad()
            loss = model.training_step(batch, index)
            loss.backward()
            optimiser.step()
            self.global_step += 1
            for callback in self.callbacks:
                callback.on_train_batch_end(self, model, loss, batch, index)


class Accelerator:
    """A stand-in for the part of Accelerate that the guide uses."""

    is_main_process, device = True, torch.device("cpu")

    def __init__(self, cpu: bool) -> None:
        assert cpu

    def prepare(self, *parts: Any) -> tuple[Any, ...]:
        return parts

    def unwrap_model(self, model: Any) -> Any:
        return model

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **parts: Any) -> None:
    """A module of this name with these parts, unless the package is installed."""
    try:
        __import__(name)
    except ModuleNotFoundError:
        module = ModuleType(name)
        module.__dict__.update(parts)
        monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.filterwarnings("ignore:::lightning")
@pytest.mark.filterwarnings("ignore:::accelerate")
def test_the_guide_runs_as_it_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With Lightning and Accelerate where they are installed, else with stand-ins of what the guide uses."""
    kind = type("LightningModule", (nn.Module,), {"device": torch.device("cpu")})
    stand_in(monkeypatch, "lightning.pytorch", Trainer=Trainer, LightningModule=kind, Callback=object)
    stand_in(monkeypatch, "accelerate", Accelerator=Accelerator)
    text = (REPOSITORY / "docs/guides/score-while-training.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "guide"}
    steps = []
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "score-while-training.md", "exec"), names)
        steps.append(list(names["monitor"].results))
    assert steps == [[10, 20], [10], [10, 20], [10, 20]]
    assert re.search(r"^10 ganbench/fid [\d.]+$", capsys.readouterr().out, re.MULTILINE)
