"""The loop: algorithm 1 of Goodfellow et al. 2014 (arXiv:1406.2661) around any `Gan`.

`Training.step` is the algorithm, `steps` repeats it, and `train` leaves a run's folder behind. A run that was interrupted
resumes to the bit.
"""

from __future__ import annotations

import copy
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import torch
from torch import Tensor, nn

from ganbench import baseline, code, data, paths
from ganbench._version import __version__
from ganbench.config import RECIPE, TrainConfig
from ganbench.display.progress import progress
from ganbench.errors import Interrupted, UserError, blamed, plain
from ganbench.gan import Gan
from ganbench.training import devices, memory, outputs, signals, team
from ganbench.training.average import averaged, refresh
from ganbench.training.checkpoint import RunFolder, State, name_tensors, restore_optimiser, select
from ganbench.training.moments import Moments
from ganbench.training.order import TrainingData, reseed
from ganbench.training.order import select as select_rows
from ganbench.training.precision import Mixed
from ganbench.training.provenance import Work
from ganbench.training.run import PARTS, Identity, Run
from ganbench.training.team import ALONE, Team

HISTORY = 200  # lines of history per run
CHECKPOINTS = 10  # checkpoints per run, due by images
MINUTES = 5.0  # between further checkpoints


class Training:
    """A GAN in training: the step that advances it, and the state that a checkpoint holds."""

    def __init__(self, gan: Gan, source: TrainingData, seed: int, budget: int = 0, us: Team = ALONE) -> None:
        us.check(gan.config.batch)
        self.gan = memory.channels_last(gan)
        self.team = us
        team.share_work(gan, us)
        self.source = source
        self.seed = seed
        self.budget = budget  # images that the run is to see; a linear schedule ends there
        self.seen = 0  # real images consumed
        self.seconds = 0.0  # of the clock
        self.cpu_seconds = 0.0  # of the process
        self.finite = torch.ones((), dtype=torch.bool, device=source.x.device)  # whether all losses were
        self.average = None if gan.config.ema is None else averaged(gan, gan.config.ema)
        if gan.config.precision == "bf16":
            Mixed(gan, source.x.device.type)
        self.start_stage()

    def step(self) -> dict[str, Tensor]:
        """One iteration of algorithm 1: `n_critic` steps of D, each on a fresh batch, then one step of G.

        Returns the losses as scalars, under names such as "d/loss".
        """
        config = self.gan.config
        self.set_rates()
        with team.step(self.team, self.seed, self.seen):
            for k in range(config.n_critic):
                batch = self.source.batch(self.seed, self.seen + k * config.batch, config.batch, self.weights)
                real = self.team.share_batch(batch)
                d = descend(self.gan.d_loss(real), self.opt_d, self.team)
                self.gan.after_d_step(d)
            g = descend(self.gan.g_loss(real), self.opt_g, self.team)
        if self.average is not None:
            self.average.update_parameters(self.gan)
        self.seen += config.n_critic * config.batch
        if self.gan.stage != self.stage:  # last: a stage begins between steps, and a checkpoint holds its optimisers
            self.start_stage()
        return {f"d/{k}": v for k, v in d.items()} | {f"g/{k}": v for k, v in g.items()}

    def start_stage(self) -> None:
        """Start fresh optimisers over the parameters that are trainable now, and ask how often each sample is drawn."""
        self.stage = self.gan.stage
        self.opt_g = make_optimiser(self.gan.G, self.gan.config, self.gan.config.lr_g)
        self.opt_d = make_optimiser(self.gan.D, self.gan.config, self.gan.config.lr_d)
        self.weights = cumulate(self.gan, self.source)

    def set_rates(self) -> None:
        """Set the learning rates of the next step. A linear schedule falls to 0 at the end of the budget."""
        if self.gan.config.schedule == "linear":
            left = max(1 - self.seen / self.budget, 0)
            for opt, rate in ((self.opt_g, self.gan.config.lr_g), (self.opt_d, self.gan.config.lr_d)):
                opt.param_groups[0]["lr"] = rate * left

    def result(self) -> Gan:
        """The GAN for sampling: a copy with fresh statistics. If weights are averaged, it has the averaged weights."""
        gan = copy.deepcopy(self.gan if self.average is None else cast(Gan, self.average.module))
        reseed("statistics", self.seed, self.seen)
        refresh(gan, self.source.draw_conditions)
        return gan

    @property
    def state(self) -> State:
        """The state that `restore` needs to continue this training."""
        modules: dict[str, nn.Module] = {"gan": self.gan}
        if self.average is not None:
            modules["average"] = self.average
        tensors = name_tensors(modules, {"opt_g": self.opt_g, "opt_d": self.opt_d})
        return State(tensors, self.seen, self.seconds, self.cpu_seconds)

    def restore(self, state: State) -> None:
        """Continue from a state of the same run."""
        self.gan.load_state_dict(select(state.tensors, "gan"))
        if self.average is not None:
            self.average.load_state_dict(select(state.tensors, "average"))
        self.start_stage()
        restore_optimiser(self.opt_g, select(state.tensors, "opt_g"))
        restore_optimiser(self.opt_d, select(state.tensors, "opt_d"))
        self.seen, self.seconds, self.cpu_seconds = state.seen, state.seconds, state.cpu_seconds


