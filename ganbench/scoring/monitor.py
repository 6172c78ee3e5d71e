"""Scores of a generator while it trains, in any loop.

    monitor = Monitor(Scorer.of("mnist", range="-1,1"), draw, modules=[G], every=1000)
    monitor(step)  # in the loop

The training stays as it was: see `undisturbed`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench import samples
from ganbench.errors import Unreachable, UserError
from ganbench.samples import UNDECLARED
from ganbench.scoring.result import Result
from ganbench.scoring.scorer import Scorer

if TYPE_CHECKING:
    from torch.nn import Module

PREFIX = "ganbench/"  # of the names that a logger gets


@contextmanager
def undisturbed(modules: Sequence[Module], seed: int) -> Iterator[None]:
    """Modules in eval mode, no gradients, and all generators of random numbers at `seed`. Afterwards all is as before.

    The generators are those of Python, numpy, and torch on the CPU and on CUDA. Each part of a module gets its own mode back.
    """
    import torch

    modes = [(part, part.training) for module in modules for part in module.modules()]
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002  the training may use it
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with ExitStack() as opened:
        opened.enter_context(torch.random.fork_rng(devices=gpus))
        opened.enter_context(torch.no_grad())
        opened.callback(random.setstate, python)
        opened.callback(np.random.set_state, arrays)
        for part, mode in modes:
            opened.callback(setattr, part, "training", mode)
        for module in modules:
            module.eval()
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.manual_seed(seed)
        yield


@dataclass
class Monitor:
    """Scores a generator every few steps: `monitor(step)`.

    Args:
        scorer: the real data and the protocol. Its range is that of what `draw` gives.
        draw: gives k samples, in any form that `score` reads.
        modules: the networks that `draw` uses. They are in eval mode while it draws.
        every: steps between two scores.
        n: samples of a score.
        seed: of the samples. It is the same each time, so a change of the score is a change of the generator.
        logger: gets each value: an object with TensorBoard's `add_scalar(tag, value, step)`, or with the method
            `log(values, step=step)` of Weights & Biases.

    Raises:
        UserError: the logger has neither of the two methods, or `every` is no positive number.
    """

    scorer: Scorer
    draw: Callable[[int], Any]
    modules: Sequence[Module] = ()
    every: int = 1000
    n: int = 2000
    seed: int = 0
    logger: Any = None
    results: dict[int, Result] = field(default_factory=dict, init=False)  # by step
    _last: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UserError(f"every={self.every}: must be at least 1")
        if self.logger is not None and not (hasattr(self.logger, "add_scalar") or hasattr(self.logger, "log")):
            raise UserError(
                f"logger: {type(self.logger).__name__} has neither add_scalar(tag, value, step) nor log(values, step=)"
            )

    def __call__(self, step: int) -> Result | None:
        """Score if `every` steps have passed since the last score; `step` may jump, or come twice. None without a score."""
        if step // self.every <= self._last // self.every:
            return None
        self._last = step
        with undisturbed(self.modules, self.seed):
            declaration = self.scorer.declarations.get("samples", UNDECLARED)
            result = self.scorer(samples.read(self.draw, declaration, self.n, f"step {step:,}"))
        self.results[step] = result
        log(self.logger, result, step)
        return result


def log(logger: Any, result: Result, step: int) -> None:
    """Give the values of a result to a logger; None for no logger."""
    values = {f"{PREFIX}{name}": m.value for name, m in result.metrics.items() if m.value is not None}
    if hasattr(logger, "add_scalar"):
        for tag, value in values.items():
            logger.add_scalar(tag, value, step)
    elif logger is not None:
        logger.log(values, step=step)


def lightning(monitor: Monitor) -> Any:
    """A callback of Lightning that calls a monitor after each training batch, in the first process alone.

    Its steps are Lightning's `global_step`, which counts the steps of all optimisers.

    Raises:
        Unreachable: neither `lightning` nor `pytorch_lightning` is installed.
    """
    import importlib

    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            kind = importlib.import_module(name).Callback
        except ModuleNotFoundError:
            continue

        def on_train_batch_end(self: Any, trainer: Any, *batch: Any) -> None:
            if trainer.is_global_zero:
                monitor(trainer.global_step)

        return type("Scores", (kind,), {"on_train_batch_end": on_train_batch_end})()
    raise Unreachable("a callback of Lightning needs Lightning: pip install lightning")
