"""The loop: algorithm 1 of Goodfellow et al. 2014 (arXiv:1406.2661) around any `Gan`.

`Training.step` is the algorithm, `steps` repeats it, and `train` leaves a run's folder behind. A run that was interrupted
resumes to the bit.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import filelock
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ganbench import baseline, data, paths
from ganbench._version import __version__
from ganbench.config import RECIPE, TrainConfig
from ganbench.display.progress import progress
from ganbench.errors import UserError
from ganbench.gan import Gan
from ganbench.training import memory
from ganbench.training.checkpoint import RunFolder, State, name_tensors, restore_optimiser, select
from ganbench.training.order import TrainingData, reseed
from ganbench.training.run import Identity, Run

HISTORY = 200  # lines of history per run
CHECKPOINTS = 10  # checkpoints per run


class Training:
    """A GAN in training: the step that advances it, and the state that a checkpoint holds."""

    def __init__(self, gan: Gan, source: TrainingData, seed: int) -> None:
        self.gan = memory.channels_last(gan)
        self.source = source
        self.seed = seed
        self.seen = 0  # real images consumed
        self.seconds = 0.0
        self.precision = torch.autocast(source.x.device.type, torch.bfloat16, gan.config.precision == "bf16")
        self.average: AveragedModel | None = None
        if gan.config.ema is not None:
            ema: Callable[[float], Callable[..., None]] = get_ema_multi_avg_fn
            self.average = AveragedModel(gan, multi_avg_fn=ema(gan.config.ema))
        self.start_stage()

    def step(self) -> dict[str, Tensor]:
        """One iteration of algorithm 1: `n_critic` steps of D, each on a fresh batch, then one step of G.

        Returns the losses as scalars, under names such as "d/loss".
        """
        config = self.gan.config
        reseed(self.seed, self.seen)
        for k in range(config.n_critic):
            real = self.source.batch(self.seed, self.seen + k * config.batch, config.batch)
            with self.precision:
                losses = self.gan.d_loss(real)
            d = descend(losses, self.opt_d)
            self.gan.after_d_step(d)
        with self.precision:
            losses = self.gan.g_loss(real)
        g = descend(losses, self.opt_g)
        if self.average is not None:
            self.average.update_parameters(self.gan)
        self.seen += config.n_critic * config.batch
        if self.gan.stage != self.stage:  # last: a stage begins between steps, and a checkpoint holds its optimisers
            self.start_stage()
        return {f"d/{k}": v for k, v in d.items()} | {f"g/{k}": v for k, v in g.items()}

    def start_stage(self) -> None:
        """Start fresh optimisers over the parameters that are trainable now."""
        self.stage = self.gan.stage
        self.opt_g = make_optimiser(self.gan.G, self.gan.config, self.gan.config.lr_g)
        self.opt_d = make_optimiser(self.gan.D, self.gan.config, self.gan.config.lr_d)
        if self.gan.config.precision == "bf16":
            for player in (self.gan.G, self.gan.D):
                player.register_forward_hook(to_fp32)

    @property
    def result(self) -> Gan:
        """The GAN for sampling. If weights are averaged, it has the averaged weights."""
        return self.gan if self.average is None else cast(Gan, self.average.module)

    @property
    def state(self) -> State:
        """The state that `restore` needs to continue this training."""
        modules: dict[str, nn.Module] = {"gan": self.gan}
        if self.average is not None:
            modules["average"] = self.average
        return State(name_tensors(modules, {"opt_g": self.opt_g, "opt_d": self.opt_d}), self.seen, self.seconds)

    def restore(self, state: State) -> None:
        """Continue from a state of the same run."""
        self.gan.load_state_dict(select(state.tensors, "gan"))
        if self.average is not None:
            self.average.load_state_dict(select(state.tensors, "average"))
        self.start_stage()
        restore_optimiser(self.opt_g, select(state.tensors, "opt_g"))
        restore_optimiser(self.opt_d, select(state.tensors, "opt_d"))
        self.seen, self.seconds = state.seen, state.seconds


def make_optimiser(network: nn.Module, config: TrainConfig, lr: float) -> torch.optim.Optimizer:
    """A fresh optimiser over the network's parameters."""
    params = list(network.parameters())
    if config.optimiser == "adam":
        return torch.optim.Adam(params, lr, config.betas, fused=True)
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(params, lr)
    return torch.optim.SGD(params, lr, config.momentum, fused=True)


def descend(losses: dict[str, Tensor], opt: torch.optim.Optimizer) -> dict[str, Tensor]:
    """One step down "loss", in the optimiser's own parameters and in no others. Returns the losses without their graph."""
    opt.zero_grad(set_to_none=True)
    torch.autograd.backward(losses["loss"], inputs=opt.param_groups[0]["params"])
    opt.step()
    return {name: value.detach() for name, value in losses.items()}


def to_fp32(player: nn.Module, given: object, made: object) -> object:
    """Forward hook of a player under autocast: the losses are made of fp32 numbers, whatever its layers computed in."""
    return made.float() if isinstance(made, Tensor) else made


class Diverged(Exception):
    """A loss is no longer finite; the message says which loss and when."""


