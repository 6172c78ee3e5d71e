"""No network: `spectrogram` gives how loud a wave is in each band of pitch, in each part of its time.

A wave is cut into frames of `FRAME` steps, one every `HOP` steps, each under a Hann window. The power of a frame is summed in
`BANDS` triangular bands on the mel scale (Stevens et al. 1937). The scale is that of waves of 4,000 steps a second, whatever
the rate is: an extractor sees no rate. The frames are divided into `PARTS` parts of equal time. A feature is the decimal
logarithm of the mean power of a band in a part.

So the features keep which sounds follow each other, and lose the phase. A sine wave of amplitude 1 has the power 1 in all bands
together.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.errors import UserError

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

NAMES = ("spectrogram",)
BATCH = 256
CACHED = False  # faster than a disk

FRAME, HOP = 128, 64  # steps
BANDS, PARTS = 16, 8
MEL = 2000 / 700  # half of the rate of 4,000 steps a second, over the frequency at which the mel scale bends
FLOOR = 1e-6  # the power of silence, 60 dB below a sine wave of amplitude 1


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: waves of any length from 448 steps on, and no weights."""
    return {"id": "spectrogram@1", "of": "waves", "input": None, "d": None, "sha256": None, "test_accuracy": None}


def load(extractor: Extractor) -> Run:
    """Waves float `[n, T, C]` to features float32 `[n, PARTS BANDS C]`, -6 for silence, and no logits.

    Raises:
        UserError: the waves are too short to have a frame in each part.
    """

    def run(x: np.ndarray) -> tuple[np.ndarray, None]:
        power = frames(x) @ bands().T
        parts = [part.mean(1) for part in np.array_split(power, PARTS, axis=1)]
        loud = np.log10(np.stack(parts, 1) + FLOOR)  # [n, PARTS, C, BANDS]
        return loud.reshape(len(x), -1).astype(np.float32), None

    return run


def frames(x: np.ndarray) -> np.ndarray:
    """The power of waves float `[n, T, C]` in frames: float64 `[n, T // HOP + 1, C, FRAME // 2 + 1]`.

    The middles of the frames are `HOP` steps apart, from the first step of the wave on. Beyond its ends a wave is silent.
    """
    count = x.shape[1] // HOP + 1
    if count < PARTS:
        raise UserError(f"spectrogram needs waves of at least {HOP * (PARTS - 1)} steps, and these have {x.shape[1]:,}")
    silent = np.pad(x.astype(np.float64), ((0, 0), (FRAME // 2, FRAME // 2), (0, 0)))
    cut = np.lib.stride_tricks.sliding_window_view(silent, FRAME, axis=1)[:, ::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.square(np.abs(np.fft.rfft(cut * window)))
    return np.asarray(power * 4 / (FRAME * np.square(window).sum()))


@cache
def bands() -> np.ndarray:
    """The weight of each frequency in each band, float64 `[BANDS, FRAME // 2 + 1]`; between the middles they sum to 1."""
    mel = np.log1p(MEL * np.linspace(0, 1, FRAME // 2 + 1)) / np.log1p(MEL) * (BANDS + 1)
    middle = np.arange(1, BANDS + 1)[:, None]
    weights: np.ndarray = np.maximum(0, 1 - np.abs(mel - middle))
    return weights
