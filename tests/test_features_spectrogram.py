"""The extractor of waves: a tone is in its own band and in its own time, and silence is in none."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench import features, metrics
from ganbench.features.spectrogram import BANDS, FRAME, PARTS, bands, frames

STEPS = 4096


def tone(cycles: float, steps: int = STEPS, size: float = 1.0) -> np.ndarray:
    """A wave `[1, T, 1]` with so many cycles per step."""
    return np.asarray(size * np.sin(2 * np.pi * cycles * np.arange(steps))[None, :, None])


def embedded(x: np.ndarray) -> np.ndarray:
    """The features by part and band, `[n, PARTS, BANDS]`, of waves with one channel."""
    return features.embed("spectrogram", x).features.reshape(len(x), PARTS, BANDS)


def middle(band: int) -> float:
    """The cycles per step in the middle of a band, by the inverse of the mel scale: 700 (e^m - 1) Hz at 4,000 steps a second."""
    whole = np.log1p(2000 / 700)
    return float(700 * np.expm1(whole * (band + 1) / (BANDS + 1)) / 4000)


@pytest.mark.parametrize("band", range(BANDS))
def test_a_tone_in_the_middle_of_a_band_is_loudest_there_at_all_times(band: int) -> None:
    assert (embedded(tone(middle(band)))[0].argmax(1) == band).all()


@pytest.mark.parametrize("size", [1.0, 0.1])
def test_the_power_of_a_tone_is_its_squared_amplitude(size: float) -> None:
    inner = frames(tone(0.2, size=size))[0, 2:-2, 0]  # the first and the last frames look beyond the wave
    np.testing.assert_allclose(inner.sum(1), size**2, rtol=1e-3)


def test_a_tone_ten_times_as_loud_has_features_two_larger() -> None:
    loud, faint = (embedded(tone(middle(8), size=size))[0, 1:-1, 8] for size in (1.0, 0.1))
    np.testing.assert_allclose(loud - faint, 2, atol=1e-3)


def test_silence_is_the_floor_everywhere() -> None:
    np.testing.assert_array_equal(embedded(np.zeros((3, STEPS, 1))), np.float32(-6))


def test_a_sound_is_in_its_own_part_of_the_time() -> None:
    x = np.zeros((1, STEPS, 1))
    x[:, 3 * STEPS // PARTS + FRAME : 4 * STEPS // PARTS - FRAME] = tone(0.2, STEPS // PARTS - 2 * FRAME)
    loud = embedded(x)[0].max(1)
    assert loud.argmax() == 3
    np.testing.assert_array_equal(loud[[0, 1, 5, 6, 7]], np.float32(-6))


def test_the_phase_of_a_tone_does_not_count() -> None:
    x = tone(0.2, STEPS + 3)
    np.testing.assert_allclose(embedded(x[:, 3:])[0, 1:-1, 12], embedded(x[:, :-3])[0, 1:-1, 12], atol=2e-3)


def test_channels_are_side_by_side() -> None:
    both = np.concatenate([tone(0.05), tone(0.3)], 2)
    whole = features.embed("spectrogram", both).features.reshape(PARTS, 2, BANDS)
    for channel in (0, 1):
        np.testing.assert_array_equal(whole[:, channel], embedded(both[..., channel : channel + 1])[0])


def test_the_weights_of_a_frequency_sum_to_one_between_the_outer_middles() -> None:
    cycles = np.arange(FRAME // 2 + 1) / FRAME
    inside = (cycles >= middle(0)) & (cycles <= middle(BANDS - 1))
    np.testing.assert_allclose(bands().sum(0)[inside], 1)
    assert (bands().sum(0) <= 1 + 1e-12).all()


def test_equal_sounds_have_no_distance_and_another_sound_has_one() -> None:
    """The null: noise against noise has an unbiased kid of about 0, and half as loud noise has not."""
    rng = np.random.default_rng(0)
    gen, ref = (features.embed("spectrogram", rng.normal(size=(200, 1024, 1))).features for _ in range(2))
    soft = features.embed("spectrogram", rng.normal(size=(200, 1024, 1)) / 2).features
    null, other = (
        metrics.compute(["kid"], {"gen": x.astype(float), "ref": ref.astype(float)})["kid"] for x in (gen, soft)
    )
    low, high = null["interval"]
    assert low <= 0 <= high
    assert other["value"] > high
