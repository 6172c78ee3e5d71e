"""The files in a run's folder: checkpoints, the history, and the trained weights.

A run resumes from a checkpoint to the bit.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import filelock
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ganbench import baseline, files
from ganbench.errors import UserError, plain
from ganbench.gan import DataSpec, Gan
from ganbench.training import memory
from ganbench.training.run import PARTS, RECORD, TRUSTED, Identity, Run

CPU = torch.device("cpu")
MODEL = "model.safetensors"
FACTS, DIGEST = "ganbench", "sha256"  # the entry of safetensors' metadata, and the digest in it


def file_of(part: str | None = None) -> str:
    """The file of the trained weights, or of the weights at a part of the budget."""
    return MODEL if part is None else f"model-{part}.safetensors"


class Damaged(UserError):
    """A file does not hold what was written."""

    def __init__(self, path: Path, why: str, advice: str = "delete it and train the run again") -> None:
        self.what = f"{path} is damaged ({why})"
        super().__init__(f"{self.what}; {advice}")


def write(path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str]) -> None:
    """Write safetensors with facts and the digest of everything; a killed process leaves the old file or the new one."""
    files.write(path, pack(tensors, facts))


def pack(tensors: Mapping[str, Tensor], facts: dict[str, str]) -> bytes:
    """The content of a safetensors file, equal for equal tensors and facts."""
    whole = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    metadata = json.dumps(facts | {DIGEST: digest(whole, facts)})
    return save(whole, {FACTS: metadata})  # more than one entry would be in any order


def digest(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """The SHA-256 of tensors and facts."""
    out = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        out.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        out.update(tensor.reshape(-1).view(torch.uint8).cpu().numpy().data)
    return out.hexdigest()


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the facts of a safetensors file. A file from before there was a digest has facts and no digest.

    Raises:
        Damaged: the file does not hold what was written.
        UserError: the file is missing.
    """
    if path.exists() and not path.is_file():  # safe_open would wait for a pipe, and could not be interrupted
        raise Damaged(path, "not a regular file")
    try:
        with safe_open(path, "pt") as file:
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - no mapping
            metadata: dict[str, str] = file.metadata() or {}
        if FACTS not in metadata:
            return tensors, metadata
        facts: dict[str, str] = json.loads(metadata[FACTS])
        recorded = facts.pop(DIGEST)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; train the run again") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise Damaged(path, str(error)) from None
    if digest(tensors, facts) != recorded:
        raise Damaged(path, "its content has another SHA-256 than the one it records")
    return tensors, facts


