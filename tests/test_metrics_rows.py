"""Pixels as features, read part by part: the values of arrays, and no set as floats in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_neighbours import peak

from ganbench import Scorer, metrics
from ganbench.metrics import _neighbours as neighbours
from ganbench.metrics import _rows, kid
from ganbench.samples import Pixels, sets
from ganbench.scoring import embedding


def images(seed: int, n: int, side: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def almost(value: Any) -> Any:
    """A result for a comparison up to rounding."""
    if isinstance(value, dict):
        return {name: almost(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(almost(part) for part in value)
    return pytest.approx(value, rel=1e-8, abs=1e-12) if isinstance(value, float) else value


def read_in_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_rows, "HELD", 0)
    patch.setattr(_rows, "PART", 1000)
    patch.setattr(neighbours, "HELD", 0)
    patch.setattr(neighbours, "PART", 1000)
    patch.setattr(kid, "PART", 1000)


def test_every_metric_of_pixels_in_parts_is_that_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, train = images(0, 420), images(1, 450), images(2, 500)
    names = [
        name for name in metrics.names() if name not in ("memorisation", "lpips")
    ]  # lpips needs a file, and no pixels
    whole = Scorer.of(y, train, features="pixels", metrics=names)(x)
    read_in_parts(monkeypatch)
    monkeypatch.setattr(
        embedding.features, "embed", lambda extractor, x: pytest.fail("the pixels were held as features")
    )
    parts = Scorer.of(y, train, features="pixels", metrics=names)(x)
    assert parts.embeddings == whole.embeddings
    for name, result in parts.metrics.items():
        assert result.model_dump() == almost(whole.metrics[name].model_dump()), name


def test_memorisation_of_pixels_in_parts_is_that_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, train = images(0, 120), images(1, 150), images(2, 200)
    x[:30] = train[:30]
    arrays = {name: np.asarray(Pixels(given)) for name, given in {"gen": x, "ref": y, "train": train}.items()}
    whole = metrics.compute(["memorisation"], arrays)
    read_in_parts(monkeypatch)
    lazy = {name: Pixels(given) for name, given in {"gen": x, "ref": y, "train": train}.items()}
    assert metrics.compute(["memorisation"], lazy) == almost(whole)


def test_metric_of_another_package_gets_arrays() -> None:
    def plain(gen: np.ndarray) -> metrics.Score:
        return metrics.Score(float(gen.T.sum()))

    metric = metrics.Metric("plain", metrics.get("fid").card, plain)
    x = images(0, 9)
    assert metrics.compute([metric], {"gen": Pixels(x)})["plain"]["value"] == pytest.approx(x.sum() / 255)


def test_memory_of_pixels_is_less_than_that_of_their_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = images(0, 1500, side=16), images(1, 1500, side=16)  # 9 MB each as float64
    scorer = Scorer.of(y, features="pixels", metrics=["kid", "sliced_wasserstein", "recall"])
    scorer(x)  # imports
    whole = peak(lambda: scorer.with_(reference=y)(x))
    read_in_parts(monkeypatch)
    for module in (_rows, neighbours, kid):
        monkeypatch.setattr(module, "PART", 2**16)
    monkeypatch.setattr(kid, "BLOCK", 2**14)
    monkeypatch.setattr(sets, "BLOCK", 2**18)
    for name, small in {"QUERIES": 64, "TILE": 64, "CHUNK": 2**14}.items():
        monkeypatch.setattr(neighbours, name, small)
    assert peak(lambda: scorer.with_(reference=y)(x)) < 12e6 < 36e6 < whole