def cumulate(gan: Gan, source: TrainingData) -> np.ndarray | None:
    """The GAN's `data_weights`, summed up to each sample: float64 `[N]`, rising to 1. None: all samples equally often.

    Raises:
        UserError: the weights are no weights.
    """
    if type(gan).data_weights is Gan.data_weights:  # spares a copy of the data in float32
        return None
    with torch.no_grad():
        weights = gan.data_weights(select_rows(source.x, torch.arange(len(source.x), device=source.x.device)))
    if weights is None:
        return None
    values = weights.double().cpu().numpy()
    if values.shape != (len(source.x),) or not np.isfinite(values).all() or values.min() < 0 or values.sum() == 0:
        raise UserError(f"`data_weights` must give {len(source.x):,} finite weights >= 0 that are not all 0")
    return np.asarray(np.cumsum(values) / values.sum())


def make_optimiser(network: nn.Module, config: TrainConfig, lr: float) -> torch.optim.Optimizer:
    """A fresh optimiser over the network's parameters."""
    params = list(network.parameters())
    if config.optimiser == "adam":
        return torch.optim.Adam(params, lr, config.betas, fused=True)
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(params, lr)
    return torch.optim.SGD(params, lr, config.momentum, fused=True)


def descend(losses: dict[str, Tensor], opt: torch.optim.Optimizer, us: Team = ALONE) -> dict[str, Tensor]:
    """One step down "loss", in the optimiser's own parameters and in no others. Returns the losses without their graph.

    Without losses there is no step: a stage may train one player alone.
    """
    if not losses:
        return {}
    loss = losses.get("loss")
    if loss is None or loss.ndim or not loss.requires_grad:
        raise UserError("a loss needs the entry 'loss': a number that follows from the parameters of its player")
    opt.zero_grad(set_to_none=True)
    parameters = opt.param_groups[0]["params"]
    torch.autograd.backward(loss, inputs=parameters)
    us.average_gradients(parameters)
    opt.step()
    return us.average_losses({name: value.detach() for name, value in losses.items()})


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
    while training.seen < images:
        before = training.seen
        losses = training.step()
        for player in ("d/loss", "g/loss"):
            if player in losses:
                training.finite &= torch.isfinite(losses[player])
        if due(before, training.seen, images / HISTORY) or training.seen >= images:
            values = {k: float(v) for k, v in losses.items()}
            if not training.finite:
                broken = next((k for k, v in values.items() if not math.isfinite(v)), "a loss")
                raise Diverged(f"{broken} was not finite at {training.seen:,} images")
            yield values
        else:
            yield None


class Unfit(Exception):
    """The generator's samples cannot be scored; the message says why and when."""


