"""`digits`: 1,797 handwritten digits of 8 x 8 pixels, which scikit-learn carries with it: no network is needed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ganbench.data import draws
from ganbench.data.folder import Built, Dataset, Facts, Split
from ganbench.errors import UserError

RECIPE = 1
TRAIN = 1000
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"  # of values, then labels, as uint8


def digits(root: Path) -> Built:
    """Scikit-learn's 8x8 digits."""
    from sklearn.datasets import load_digits  # slow to import, and reading a dataset does not need it

    values, labels = load_digits(return_X_y=True)
    raw, y = values.astype(np.uint8).reshape(-1, 8, 8, 1), labels.astype(np.int64)
    digest = hashlib.sha256(raw.tobytes() + y.astype(np.uint8).tobytes()).hexdigest()
    if digest != SHA256:
        raise UserError(
            f"this scikit-learn carries other digits (SHA-256 {digest}, not {SHA256}): install another version"
        )
    x = ((raw.astype(int) * 255 + 8) // 16).astype(np.uint8)  # 0 .. 16 -> 0 .. 255, rounded half up
    order = _stratified(y)
    train, test = order[:TRAIN], order[TRAIN:]
    return Built(
        Split(x[train], y[train]),
        Split(x[test], y[test]),
        {
            "notes": "a pixel is (255 v + 8) // 16, where v, 0 to 16, counts inked dots; the split is stratified and "
            "random, so the same 13 writers are on both sides",
            "licence": "that of the UCI Machine Learning Repository; the copy used is scikit-learn's, BSD-3-Clause",
            "citation": "Alpaydin, Kaynak: Optical recognition of handwritten digits. UCI Machine Learning Repository, "
            "1998, test set",
            "url": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
            "classes": 10,
        },
    )


def _stratified(y: np.ndarray) -> np.ndarray:
    """A random order; in each of its beginnings, the classes have the same shares as in all of `y`."""
    u = draws.uniform("digits order", len(y))
    place = np.empty(len(y))
    for label in np.unique(y):
        of = np.flatnonzero(y == label)
        place[of[np.argsort(u[of])]] = (np.arange(len(of)) + 0.5) / len(of)
    return np.lexsort((u, place))


DATASETS = {
    "digits": Dataset(
        "handwritten digits, 8 x 8, grey, 10 classes; comes with scikit-learn",
        digits,
        facts=Facts((8, 8, 1), TRAIN, 797, 10),
    )
}
