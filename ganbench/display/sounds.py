"""Waves as sound: a WAV file of 16 bits."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from ganbench import files
from ganbench.samples import Rows

HEARD = 64  # waves in a file, at most: as many as a sheet of pictures shows
FULL = 2**15  # steps of 16 bits between 0 and 1
BETWEEN = 0.25  # seconds of silence after each wave


def write(x: Rows, rate: int, path: Path) -> None:
    """Write the first waves of float `[n, T, C]` one after the other, as .wav. What is outside of [-1, 1] is cut.

    Args:
        x: the waves.
        rate: steps a second.
        path: of the file.
    """
    first = np.asarray(x[:HEARD], np.float64)
    silence = np.zeros((len(first), round(BETWEEN * rate), first.shape[2]))
    steps = np.clip(np.rint(np.concatenate([first, silence], 1) * FULL), -FULL, FULL - 1).astype("<i2")
    with files.replacing(path) as file, wave.open(file, "wb") as out:
        out.setnchannels(steps.shape[2])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(steps.tobytes())