def record(
    training: Training,
    images: int,
    folder: RunFolder,
    label: str,
    minutes: float = MINUTES,
    moments: Moments | None = None,
) -> str | None:
    """Train until `images` real images were seen, with a line of history, progress, a checkpoint and a moment when each is due.

    Returns why the training diverged, or None.

    Raises:
        Interrupted: a signal came. There is a checkpoint of the last step, or of the last one with finite losses.
    """
    begun, begun_cpu = time.monotonic() - training.seconds, time.process_time() - training.cpu_seconds
    saved, saved_at, before = training.seen, time.monotonic(), training.seen
    us = training.team
    with (
        (folder.history if us.first else Path(os.devnull)).open("a") as log,
        progress(label, images, "images", training.seen, patience=0.0 if us.first else math.inf) as advance,
        signals.deferred() as asked,
    ):
        try:
            for losses in steps(training, images):
                training.seconds, training.cpu_seconds = time.monotonic() - begun, time.process_time() - begun_cpu
                keep_parts(training, images, folder, before)
                if moments is not None and us.first and moments.due(before, training.seen):
                    moments.keep(training.result(), training.seen)
                if before == 0:
                    us.compare(training.state.tensors)  # early, before the budget is spent
                before = training.seen
                if losses is not None:
                    note(training, losses, log)
                    players = [f"{k[0].upper()} {losses[k]:.3f}" for k in ("d/loss", "g/loss") if k in losses]
                    advance(min(training.seen, images), "  ".join(players))
                    if due(saved, training.seen, images / CHECKPOINTS):
                        save(training, folder)
                        saved, saved_at = training.seen, time.monotonic()
                late = time.monotonic() - saved_at >= 60 * minutes
                signal = us.any(asked[0] if asked else 0, training.finite.device)
                if training.seen < images and (late or signal):
                    last = training.seen if training.finite else saved
                    if last > saved and us.first:
                        folder.save_interim(training.state)
                    saved_at = time.monotonic()
                    if signal:
                        raise Interrupted(signal, stopped(last, images))
        except (Diverged, Unfit) as error:
            return str(error)
    if training.seen > saved:
        keep(training, folder)
    return None


def keep_parts(training: Training, images: int, folder: RunFolder, before: int) -> None:
    """Keep the GAN if the step from `before` images on has ended a part of the budget."""
    for part, share in PARTS.items():
        if before < share * images <= training.seen and training.team.first:
            folder.save_part(training.result(), part, training.seen)


def note(training: Training, losses: dict[str, float], log: TextIO) -> None:
    """Write a line of history.

    Raises:
        OSError: with the name of the file, also if the disk is full. The next start drops the line if half of it was written.
    """
    line = json.dumps({"images": training.seen, "seconds": round(training.seconds, 3), **losses})
    try:
        log.write(line + "\n")
        log.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, log.name) from error


def save(training: Training, folder: RunFolder) -> None:
    """Write the checkpoint that is due by images.

    Raises:
        Unfit: the generator's samples cannot be scored.
    """
    why = probe(training)
    if why is not None:
        raise Unfit(f"{why} at {training.seen:,} images")
    keep(training, folder)


def keep(training: Training, folder: RunFolder) -> None:
    """Write a checkpoint, after all processes of the team were found to be in the same state."""
    training.team.compare(training.state.tensors)
    if training.team.first:
        folder.save(training.state)


def stopped(seen: int, images: int) -> str:
    """The last line of an interrupted training.

    >>> stopped(44544, 400000)
    'stopped at 44,544 of 400,000 images; the same command resumes'
    """
    return f"stopped at {seen:,} of {images:,} images; the same command resumes"


def probe(training: Training) -> str | None:
    """What is wrong with a few samples of the GAN as it is now; None if nothing is wrong. Training does not notice it."""
    gan = copy.deepcopy(training.gan).eval()
    reseed("probe", training.seed, training.seen)
    with torch.no_grad():
        cond = training.source.draw_conditions(outputs.PROBED)
        return outputs.fault(gan, gan.sample(outputs.PROBED, cond=cond), outputs.PROBED)


def resume(training: Training, folder: RunFolder) -> bool:
    """Continue from the last checkpoint; returns whether there is one."""
    state = folder.load(training.source.x.device)
    if state is not None:
        training.restore(state)
    return state is not None


