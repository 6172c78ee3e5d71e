"""A user's own extractor, named by its file: a Python file, a TorchScript file or an ONNX file.

| file | input | output |
|---|---|---|
| `.py` | its function `extract` gets uint8 images `[n, H, W, C]`, numpy | features `[n, d]`, or features and logits `[n, K]` |
| `.pt`, `.ts` | uint8 images `[n, C, H, W]`, a tensor | the same, as tensors |
| `.onnx` | images `[n, C, H, W]`, uint8 or float32 in [0, 255], as its first input says | the same, its first two outputs |

A Python file and a TorchScript file are code. The code runs with the rights of the user: name only files that you trust. The
SHA-256 of the file is in the id of its features. Files that it reads are not in the id, so these features are not cached.

A TorchScript file runs on the device of the scoring. A Python file chooses a device itself. An ONNX file runs on CUDA with
`onnxruntime-gpu`.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.errors import Unreachable, UserError, in_words, place
from ganbench.features._devices import kind as kind_of
from ganbench.features._devices import to_numpy

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

NAMES = ()  # any path with one of these suffixes
KINDS = {".py": "Python", ".pt": "TorchScript", ".ts": "TorchScript", ".onnx": "ONNX"}
BATCH = 64
CACHED = False


def takes(name: str) -> bool:
    """Whether the name of an extractor is the path of a user's own extractor."""
    return Path(name).suffix in KINDS


def runs_on(name: str, device: str) -> bool:
    """Whether the extractor of this name can run on a device: an ONNX file needs a provider of onnxruntime for a GPU."""
    if Path(name).suffix != ".onnx" or device == "cpu":
        return True
    return kind_of(device) == "cuda" and "CUDAExecutionProvider" in _providers()


def _providers() -> list[str]:
    """What onnxruntime can run on here; empty without onnxruntime."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return []
    providers: list[str] = onnxruntime.get_available_providers()
    return providers


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: the hash is that of the file.

    Raises:
        UserError: there is no such file.
    """
    path = Path(extractor.name)
    sha256 = hashlib.sha256(_read(path)).hexdigest()
    about = {"id": f"{path.name}@{sha256[:8]}", "input": None, "d": None, "sha256": sha256, "test_accuracy": None}
    return about | {"kind": KINDS[path.suffix]}


def load(extractor: Extractor) -> Run:
    """A function from images [n, H, W, C] to the file's features and logits, one row per image.

    Raises:
        UserError: the file cannot be used; its own error is in the message.
        Unreachable: the file is ONNX, and onnxruntime is not installed.
    """
    path = Path(extractor.name)
    content = _read(path)
    kind = KINDS[path.suffix]
    make = {"Python": _python, "TorchScript": _torchscript, "ONNX": _onnx}[kind]
    opened = _tried(path, make, path, content, extractor.device)

    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        parts = _tried(path, _numbers, _tried(path, opened, x))
        if len(parts) not in (1, 2) or any(part.ndim != 2 or len(part) != len(x) or not part.size for part in parts):
            shapes = ", ".join(str(part.shape) for part in parts) or "nothing"
            raise UserError(
                f"{path} gives {shapes} for {len(x)} images; it must give features [n, d], or features and logits [n, K]"
            )
        if not all(np.isfinite(part).all() for part in parts):
            raise UserError(f"{path} gives features or logits that are NaN or infinite; no metric is defined on them")
        return parts[0], parts[1] if len(parts) == 2 else None

    return run


def _numbers(output: Any) -> list[np.ndarray]:
    """The arrays that an extractor gives, as float32."""
    parts = [np.asarray(part) for part in (output if isinstance(output, list | tuple) else [output])]
    if any(np.iscomplexobj(part) for part in parts):
        raise TypeError("features and logits must be real numbers, and these are complex")
    return [part.astype(np.float32) for part in parts]


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"extractor {path}: no such file")
    return path.read_bytes()


def _tried(path: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the user's file; any error in it, or an exit, is a `UserError` that names the file and the line."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except (Exception, SystemExit) as why:
        raise UserError(f"{place(why, path) or path} failed: {in_words(why)}") from why


def _python(path: Path, content: bytes, device: str) -> Callable[[np.ndarray], Any]:
    module = ModuleType(path.stem)
    module.__file__ = str(path.resolve())
    exec(compile(content, str(path), "exec"), module.__dict__)  # the bytes that were hashed
    if not callable(getattr(module, "extract", None)):
        raise UserError(f"{path} has no function extract(x), from uint8 images [n, H, W, C] to features [n, d]")
    extract: Callable[[np.ndarray], Any] = module.extract
    return extract


def _torchscript(path: Path, content: bytes, device: str) -> Callable[[np.ndarray], Any]:
    import torch

    with warnings.catch_warnings(action="ignore"):  # torch warns that TorchScript is old
        network = torch.jit.load(io.BytesIO(content), device).eval()

    @torch.inference_mode()
    def run(x: np.ndarray) -> Any:
        output = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(device))
        return [to_numpy(part) for part in (output if isinstance(output, list | tuple) else [output])]

    return run


def _onnx(path: Path, content: bytes, device: str) -> Callable[[np.ndarray], Any]:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise Unreachable(f"{path} needs onnxruntime: pip install 'ganbench[onnx]'") from None
    provider, options = "CPUExecutionProvider", dict[str, int]()
    if device != "cpu":
        provider, options = "CUDAExecutionProvider", {"device_id": int(device.partition(":")[2] or 0)}
    if not runs_on(str(path), device):
        raise UserError(
            f"{path}: this onnxruntime does not run on {device}; use `device='cpu'`, or install onnxruntime-gpu"
        )
    session = onnxruntime.InferenceSession(content, providers=[(provider, options)])
    first = session.get_inputs()[0]
    dtype = np.uint8 if "uint8" in first.type else np.float32

    def run(x: np.ndarray) -> Any:
        return session.run(None, {first.name: x.transpose(0, 3, 1, 2).astype(dtype)})

    return run
