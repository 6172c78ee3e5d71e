"""The device that the networks of a scoring run on: the accelerator where there is an accelerator, else the CPU."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from ganbench import features
from ganbench.features import _team, custom, plain
from ganbench.features._devices import kind

AUTO = "auto"
PATIENCE = timedelta(days=365)  # the other processes wait while the first one reads samples and computes metrics
NODES = (
    "/dev/nvidiactl",
    "/dev/nvmap",
    "/dev/kfd",
    "/dev/dxg",
)  # Linux has one of these files for any GPU that torch can use


def check(asked: str | None) -> None:
    """Refuse a device that torch cannot compute on. None and `auto` pass.

    Raises:
        UserError: torch has no such device here.
    """
    if asked not in (None, AUTO, "cpu"):
        from ganbench.training import devices

        devices.there(str(asked))


def choose(asked: str | None, extractor: str) -> str:
    """The device for the network of an extractor. For None and `auto`: CUDA, else Apple's MPS, else the CPU.

    An extractor without a network has the CPU. So has an ONNX file under `auto` if onnxruntime has no CUDA.
    """
    if extractor in plain.NAMES:
        return "cpu"
    if asked not in (None, AUTO):
        return str(asked)
    device = accelerator()
    return device if custom.runs_on(extractor, device) else "cpu"


def accelerator() -> str:
    """The name of the first accelerator of this machine; `cpu` without an accelerator.

    torch is not imported on a machine that surely has none, so samples with kept features are scored without torch. An empty
    CUDA_VISIBLE_DEVICES hides all accelerators, Apple's too: jobs of boards have it.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "cpu"
    if "torch" not in sys.modules and not _may_have_one():
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _may_have_one() -> bool:
    if sys.platform == "linux":
        return any(Path(node).exists() for node in NODES)
    return sys.platform != "darwin" or platform.machine() == "arm64"


@contextmanager
def together(asked: str | None) -> Iterator[bool]:
    """Let the processes that torchrun started share the networks of a scoring. Yields whether this process does the scoring.

    In all other processes the block begins when the scoring has ended.
    """
    import torch

    from ganbench.training import team

    def place(device: str) -> str:
        """The device of this process where the first process uses `device`."""
        return str(team.device(named)) if kind(device) == "cuda" else device

    named = "cuda" if asked in (None, AUTO) else asked
    with team.joined(torch.device("cpu"), PATIENCE) as us:  # images and features lie in main memory
        if us.first:
            with _team.leading(us.size):
                yield True
        else:
            features.help_leader(place)
            yield False


def facts(device: str) -> dict[str, Any]:
    """What a record says of a device: its name, the model of a GPU, and the number of processes if there were several."""
    team = {"processes": _team.size()} if _team.size() > 1 else {}
    if kind(device) != "cuda":
        return {"device": device, **team}
    import torch

    return {"device": device, "accelerator": torch.cuda.get_device_name(device), **team}
