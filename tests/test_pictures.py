"""Pictures of sample sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ganbench.display.pictures import LINE, contact_sheet, frame, overview, paint, spectrograms, strip
from ganbench.errors import UserError
from ganbench.samples import SampleSet


def test_contact_sheet_shows_the_first_images_unchanged_in_reading_order() -> None:
    x = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), dtype=np.uint8)
    sheet = contact_sheet(x, 3, 3)
    assert sheet.shape == (3 * 5, 3 * 6, 3)
    for i in range(9):
        row, column = divmod(i, 3)
        assert np.array_equal(sheet[row * 5 + 1 : row * 5 + 5, column * 6 + 1 : column * 6 + 6], x[i])
    assert (sheet[::5] == LINE).all()


def test_contact_sheet_of_few_images_is_black_elsewhere() -> None:
    sheet = contact_sheet(np.full((1, 4, 4, 1), 255, np.uint8), 2, 2)
    assert (sheet[1:5, 1:5] == 255).all()
    assert (sheet[6:, 6:] == 0).all()


def tone(cycles: float, n: int = 4096) -> np.ndarray:
    """A wave `[n, 1]` with so many cycles per step."""
    return np.asarray(np.sin(2 * np.pi * cycles * np.arange(n))[:, None], np.float32)


def test_a_spectrogram_has_time_to_the_right_and_pitch_upwards() -> None:
    x = np.concatenate([tone(8 / 128, 2048), tone(48 / 128, 2048)])
    picture = spectrograms(x[None])[0, :, :, 0]
    assert picture.shape == (64, 64)
    assert (picture[:, 2:30].argmax(0) == 64 - 8).all()
    assert (picture[:, 34:62].argmax(0) == 64 - 48).all()


def test_a_full_tone_is_white_a_thousandth_of_it_and_silence_are_black() -> None:
    x = np.stack([tone(8 / 128), 10**-1.5 * tone(8 / 128), 1e-3 * tone(8 / 128), np.zeros((4096, 1))])
    brightest = spectrograms(x)[:, :, 4:60, 0].max((1, 2))
    np.testing.assert_allclose(brightest, [255, 127.5, 0, 0], atol=2)


@pytest.mark.parametrize("steps", [16, 256, 16_384])
def test_a_spectrogram_has_one_size_whatever_the_length_of_the_wave(steps: int) -> None:
    assert spectrograms(np.zeros((3, steps, 2), np.float32)).shape == (3, 64, 64, 1)


def test_overview_of_waves_is_that_of_their_spectrograms(tmp_path: Path) -> None:
    x = np.stack([tone(cycles) for cycles in np.linspace(0.01, 0.4, 70)])
    overview({"a": SampleSet(x, None, {})}, tmp_path / "waves.png")
    overview({"a": SampleSet(spectrograms(x), None, {})}, tmp_path / "images.png")
    assert (tmp_path / "waves.png").read_bytes() == (tmp_path / "images.png").read_bytes()


def test_overview_draws_images_points_and_empty_sets(tmp_path: Path) -> None:
    images = SampleSet(np.full((3, 8, 8, 1), 200, np.uint8), None, {})
    rng = np.random.default_rng(0)
    points = SampleSet(rng.normal(size=(50, 2)), None, {})
    line = SampleSet(rng.normal(size=(50, 1)), None, {})
    empty = SampleSet(np.empty((0, 2)), None, {"reason": "diverged: at once"})
    for name, sets in {"i": {"a": images}, "p": {"gone": empty, "real": points}, "l": {"a": line}}.items():
        overview(sets, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 2


@pytest.mark.parametrize("shape", [(8, 8, 1), (2,)], ids=["images", "points"])
def test_numbers_are_drawn_if_wanted(tmp_path: Path, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random((70, *shape))
    one = SampleSet((255 * x).astype(np.uint8) if len(shape) == 3 else x, None, {})
    orange = []
    for numbered in (False, True):
        overview({"a": one}, tmp_path / "a.png", numbered)
        with Image.open(tmp_path / "a.png") as picture:
            r, g, b = np.asarray(picture.convert("RGB")).astype(int).transpose(2, 0, 1)
        orange.append(int(((r > 200) & (g < 180) & (b < 100)).sum()))
    assert orange[0] == 0
    assert orange[1] > 100


def test_points_of_unequal_dimensions_are_refused(tmp_path: Path) -> None:
    sets = {str(d): SampleSet(np.zeros((3, d), np.float32), None, {}) for d in (1, 2)}
    with pytest.raises(UserError, match="points of 1 and 2 dimensions"):
        overview(sets, tmp_path / "x.png")


def test_empty_set_of_unknown_reason_is_a_panel_without_samples(tmp_path: Path) -> None:
    overview({"a": SampleSet(np.empty((0, 2)), None, {})}, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 2


@pytest.mark.parametrize("name", ["x.txt", "folder", "x.pdf"])
def test_overview_is_written_as_png_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"an overview is written as \.png"):
        overview({"a": SampleSet(np.zeros((3, 2), np.float32), None, {})}, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_small_images_of_a_strip_are_enlarged_without_new_values() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 1), dtype=np.uint8)
    sheet = strip(x)
    assert sheet.shape == (2 * 72, 3 * 72, 1)
    assert np.array_equal(sheet[72 + 8 :: 8, 2 * 72 + 8 :: 8], x[1, 2])


@pytest.mark.parametrize(("moved", "said"), [(0.0, []), (100.0, ["100% of the samples lie outside"])])
@pytest.mark.parametrize("d", [1, 2])
def test_a_panel_says_which_share_of_its_points_it_cannot_show(d: int, moved: float, said: list[str]) -> None:
    x = np.random.default_rng(0).standard_normal((200, d)).astype(np.float32)
    axes = Figure().subplots()
    paint(axes, SampleSet(x + np.float32(moved), None, {}), frame(x))
    assert [text.get_text() for text in axes.texts] == said
