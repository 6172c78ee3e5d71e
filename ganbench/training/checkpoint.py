"""The files in a run's folder: checkpoints, the history, and the trained weights.

A run resumes from a checkpoint to the bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ganbench import baseline
from ganbench.errors import UserError
from ganbench.gan import DataSpec, Gan
from ganbench.training import memory
from ganbench.training.run import PARTS, Identity, Run

CPU = torch.device("cpu")
MODEL = "model.safetensors"


def file_of(part: str | None = None) -> str:
    """The file of the trained weights, or of the weights at a part of the budget."""
    return MODEL if part is None else f"model-{part}.safetensors"


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write safetensors so that a killed process leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, partial, metadata)
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no mapping
    except FileNotFoundError:
        raise UserError(f"{path} is missing; train the run again") from None
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); delete it and train the run again") from None


def load(folder: Path, part: str | None = None, device: torch.device = CPU) -> tuple[Gan, Run]:
    """The trained GAN of a run's folder, in evaluation mode, and the record of the run.

    The code of the run's baseline is executed. Its file must be the one that the run was trained with.

    Args:
        folder: of the run.
        part: a key of `run.PARTS` for the GAN at that part of the budget.
        device: where the weights go.

    Raises:
        UserError: the folder holds no finished run, a file of it is damaged, or its baseline is missing or has changed.
    """
    run = Run.read(folder)
    gan = baseline.create(run.locate_baseline(), DataSpec(run.shape, run.classes, run.cond), run.overrides)
    path = folder / file_of(part)
    tensors, _ = read(path)
    try:
        gan.load_state_dict(tensors)
    except RuntimeError as error:
        fault = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} holds the weights of another GAN ({fault}); train the run again") from None
    return memory.channels_last(gan.to(device)).eval(), run


class State(NamedTuple):
    """A training between two steps."""

    tensors: dict[str, Tensor]  # weights, averaged weights and the optimisers' state, by name
    seen: int  # real images consumed
    seconds: float  # of the clock, in training
    cpu_seconds: float  # of the process, in training


def name_tensors(
    modules: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """All tensors that a resumed run needs, under names such as "gan.G.net.0.weight" and "opt_g.0.exp_avg"."""
    weights = {f"{name}.{k}": v for name, module in modules.items() for k, v in module.state_dict().items()}
    for name, opt in optimisers.items():
        for i, state in opt.state_dict()["state"].items():
            weights |= {f"{name}.{i}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    return weights


def select(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of one module or optimiser, without its name."""
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def restore_optimiser(opt: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give a fresh optimiser the state that `name_tensors` took from another one; keys are "0.exp_avg"."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        i, entry = key.split(".")
        param = opt.param_groups[0]["params"][int(i)]
        if value.shape == param.shape:  # a fused optimiser pairs them by their place in memory
            value = torch.empty_like(param).copy_(value)
        state.setdefault(int(i), {})[entry] = value
    opt.load_state_dict({"state": state, "param_groups": opt.state_dict()["param_groups"]})


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. It refuses the checkpoints of another run: a mixture of both would be published."""

    path: Path
    identity: Identity

    @property
    def state(self) -> Path:
        """The file of the last checkpoint."""
        return self.path / "state" / "training.safetensors"

    @property
    def history(self) -> Path:
        """The file with the losses, a line of JSON each."""
        return self.path / "history.jsonl"

    def save(self, state: State) -> None:
        """Replace the last checkpoint."""
        facts = {name: str(getattr(state, name)) for name in ("seen", "seconds", "cpu_seconds")}
        write(self.state, state.tensors, {"identity": self.identity.to_json()} | facts)

    def load(self, device: torch.device) -> State | None:
        """The last checkpoint, its tensors on `device`; None if there is none.

        Raises:
            UserError: it belongs to another run, or it is damaged.
        """
        if not self.state.is_file():
            return None
        tensors, metadata = read(self.state)
        try:
            stored, seen = json.loads(metadata["identity"]), int(metadata["seen"])
            seconds, cpu_seconds = float(metadata["seconds"]), float(metadata["cpu_seconds"])
        except (KeyError, ValueError) as error:
            raise UserError(f"{self.state} is damaged ({error}); delete it and train the run again") from None
        differences = self.identity.differences(stored)
        if [line.partition(" ")[0] for line in differences] == ["schedule_images"]:
            raise UserError(
                f"the learning rates of the run in {self.path} fall to 0 at {stored['schedule_images']:,} images, so it cannot "
                f"continue to {self.identity.schedule_images:,}; choose another --out or delete that folder"
            )
        if differences:
            raise UserError(
                f"{self.path} holds another run ({', '.join(differences)}); choose another --out or delete that folder"
            )
        return State({k: v.to(device) for k, v in tensors.items()}, seen, seconds, cpu_seconds)

    def cut_history(self, seen: int) -> None:
        """Keep the lines of history up to `seen` images. The others were written after the last checkpoint."""
        lines = self.history.read_text().splitlines() if self.history.is_file() else []
        self.history.write_text("".join(f"{line}\n" for line in _lines_until(lines, seen)))

    def save_model(self, gan: Gan) -> None:
        """Write the trained weights."""
        write(self.path / MODEL, gan.state_dict(), {"identity": self.identity.to_json()})

    def save_part(self, gan: Gan, part: str, seen: int) -> None:
        """Write the weights at a part of the budget, after `seen` images."""
        write(self.path / file_of(part), gan.state_dict(), {"seen": str(seen)})  # two entries would be in any order

    def drop_parts(self, images: int, step: int) -> None:
        """Delete the weights at parts of another budget than `images`. One step of the training sees `step` images."""
        for part, share in PARTS.items():
            path = self.path / file_of(part)
            if path.is_file() and not 0 <= int(read(path)[1].get("seen", -1)) - share * images < step:
                path.unlink()


def _lines_until(lines: list[str], seen: int) -> Iterator[str]:
    """The lines of history up to `seen` images. Broken lines are left out: a full disk leaves half a line."""
    for line in lines:
        try:
            images = json.loads(line)["images"]
        except (ValueError, TypeError, KeyError):
            continue
        if images <= seen:
            yield line