def train(
    path: Path,
    dataset: str,
    out: Path,
    *,
    seed: int,
    images: int,
    overrides: dict[str, Any],
    device: str | None = None,
    minutes: float = MINUTES,
    wait: bool = True,
    moments: int = 0,
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
        minutes: between two checkpoints, at most. They change no number.
        wait: whether to wait for another process that trains in `out`.
        moments: how many moments are kept (`ganbench.training.moments`). They change no number.

    Returns:
        The content of `run.json`. If the run diverged, `diverged` says so and the weights are the last finite checkpoint's.

    Raises:
        UserError: unknown baseline, dataset, setting or device, data that the baseline does not support, another run in
            `out`, or another process in `out` and no `wait`.
        Interrupted: a signal came; the run resumes from its last step.
    """
    work = Work()
    memory.keep_freed()
    chosen = devices.choose(team.device(device))
    source = TrainingData.load(dataset, chosen)
    reseed("start", seed)
    gan = baseline.create(path, source.spec, overrides).to(chosen)
    out.mkdir(parents=True, exist_ok=True)
    label = f"train {path.stem} on {dataset}"
    edited = code.edited(code.used(path))
    with ExitStack() as held:
        us = held.enter_context(team.joined(chosen))
        training = Training(gan, source, seed, images, us)
        facts: dict[str, Any] = us.facts | ({"layers": edited} if edited else {})
        identity = Identity(
            baseline=path.stem,
            source=code.source_hash(path),
            config=json.loads(gan.config.model_dump_json()),
            dataset=dataset,
            data=data.version(dataset),
            seed=seed,
            recipe=RECIPE,
            schedule_images=None if gan.config.schedule == "constant" else images,
            **facts,
        )
        folder = RunFolder(out, identity)
        if us.first:
            held.enter_context(folder.held(wait))
        held.enter_context(blamed(path))
        with us.first_goes_ahead():
            resumed = resume(training, folder)
        if resumed and us.first and 0 < training.seen < images:
            print(plain(f"{label}: resumed at {training.seen:,} images"), file=sys.stderr)
        if not resumed:
            why = probe(training)
            if why is not None:
                raise UserError(f"{path}: {why}")
            keep(training, folder)  # a run that diverges early goes back to it
        seen = training.seen
        if us.first:
            folder.cut_history(seen)
            folder.drop_parts(images, gan.config.batch * gan.config.n_critic)
        film = Moments(out, identity, gan.objective, images, moments) if moments else None
        if film is not None and us.first:
            film.drop(gan.config.batch * gan.config.n_critic)
        diverged = record(training, images, folder, label, minutes, film)
        if diverged is not None:
            with us.first_goes_ahead():
                folder.interim.unlink(missing_ok=True)
                resume(training, folder)
        run = Run(
            **identity.facts(),
            baseline_path=os.path.relpath(path.resolve(), paths.definitions()),
            overrides=overrides,
            shape=source.spec.shape,
            classes=source.spec.classes,
            cond=source.spec.cond,
            images=images,
            seen=training.seen,
            diverged=diverged,
            seconds=round(training.seconds, 2),
            cpu_seconds=round(us.total(training.cpu_seconds), 2),
            parameters={"G": count(gan.G), "D": count(gan.D)},
            device=str(chosen),
            processor=devices.name(chosen),
            numerics=dict(devices.numerics(chosen)),
            threads=torch.get_num_threads(),
            versions={"ganbench": __version__, "torch": torch.__version__, "python": platform.python_version()},
            provenance=provenance(out, work, trained=training.seen > seen),
        )
        if us.first:
            folder.save_model(training.result())
            run.write(out)
        us.wait()
    return run


def provenance(folder: Path, work: Work, trained: bool) -> dict[str, Any] | None:
    """The facts about a training that have no field of their own in its record. A run that was finished keeps its facts."""
    if not trained:
        with suppress(UserError):  # it has no whole record yet
            return Run.read(folder).provenance
    return {name: fact for name, fact in work.record().items() if name not in Run.model_fields}


def count(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in network.parameters())
