"""Draw the dataset of this example: 800 coloured discs of 8 x 8 pixels, one class per colour, into discs.npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLOURS = np.array([[220, 60, 50], [60, 180, 75], [50, 90, 220]])
N, SIDE = 800, 8


def discs() -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 `[N, 8, 8, 3]` and their classes `[N]`."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % len(COLOURS)
    centre = rng.uniform(2.5, 4.5, (N, 2))
    radius = rng.uniform(1.5, 3.0, (N, 1, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(rows - centre[:, 0, None, None], columns - centre[:, 1, None, None])
    inside = np.clip(radius + 0.5 - distance, 0, 1)[..., None]
    noise = rng.normal(0, 6, (N, SIDE, SIDE, 3))
    images = inside * COLOURS[labels][:, None, None] + (1 - inside) * 245 + noise
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), labels


if __name__ == "__main__":
    images, labels = discs()
    target = Path(__file__).parent / "discs.npz"
    np.savez_compressed(target, arr_0=images, arr_1=labels)
    print(f"{len(images)} images are in {target}")
