"""The vector of a caption: a small recurrent network whose vectors were matched to pictures of scenes.

Reed et al. 2016, arXiv:1605.05395, train a text encoder and an image encoder together: a caption is to be nearer to its own
picture than to other pictures, and a picture nearer to its own caption. `ganbench.features.scenes.train` does this for scenes,
and writes the weights of both encoders. The network reads a caption word by word with gated recurrent units (Cho et al. 2014,
arXiv:1406.1078), and its last state becomes the vector.

The vectors are a part of pinned datasets. So they are computed in float64 and rounded to `STEP`, which hides the last digits
that differ between machines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.data.grammar import WORDS, words
from ganbench.errors import UserError

WEIGHTS = Path(__file__).parent / "weights"
NAME = "caption-encoder"
SIZE = 64  # numbers of a vector; its length is the root of this
STEP = 2.0**-12


@cache
def read_card() -> dict[str, Any]:
    """The card beside the weights."""
    card: dict[str, Any] = json.loads((WEIGHTS / f"{NAME}.json").read_text(encoding="utf-8"))
    return card


@cache
def _weights() -> dict[str, np.ndarray]:
    """The weights, float64, under the names of torch's layers.

    Raises:
        UserError: the file has another hash than its card.
    """
    from safetensors.numpy import load

    path = WEIGHTS / f"{NAME}.safetensors"
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != read_card()["sha256"]:
        raise UserError(f"{path} is not the file that its card describes: install ganbench again")
    return {name: array.astype(np.float64) for name, array in load(content).items()}


def numbered(captions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Words as numbers, int64 `[n, longest]`, filled up with 0, and the number of words of each caption, int64 `[n]`.

    Raises:
        UserError: a word that no caption of scenes has.
    """
    place = {word: i for i, word in enumerate(WORDS)}
    split = [[place[word] for word in words(caption)] for caption in captions]
    lengths = np.array([len(row) for row in split])
    table = np.zeros((len(split), lengths.max()), np.int64)
    for row, given in zip(table, split, strict=True):
        row[: len(given)] = given
    return table, lengths


def encode(captions: Sequence[str]) -> np.ndarray:
    """The vectors of captions, float32 `[n, 64]`, each of length 8.

    Raises:
        UserError: a word that no caption of scenes has.
    """
    w = _weights()
    table, lengths = numbered(captions)
    inputs = w["words.weight"] @ w["read.weight_ih_l0"].T + w["read.bias_ih_l0"]  # of each word of the lexicon
    h = np.zeros((len(table), w["read.weight_hh_l0"].shape[1]))
    for i, column in enumerate(table.T):
        x, own = inputs[column], h @ w["read.weight_hh_l0"].T + w["read.bias_hh_l0"]
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(x, 3, 1), np.split(own, 3, 1)
        r, z = _sigmoid(x_r + h_r), _sigmoid(x_z + h_z)
        new = (1 - z) * np.tanh(x_n + r * h_n) + z * h
        h = np.where((i < lengths)[:, None], new, h)
    out = h @ w["vector.weight"].T + w["vector.bias"]
    out *= np.sqrt(SIZE) / np.linalg.norm(out, axis=1, keepdims=True)
    vectors: np.ndarray = np.asarray(np.rint(out / STEP) * STEP, np.float32)
    return vectors


def _sigmoid(x: np.ndarray) -> np.ndarray:
    share: np.ndarray = (1 + np.tanh(x / 2)) / 2
    return share