def load(folder: Path, part: str | None = None, device: torch.device = CPU, *, trust: bool = False) -> tuple[Gan, Run]:
    """The trained GAN of a run's folder, in evaluation mode, and the record of the run.

    The code of the run's baseline is executed. Its file must be the one that the run was trained with.

    Args:
        folder: of the run.
        part: a key of `run.PARTS` for the GAN at that part of the budget.
        device: where the weights go.
        trust: whether a baseline is executed that neither ganbench nor an installed package brings. Without it, the
            hash of this baseline in the environment variable GANBENCH_TRUST allows it too; the pipeline sets it.

    Raises:
        UserError: the folder holds no finished run, a file of it is damaged, or its baseline is missing, has changed or is
            not trusted.
    """
    run = Run.read(folder)
    path = folder / file_of(part)
    code = run.locate_baseline().resolve()  # with the hash that the run recorded
    if not baseline.is_ours(code):
        if not trust and run.source not in os.environ.get(TRUSTED, "").split(","):
            raise UserError(
                f"the run in {folder} needs the code of {code}, which ganbench and its plug-ins do not bring; "
                f"read this file, and if you trust it, pass `trust=`"
            )
        print(plain(f"{folder}: running the code of {code}, SHA-256 {run.source[:12]}"), file=sys.stderr)
    tensors, _ = read(path)
    try:
        gan = baseline.create(code, DataSpec(run.shape, run.classes, run.cond), run.overrides)
    except UserError as error:
        raise UserError(f"{folder / RECORD} does not fit its GAN ({error}); train the run again") from None
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
        """The file of the last checkpoint that was due by images. A run that diverges goes back to it."""
        return self.path / "state" / "training.safetensors"

    @property
    def previous(self) -> Path:
        """The file of the checkpoint before it."""
        return self.path / "state" / "previous.safetensors"

    @property
    def interim(self) -> Path:
        """The file of a later checkpoint, by minutes or by a signal. It serves to resume and to nothing else."""
        return self.path / "state" / "interim.safetensors"

    @property
    def history(self) -> Path:
        """The file with the losses, a line of JSON each."""
        return self.path / "history.jsonl"

    @contextmanager
    def held(self, wait: bool = True) -> Iterator[None]:
        """Keep other processes out of this folder. If a process is in it, say which, and wait for its end.

        Raises:
            UserError: a process is in it, and `wait` is false.
        """
        lock, note = filelock.FileLock(self.path / ".lock"), self.path / ".holder.json"
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            holder = _holder(note)
            if not wait:
                raise UserError(
                    f"{self.path} is in use by {holder}; wait for its end, or choose another --out"
                ) from None
            print(plain(f"{self.path} is in use by {holder}; waiting for its end"), file=sys.stderr)
            lock.acquire()
        try:
            about = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
            files.write(note, json.dumps(about) + "\n")
            files.sweep(self.state.parent)
            yield
        finally:
            lock.release()

    def save(self, state: State) -> None:
        """Replace the last checkpoint; the one before it is kept."""
        content = self._packed(state)
        with files.replacing(self.state) as file:
            file.write(content)
            if self.state.is_file():
                self.state.replace(self.previous)
        self.interim.unlink(missing_ok=True)

    def save_interim(self, state: State) -> None:
        """Write a checkpoint that was not due by images."""
        files.write(self.interim, self._packed(state))

    def _packed(self, state: State) -> bytes:
        facts = {name: str(getattr(state, name)) for name in ("seen", "seconds", "cpu_seconds")}
        return pack(state.tensors, {"identity": self.identity.to_json()} | facts)

    def load(self, device: torch.device) -> State | None:
        """The last whole checkpoint, its tensors on `device`; None if there is none. Damaged ones are named and deleted.

        Raises:
            UserError: it belongs to another run, or all checkpoints are damaged.
        """
        damaged: dict[Path, Damaged] = {}
        for path in (self.interim, self.state, self.previous):
            if not path.is_file():
                continue
            try:
                state = self._read(path, device)
            except Damaged as error:
                damaged[path] = error
                continue
            for broken, fault in damaged.items():
                which = f"the checkpoint before it, at {state.seen:,} images, is used"
                print(plain(f"{fault.what}; {which}"), file=sys.stderr)
                broken.unlink()
            return state
        for fault in damaged.values():
            raise fault
        return None

    def _read(self, path: Path, device: torch.device) -> State:
        tensors, facts = read(path)
        try:
            stored, seen = json.loads(facts["identity"]), int(facts["seen"])
            seconds, cpu_seconds = float(facts["seconds"]), float(facts["cpu_seconds"])
        except (KeyError, ValueError) as error:
            raise Damaged(path, str(error)) from None
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
        lines = self.history.read_text(errors="replace").splitlines() if self.history.is_file() else []
        files.write(self.history, "".join(f"{line}\n" for line in _lines_until(lines, seen)))

    def save_model(self, gan: Gan) -> None:
        """Write the trained weights."""
        write(self.path / MODEL, gan.state_dict(), {"identity": self.identity.to_json()})

    def save_part(self, gan: Gan, part: str, seen: int) -> None:
        """Write the weights at a part of the budget, after `seen` images."""
        write(self.path / file_of(part), gan.state_dict(), {"seen": str(seen)})

    def drop_parts(self, images: int, step: int) -> None:
        """Delete the weights at parts of another budget than `images`, and damaged ones. One step sees `step` images."""
        for part, share in PARTS.items():
            path = self.path / file_of(part)
            if not path.is_file():
                continue
            try:
                seen = int(read(path)[1].get("seen", -1))
            except Damaged as error:
                print(plain(f"{error.what}; this file is deleted"), file=sys.stderr)
                seen = -1
            if not 0 <= seen - share * images < step:
                path.unlink()


def _holder(note: Path) -> str:
    """The process that holds a folder, in words."""
    try:
        about = json.loads(note.read_text(encoding="utf-8"))
        return f"process {about['process']} on {about['host']} since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has the lock, and has not written its note yet
        return "another process"


def _lines_until(lines: list[str], seen: int) -> Iterator[str]:
    """The lines of history up to `seen` images. Broken lines are left out: a full disk leaves half a line."""
    for line in lines:
        try:
            images = json.loads(line)["images"]
        except (ValueError, TypeError, KeyError):
            continue
        if images <= seen:
            yield line