def due(before: int, after: int, every: float) -> bool:
    """Whether a multiple of `every` lies in (before, after]."""
    return int(before // every) != int(after // every)


def steps(training: Training, images: int) -> Iterator[dict[str, float] | None]:
    """Train until `images` real images were seen. Yields the losses when a line of history is due, else None.

    Raises:
        Diverged: a loss was not finite since the last line. It is checked there, so that no step waits for the device.
    """
    finite = torch.ones((), dtype=torch.bool, device=training.source.x.device)
    while training.seen < images:
        before = training.seen
        losses = training.step()
        finite &= torch.isfinite(losses["d/loss"]) & torch.isfinite(losses["g/loss"])
        if due(before, training.seen, images / HISTORY) or training.seen >= images:
            values = {k: float(v) for k, v in losses.items()}
            if not finite:
                broken = next((k for k, v in values.items() if not math.isfinite(v)), "a loss")
                raise Diverged(f"{broken} was not finite at {training.seen:,} images")
            yield values
        else:
            yield None


def record(training: Training, images: int, folder: RunFolder, label: str) -> str | None:
    """Train until `images` real images were seen, with a line of history, progress and a checkpoint when each is due.

    Returns why the training diverged, or None.
    """
    begun = time.monotonic() - training.seconds
    saved = training.seen
    with folder.history.open("a") as log, progress(label, images, "images", training.seen) as advance:
        try:
            for losses in steps(training, images):
                training.seconds = time.monotonic() - begun
                if losses is None:
                    continue
                log.write(json.dumps({"images": training.seen, "seconds": round(training.seconds, 3), **losses}) + "\n")
                log.flush()
                advance(min(training.seen, images), f"D {losses['d/loss']:.3f}  G {losses['g/loss']:.3f}")
                if due(saved, training.seen, images / CHECKPOINTS):
                    folder.save(training.state)
                    saved = training.seen
        except Diverged as error:
            return str(error)
    if training.seen > saved:
        folder.save(training.state)
    return None


def resume(training: Training, folder: RunFolder) -> bool:
    """Continue from the last checkpoint; returns whether there is one."""
    state = folder.load(training.source.x.device)
    if state is not None:
        training.restore(state)
    return state is not None


def train(
    path: Path, dataset: str, out: Path, *, seed: int, images: int, overrides: dict[str, Any], device: str | None = None
) -> Run:
    """Train a baseline and leave `run.json`, `model.safetensors` and `history.jsonl` in `out`.

    This function changes the memory allocation of the whole process until its end: glibc's malloc keeps freed memory (see
    `memory.keep_freed`).

    Args:
        path: a baseline's file.
        dataset: name of a dataset; its training split is used.
        out: folder of the run. An interrupted run is resumed there. A finished run is left as it is; with a larger budget it
            is continued.
        seed: of the weights, the noise and the order of the data.
        images: budget, in real images seen.
        overrides: settings that differ from the baseline's `Config`.
        device: of torch; by default CUDA if there is a CUDA device.

    Returns:
        The content of `run.json`. If the run diverged, `diverged` says so and the weights are the last finite checkpoint's.

    Raises:
        UserError: unknown baseline, dataset, setting or device, data that the baseline does not support, or another run in
            `out`.
    """
    memory.keep_freed()
    source = TrainingData.load(dataset, open_device(device))
    reseed(seed)
    gan = baseline.create(path, source.spec, overrides).to(source.x.device)
    training = Training(gan, source, seed)
    identity = Identity(
        baseline=path.stem,
        source=baseline.source_hash(path),
        config=json.loads(gan.config.model_dump_json()),
        dataset=dataset,
        data=data.version(dataset),
        seed=seed,
        recipe=RECIPE,
    )
    folder = RunFolder(out, identity)
    out.mkdir(parents=True, exist_ok=True)
    label = f"train {path.stem} on {dataset}"
    with filelock.FileLock(out / ".lock"):
        if resume(training, folder) and training.seen < images:
            print(f"{label}: resumed at {training.seen:,} images", file=sys.stderr)
        folder.cut_history(training.seen)
        diverged = record(training, images, folder, label)
        if diverged is not None:
            resume(training, folder)
        folder.save_model(training.result)
        run = Run(
            **dict(identity),
            baseline_path=os.path.relpath(path.resolve(), paths.definitions()),
            overrides=overrides,
            shape=source.spec.shape,
            classes=source.spec.classes,
            images=images,
            seen=training.seen,
            diverged=diverged,
            seconds=round(training.seconds, 2),
            parameters={"G": count(gan.G), "D": count(gan.D)},
            device=str(source.x.device),
            threads=torch.get_num_threads(),
            versions={"ganbench": __version__, "torch": torch.__version__, "python": platform.python_version()},
        )
        run.write(out)
    return run


def open_device(name: str | None) -> torch.device:
    """The torch device of that name; by default CUDA if there is a CUDA device.

    Raises:
        UserError: torch knows no such device, or cannot compute on it.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.ones(1, device=name).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        why = re.split(r"\.\s|\n", str(error), maxsplit=1)[0]  # torch goes on for a page
        raise UserError(f"--device '{name}': torch cannot compute on it ({why}); use --device cpu") from None
    return torch.device(name)


def count(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in network.parameters())
