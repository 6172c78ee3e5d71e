"""`ms_ssim` and `lpips`: the distances are those of other packages, and the means of pairs say what they should."""

# mypy: no-strict-optional

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_weights

from ganbench import metrics, score
from ganbench.errors import Unreachable
from ganbench.features import _lpips
from ganbench.metrics._pairs import pairs
from ganbench.metrics.ms_ssim import Comparison

SHAPE = (16, 16, 1)


def waves(side: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:side, :side] / side
    other = 0.5 + 0.3 * np.sin(9 * x + 5 * y + 0.4) + 0.1 * np.cos(40 * x * y)
    return (0.5 + 0.4 * np.sin(9 * x + 5 * y))[None, :, :, None], other[None, :, :, None]


@pytest.mark.parametrize(("side", "value"), [(176, 0.70745918), (256, 0.70246834)])
def test_five_scales_give_the_number_of_pytorch_msssim(side: int, value: float) -> None:
    assert Comparison.of(side, side)(*waves(side)) == pytest.approx(value, abs=3e-6)


@pytest.mark.parametrize(
    ("sides", "scales", "window"),
    [((8, 8), 1, 7), ((1, 9), 1, 1), ((28, 28), 2, 11), ((32, 300), 2, 11), ((64, 64), 3, 11), ((176, 176), 5, 11)],
)
def test_the_size_of_an_image_decides_how_many_scales_it_has(sides: tuple[int, int], scales: int, window: int) -> None:
    comparison = Comparison.of(*sides)
    assert (len(comparison.weights), len(comparison.window)) == (scales, window)
    assert sum(comparison.weights) == pytest.approx(1.0001)


@pytest.mark.parametrize("side", [5, 8, 23, 45, 64])
def test_an_image_is_exactly_like_itself_and_less_like_another(side: int) -> None:
    a, b = waves(side)
    compare = Comparison.of(side, side)
    assert compare(a, a) == pytest.approx(1, abs=1e-12)
    assert compare(a, b) == pytest.approx(compare(b, a), abs=1e-12)
    assert compare(a, b) < 1


def test_no_sample_stands_in_two_pairs() -> None:
    rows = pairs(np.random.default_rng(0).random((2101, 3)), np.random.default_rng(1))
    assert rows.shape == (1000, 2)
    assert len(np.unique(rows)) == 2000


def images(n: int, patterns: int, seed: int = 0) -> np.ndarray:
    """Samples of a few patterns with a little noise, as pixels `[n, 256]`, in turn."""
    rng = np.random.default_rng(seed)
    ideals = np.random.default_rng(5).random((10, 256))
    return np.clip(ideals[np.arange(n) % patterns] + 0.02 * rng.standard_normal((n, 256)), 0, 1)


def scored(gen: np.ndarray, ref: np.ndarray, **further: Any) -> dict[str, Any]:
    given = {"gen": gen, "ref": ref, "gen_pixels": gen, "ref_pixels": ref, "image_shape": SHAPE}
    return metrics.compute(["ms_ssim"], given | further)["ms_ssim"]


def test_a_collapsed_generator_is_more_alike_than_the_data() -> None:
    ref = images(400, 10, 1)
    good, collapsed = scored(images(400, 10), ref), scored(images(400, 2), ref)
    assert good["interval"][0] <= good["perfect"] <= good["interval"][1]
    assert collapsed["interval"][0] > collapsed["perfect"]
    assert good["scales"] == 1
    assert good["pairs"] == 200


def test_collapse_within_classes_shows_within_classes_only() -> None:
    """Ten patterns: in the data each class has five, and in the samples each class has one of them."""
    ref, labels = images(400, 10, 1), np.arange(400) % 10 // 5
    gen, asked = images(400, 10)[np.repeat([0, 5], 200)], np.repeat([0, 1], 200)
    result = scored(gen, ref, gen_labels=asked, ref_labels=labels)
    assert [line["class"] for line in result["classes"]] == [0, 1]
    assert result["within"] > 0.9 > result["within_perfect"] + 0.1
    assert result["within_interval"][0] > result["within_perfect"]


def test_the_interval_of_ms_ssim_holds_the_mean_of_all_pairs() -> None:
    x = images(300, 10)
    every = np.triu_indices(60, 1)
    compare, pictures = Comparison.of(16, 16), x[:60].reshape(-1, *SHAPE)
    mean = compare(pictures[every[0]], pictures[every[1]]).mean()
    given = {"gen": x, "gen_pixels": x, "image_shape": SHAPE}
    held = [metrics.compute(["ms_ssim"], given, seed)["ms_ssim"]["interval"] for seed in range(30)]
    assert sum(low <= mean <= high for low, high in held) >= 25


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of AlexNet and of LPIPS in the places of the published ones."""
    files = random_weights.lpips(tmp_path)
    changed = tuple(
        weights._replace(sha256=pin.partition("=")[2]) for weights, pin in zip(_lpips.FILES, files, strict=True)
    )
    monkeypatch.setattr(_lpips, "FILES", changed)
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(tmp_path))
    _lpips._load.cache_clear()
    return tmp_path


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("shape", [(64, 80, 3), (28, 28, 1)])
def test_lpips_is_that_of_torchvision_and_torch_fidelity(shape: tuple[int, ...], network: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, *shape), np.uint8)
    rows = np.array([[0, 1], [2, 3], [4, 4]])
    made = _lpips.distances(x, rows)
    assert made == pytest.approx(random_weights.run_lpips(network, x, rows), rel=1e-5, abs=1e-7)
    assert made[2] == 0
    assert made[0] > 0.01


@pytest.mark.usefixtures("network")
def test_lpips_of_a_collapsed_generator_is_below_that_of_the_data() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (40, 16, 16, 1), np.uint8)
    gen = np.repeat(data[:1], 40, 0)
    result = score(gen, data, features="pixels", metrics=["lpips", "ms_ssim"])
    assert result.metrics["lpips"].value == 0
    assert result.metrics["lpips"].perfect > 0.01
    assert result.metrics["lpips"].extra["pairs"] == 20
    assert result.metrics["ms_ssim"].value == pytest.approx(1)


def test_without_its_weights_lpips_names_their_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANBENCH_WEIGHTS_MIRROR", "http://127.0.0.1:9")
    _lpips._load.cache_clear()
    data = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), np.uint8)
    with pytest.raises(Unreachable, match=rf"{_lpips.ALEXNET.file} .*{_lpips.ALEXNET.sha256}.*`ms_ssim` .* no file"):
        score(data, data, features="pixels", metrics=["lpips"])


def test_points_have_a_reason() -> None:
    names = ["ms_ssim", "lpips"]
    points = np.random.default_rng(0).random((30, 2), np.float32)
    result = score(points, points, metrics=[*names, "fid"])
    assert all(result.metrics[name].reason == f"{name} is for images, not for points" for name in names)


def test_both_are_computed_only_on_request() -> None:
    assert {"ms_ssim", "lpips"} <= set(metrics.names())
    assert not {"ms_ssim", "lpips"} & set(metrics.usual())
