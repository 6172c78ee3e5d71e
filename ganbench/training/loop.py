"""The loop: algorithm 1 of Goodfellow et al. 2014 (arXiv:1406.2661) around any `Gan`, resumable to the bit.

Everything random follows from (seed, images seen): the order of the data, the noise, the first weights. So a run that was
interrupted goes on as if it had not been, and nothing depends on what else the process did.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import filelock
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ganbench import baseline, data, paths
from ganbench._version import __version__
from ganbench.config import RECIPE, TrainConfig
from ganbench.display.progress import progress
from ganbench.errors import UserError
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.images import to_float
from ganbench.training import memory

HISTORY = 200  # lines of history per run
CHECKPOINTS = 10  # checkpoints per run


class Diverged(Exception):
    """A loss is no longer finite; the message says which one and when."""


@dataclass(frozen=True)
class TrainingData:
    """The training split in memory: images as uint8 NCHW, whose channels lie last, as the networks' kernels do."""

    x: Tensor
    y: Tensor
    spec: DataSpec

    @classmethod
    def load(cls, name: str, device: torch.device) -> TrainingData:
        split = data.load(name, "train")
        x, y = torch.from_numpy(np.array(split.x)), torch.from_numpy(np.array(split.y))
        if x.ndim == 4:
            x = x.permute(0, 3, 1, 2)
        spec = DataSpec(tuple(x.shape[1:]), classes=int(y.max()) + 1)
        return cls(x.to(device), y.to(device), spec)

    def batch(self, seed: int, seen: int, size: int) -> Batch:
        """The `size` samples that follow after `seen`: every epoch is a permutation drawn from (seed, epoch)."""
        index = torch.from_numpy(order(len(self.x), seed, seen, size)).to(self.x.device)
        x = self.x.movedim(1, -1).index_select(0, index).movedim(-1, 1)  # whole images, as they lie in memory
        return Batch(to_float(x) if self.spec.is_image else x, self.y[index])


@lru_cache(maxsize=2)
def permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order of epoch number `epoch`."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def order(n: int, seed: int, seen: int, size: int) -> np.ndarray:
    """Indices `[size]` of the samples number `seen`, `seen + 1`, ... of an endless stream that shuffles `n` every epoch."""
    parts = []
    while size:
        epoch, start = divmod(seen, n)
        parts.append(permutation(n, seed, epoch)[start : start + size])
        seen, size = seen + len(parts[-1]), size - len(parts[-1])
    return np.concatenate(parts)


