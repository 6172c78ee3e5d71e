"""The device that a run computes on, and how exactly it computes."""

from __future__ import annotations

import os
import re

import torch

from ganbench.errors import UserError
from ganbench.training.provenance import processor


def choose(name: str | None) -> torch.device:
    """The torch device of that name; by default CUDA if there is a CUDA device. It then computes as `numerics` says.

    Raises:
        UserError: torch knows no such device, or cannot compute on it.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda"):
        _compute_exactly()
    return there(name)


def there(name: str) -> torch.device:
    """The torch device of that name, after a small computation on it.

    Raises:
        UserError: torch knows no such device, or cannot compute on it.
    """
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        why = re.split(r"\.\s|\n", str(error), maxsplit=1)[0]  # torch goes on for a page
        raise UserError(f"--device '{name}': torch cannot compute on it ({why}); use --device cpu") from None
    return device


def _compute_exactly() -> None:
    """Let CUDA give the same bits in every run, in float32 and not in TF32, in this whole process."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def numerics(device: torch.device) -> dict[str, bool]:
    """Whether equal runs on this device give equal bits, as far as torch promises it, and whether float32 is TF32."""
    if device.type != "cuda":
        return {"deterministic": True, "tf32": False}
    tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    return {"deterministic": torch.are_deterministic_algorithms_enabled(), "tf32": tf32}


def name(device: torch.device) -> str:
    """The model of the processor, and of the GPU if the device is one."""
    return f"{processor()}; {torch.cuda.get_device_name(device)}" if device.type == "cuda" else processor()