def reseed(*key: int) -> None:
    """Seed torch's generators from a tuple of integers, hashed so that neighbouring keys are unrelated."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    value = int.from_bytes(digest[:8], "little") >> 1
    torch.default_generator.manual_seed(value)  # `torch.manual_seed` costs a stack trace per call
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(value)


def optimiser(network: nn.Module, config: TrainConfig, lr: float) -> torch.optim.Optimizer:
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
    losses["loss"].backward(inputs=opt.param_groups[0]["params"])
    opt.step()
    return {name: value.detach() for name, value in losses.items()}


def channels_last(gan: Gan) -> Gan:
    """The GAN with the kernels of its convolutions in memory as NHWC, which makes training up to twice as fast on a CPU.

    The features follow from the kernels. `nn.Module.to` would do it too, but refuses parameters of five dimensions.
    """
    for param in gan.parameters():
        if param.ndim == 4:
            param.data = param.data.contiguous(memory_format=torch.channels_last)
    return gan


def in_fp32(player: nn.Module, given: Any, made: Any) -> Any:
    """Forward hook of a player under autocast: the losses are made of fp32 numbers, whatever its layers computed in."""
    return made.float() if isinstance(made, Tensor) else made


class Training:
    """A GAN in training: what a checkpoint holds, and the step that advances it."""

    def __init__(self, gan: Gan, source: TrainingData, seed: int) -> None:
        self.gan = channels_last(gan)
        self.source = source
        self.seed = seed
        self.seen = 0  # real images consumed
        self.seconds = 0.0
        self.precision = torch.autocast(source.x.device.type, torch.bfloat16, gan.config.precision == "bf16")
        self.average: AveragedModel | None = None
        if gan.config.ema is not None:
            self.average = AveragedModel(gan, multi_avg_fn=get_ema_multi_avg_fn(gan.config.ema))
        self.start_stage()

    def start_stage(self) -> None:
        self.stage = self.gan.stage
        self.opt_g = optimiser(self.gan.G, self.gan.config, self.gan.config.lr_g)
        self.opt_d = optimiser(self.gan.D, self.gan.config, self.gan.config.lr_d)
        if self.gan.config.precision == "bf16":
            for player in (self.gan.G, self.gan.D):
                player.register_forward_hook(in_fp32)

    @property
    def result(self) -> Gan:
        """The GAN that is sampled from: the average of the weights where there is one."""
        return self.gan if self.average is None else cast(Gan, self.average.module)

    def step(self) -> dict[str, Tensor]:
        """One iteration of algorithm 1: `n_critic` steps of D, each on a fresh batch, then one step of G."""
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
        if (
            self.gan.stage != self.stage
        ):  # last: a stage begins between iterations, and a checkpoint holds its optimisers
            self.start_stage()
        return {f"d/{k}": v for k, v in d.items()} | {f"g/{k}": v for k, v in g.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs, by name."""
        out = {f"gan.{k}": v for k, v in self.gan.state_dict().items()}
        if self.average is not None:
            out |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for name, opt in (("opt_g", self.opt_g), ("opt_d", self.opt_d)):
            for i, state in opt.state_dict()["state"].items():
                out |= {f"{name}.{i}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        return out

    def restore(self, tensors: dict[str, Tensor], seen: int, seconds: float) -> None:
        """Continue from what `tensors` once returned."""
        part = {
            p: {k[len(p) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{p}.")} for p in ("gan", "average")
        }
        self.gan.load_state_dict(part["gan"])
        if self.average is not None:
            self.average.load_state_dict(part["average"])
        self.start_stage()
        for name, opt in (("opt_g", self.opt_g), ("opt_d", self.opt_d)):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"{name}."):
                    _, i, entry = key.split(".")
                    param = opt.param_groups[0]["params"][int(i)]
                    if value.shape == param.shape:  # a fused optimiser pairs them by their place in memory
                        value = torch.empty_like(param).copy_(value)
                    state.setdefault(int(i), {})[entry] = value
            opt.load_state_dict({"state": state, "param_groups": opt.state_dict()["param_groups"]})
        self.seen, self.seconds = seen, seconds


def due(before: int, after: int, every: float) -> bool:
    """Whether a multiple of `every` lies in (before, after]."""
    return int(before // every) != int(after // every)


def steps(training: Training, images: int) -> Iterator[dict[str, float] | None]:
    """Train until `images` real images were seen. Yields the losses when a line of history is due, else None.

    Raises:
        Diverged: a loss was not finite since the last line; checked there, so that no step waits for the device.
    """
    finite = torch.ones((), dtype=torch.bool, device=training.source.x.device)
    while training.seen < images:
        before = training.seen
        losses = training.step()
        finite &= torch.isfinite(losses["d/loss"]) & torch.isfinite(losses["g/loss"])
        if due(before, training.seen, images / HISTORY) or training.seen >= images:
            values = {k: float(v) for k, v in losses.items()}
            if not finite:
                broken = next((k for k, v in values.items() if not np.isfinite(v)), "a loss")
                raise Diverged(f"{broken} was not finite at {training.seen:,} images")
            yield values
        else:
            yield None


def save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write safetensors so that a killed process leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, partial, metadata)
    os.replace(partial, path)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file."""
    with safe_open(path, "pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no mapping


def train(
    path: Path, dataset: str, out: Path, *, seed: int, images: int, overrides: dict[str, Any], device: str | None = None
) -> dict[str, Any]:
    """Train a baseline and leave `run.json`, `model.safetensors` and `history.jsonl` in `out`.

    Args:
        path: a baseline's file.
        dataset: name of a dataset; its training split is used.
        out: folder of the run. A run that was interrupted there is resumed, a finished one is left alone or, with a
            larger budget, continued.
        seed: of the weights, the noise and the order of the data.
        images: budget, in real images seen.
        overrides: settings that differ from the baseline's `Config`.
        device: of torch; by default CUDA if there is one.

    Returns:
        The content of `run.json`. A diverged run says so under "diverged"; its weights are the last finite checkpoint's.

    Raises:
        UserError: unknown baseline, dataset or setting, data that the baseline does not treat, or another run in `out`.
    """
    memory.keep_freed()
    out.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(out / ".lock"):
        return _train(
            path,
            dataset,
            out,
            seed,
            images,
            overrides,
            torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")),
        )


def _train(
    path: Path, dataset: str, out: Path, seed: int, images: int, overrides: dict[str, Any], device: torch.device
) -> dict[str, Any]:
    source = TrainingData.load(dataset, device)
    reseed(seed)
    gan = baseline.create(path, source.spec, overrides).to(device)
    training = Training(gan, source, seed)
    identity = {
        "baseline": path.stem,
        "source": baseline.source_hash(path),
        "config": json.loads(gan.config.model_dump_json()),
        "dataset": dataset,
        "data": data.version(dataset),
        "seed": seed,
        "recipe": RECIPE,
    }
    state, history = out / "state" / "training.safetensors", out / "history.jsonl"
    lines: list[str] = []

    def resume() -> None:
        tensors, metadata = read(state)
        _same_run(out, json.loads(metadata["identity"]), identity)
        there = {k: v.to(device) for k, v in tensors.items()}
        training.restore(there, int(metadata["seen"]), float(metadata["seconds"]))

    if state.is_file():
        resume()
        known = history.read_text().splitlines() if history.is_file() else []
        lines = [x for x in known if json.loads(x)["images"] <= training.seen]
    history.write_text("".join(f"{x}\n" for x in lines))

    def checkpoint() -> None:
        metadata = {"identity": json.dumps(identity), "seen": str(training.seen), "seconds": str(training.seconds)}
        save(state, training.tensors(), metadata)

    diverged = None
    begun = time.monotonic() - training.seconds
    start = saved = training.seen
    with history.open("a") as log, progress(f"train {path.stem} on {dataset}", images, "images", start) as advance:
        try:
            for losses in steps(training, images):
                training.seconds = time.monotonic() - begun
                if losses is None:
                    continue
                log.write(json.dumps({"images": training.seen, "seconds": round(training.seconds, 3), **losses}) + "\n")
                log.flush()
                advance(min(training.seen, images), f"D {losses['d/loss']:.3f}  G {losses['g/loss']:.3f}")
                if due(saved, training.seen, images / CHECKPOINTS):
                    checkpoint()
                    saved = training.seen
        except Diverged as why:
            diverged = str(why)
    if diverged is None and training.seen > saved:
        checkpoint()
    if diverged is not None and state.is_file():
        resume()
    save(out / "model.safetensors", training.result.state_dict(), {"identity": json.dumps(identity)})
    run = identity | {
        "baseline_path": os.path.relpath(path.resolve(), paths.definitions()),
        "overrides": overrides,
        "shape": list(source.spec.shape),
        "classes": source.spec.classes,
        "images": images,
        "seen": training.seen,
        "diverged": diverged,
        "seconds": round(training.seconds, 2),
        "parameters": {"G": _count(gan.G), "D": _count(gan.D)},
        "device": str(device),
        "threads": torch.get_num_threads(),
        "versions": {"ganbench": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    return run


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _same_run(out: Path, there: dict[str, Any], wanted: dict[str, Any]) -> None:
    """A folder holds one run: resuming another one's weights would publish a mixture of both.

    A run that is older than one of the loop's settings was trained with that setting's default.
    """
    known = TrainConfig.model_validate({}).model_dump(mode="json")
    flat = [{**known, **d.pop("config"), **d} for d in (copy.deepcopy(there), copy.deepcopy(wanted))]
    differ = [k for k in flat[1] if flat[0].get(k) != flat[1][k]]
    if differ:
        what = ", ".join(f"{k} {flat[0].get(k)} there, {flat[1][k]} now" for k in differ)
        raise UserError(f"{out} holds another run ({what}); choose another --out or delete that folder")


def load(folder: Path) -> tuple[Gan, dict[str, Any]]:
    """The trained GAN of a run's folder, in evaluation mode, and its `run.json`."""
    try:
        run = json.loads((folder / "run.json").read_text())
    except FileNotFoundError:
        raise UserError(
            f"{folder} holds no finished run (no run.json); train one with `ganbench train ... --out {folder}`"
        ) from None
    path = paths.definitions() / run["baseline_path"]
    spec = DataSpec(tuple(run["shape"]), run["classes"])
    gan = baseline.create(path, spec, run["overrides"])
    if baseline.source_hash(path) != run["source"]:
        raise UserError(f"{path} has changed since {folder} was trained; train again, or restore the file")
    tensors, _ = read(folder / "model.safetensors")
    gan.load_state_dict(tensors)
    return channels_last(gan).eval(), run
