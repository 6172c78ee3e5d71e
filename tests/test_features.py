"""Extractors: what they take and give, what pins them, and that the shipped classifiers are as good as their cards say."""

# mypy: no-strict-optional

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganbench import data, features, paths
from ganbench.errors import Unreachable, UserError
from ganbench.features import Extractor, cnn

CLASSIFIERS = ("digits-cnn", "digits-exposed", "mnist-cnn", "mnist-exposed", "fashion-mnist-cnn")
REQUIRED = {
    "digits-cnn": 0.97,
    "digits-exposed": 0.97,
    "mnist-cnn": 0.99,
    "mnist-exposed": 0.99,
    "fashion-mnist-cnn": 0.91,
}
SHAPES = {  # of the extractors that need no weights from elsewhere; the others have a file of tests each
    "identity": (2,), "pixels": (5, 4, 3), "spectrogram": (512, 2), "digits-cnn": (8, 8, 1), "digits-exposed": (8, 8, 1), "mnist-cnn": (28, 28, 1), "mnist-exposed": (28, 28, 1),
    "fashion-mnist-cnn": (28, 28, 1), "stacked-mnist-cnn": (28, 28, 3), "stacked-mnist-exposed": (28, 28, 3), "shapes-encoder": (64, 64, 3),
}  # fmt: skip


def some(name: str, n: int) -> np.ndarray:
    """n random samples of the shape and dtype that an extractor takes."""
    rng = np.random.default_rng(0)
    shape = (n, *SHAPES[name])
    return rng.standard_normal(shape) if name in ("identity", "spectrogram") else rng.integers(0, 256, shape, np.uint8)


def test_every_extractor_is_covered_here_or_has_published_weights() -> None:
    assert {name for name in features.names() if "precision" not in features.describe(name)} == set(SHAPES)


def test_extractors_that_differ_in_the_resize_alone_know_each_other() -> None:
    weights = f"some.pth#sha256={'0' * 64}"
    for one, other in (("inception", "inception-clean"), ("efficientnet-lite0-tf1@112", "efficientnet-lite0@112")):
        assert features.resized_otherwise(one) == [Extractor(other)]
        assert features.resized_otherwise(Extractor(other, weights, "bf16")) == [Extractor(one, weights, "bf16")]
    for alone in ("pixels", "identity", "digits-cnn", "mnist-cnn", "inception-spatial", "clip", "clip-l14@336"):
        assert features.resized_otherwise(alone) == []


def test_neither_importing_nor_describing_imports_torch() -> None:
    code = (
        "import sys; from ganbench import features; [features.describe(n) for n in features.names()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", SHAPES)
def test_an_embedding_has_the_shape_and_dtype_of_its_description(name: str) -> None:
    about = features.describe(name)
    h, z = features.embed(name, some(name, 7))
    assert h.dtype == np.float32
    assert h.shape == (7, 2 * 8 * 16 if name == "spectrogram" else about["d"] or np.prod(SHAPES[name]))
    if about["test_accuracy"] is None:  # not a classifier
        assert z is None
    else:
        assert z is not None
        assert z.dtype == np.float32
        assert z.shape == ((7, 3, 10) if name.startswith("stacked-") else (7, 10))


@pytest.mark.parametrize("name", SHAPES)
def test_a_description_survives_json(name: str) -> None:
    assert json.loads(json.dumps(features.describe(name))) == features.describe(name)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n", [0, 1, 7, 256])
def test_features_do_not_depend_on_how_many_samples_there_are(name: str, n: int) -> None:
    x = some(name, 300)
    whole, part = features.embed(name, x), features.embed(name, x[:n])
    np.testing.assert_allclose(part.features, whole.features[:n], rtol=0, atol=1e-5)
    if part.logits is not None and whole.logits is not None:
        np.testing.assert_allclose(part.logits, whole.logits[:n], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_features_do_not_depend_on_the_place_in_a_batch(name: str) -> None:
    x = some(name, 300)
    np.testing.assert_allclose(
        features.embed(name, x[::-1]).features, features.embed(name, x).features[::-1], rtol=0, atol=1e-5
    )


def test_pixels_are_in_row_order_with_channels_last_and_white_is_one() -> None:
    x = np.zeros((1, 2, 2, 3), np.uint8)
    x[0, 0, 1, 2] = 255
    assert features.embed("pixels", x).features.tolist() == [[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]


def test_stacked_mnist_is_the_same_classifier_on_each_channel_in_order() -> None:
    x = some("stacked-mnist-cnn", 5)
    stacked = features.embed("stacked-mnist-cnn", x)
    for c in range(3):
        alone = features.embed("mnist-cnn", x[..., c : c + 1])
        assert stacked.logits is not None
        np.testing.assert_allclose(stacked.features[:, 64 * c : 64 * (c + 1)], alone.features, atol=1e-5)
        np.testing.assert_allclose(stacked.logits[:, c], alone.logits, atol=1e-5)


def test_a_dataset_has_the_classifier_of_its_name_and_points_have_none() -> None:
    assert features.default("digits") == "digits-exposed"
    assert features.default("stacked-mnist") == "stacked-mnist-exposed"
    assert features.default("ring") == "identity"
    assert features.default("spoken-digits") == "spectrogram"


def test_a_dataset_that_is_not_there_has_no_extractor() -> None:
    with pytest.raises(UserError, match="no dataset or file 'rong'; did you mean 'ring'"):
        features.default("rong")


@pytest.mark.parametrize(
    ("name", "x", "message"),
    [
        ("mnist-cnn", np.zeros((2, 8, 8, 1), np.uint8), "mnist-cnn needs grey images of 28 x 28 pixels; these samples are grey images of 8 x 8 pixels"),
        ("mnist-cnn", np.zeros((2, 28, 28), np.uint8), "mnist-cnn needs images, uint8 [n, 28, 28, 1]; these samples are uint8 [n, 28, 28]"),
        ("digits-cnn", np.zeros((2, 8, 8, 1)), "digits-cnn needs images, uint8 [n, 8, 8, 1]; these samples are float64 [n, 8, 8, 1]"),
        ("stacked-mnist-cnn", np.zeros((2, 28, 28, 1), np.uint8), "stacked-mnist-cnn needs colour images of 28 x 28 pixels; these samples are grey images of 28 x 28 pixels"),
        ("pixels", np.zeros((2, 3), np.float32), "pixels needs images; these samples are points with 3 coordinates"),
        ("identity", np.zeros((2, 8, 8, 1), np.uint8), "identity needs points; these samples are grey images of 8 x 8 pixels"),
        ("identity", np.zeros((2, 512, 1)), "identity needs points; these samples are waves of 512 steps and 1 channel"),
        ("spectrogram", np.zeros((2, 3)), "spectrogram needs waves; these samples are points with 3 coordinates"),
        ("spectrogram", np.zeros((2, 512, 1), int), "spectrogram needs waves, floats [n, T, C]; these samples are int64 [n, 512, 1]"),
        ("spectrogram", np.zeros((2, 447, 1)), "spectrogram needs waves of at least 448 steps, and these have 447"),
        ("identity", np.zeros((2, 2), int), "identity needs points, floats [n, d]; these samples are int64 [n, 2]"),
    ],
)  # fmt: skip
def test_what_an_extractor_does_not_take_is_refused_with_what_it_needs(name: str, x: np.ndarray, message: str) -> None:
    with pytest.raises(UserError) as error:
        features.embed(name, x)
    assert str(error.value) == message


def test_a_wrong_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match="did you mean 'mnist-cnn'"):
        features.embed("mnst-cnn", np.zeros((1, 28, 28, 1), np.uint8))


def test_weights_that_differ_from_the_card_are_refused_before_parsing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganbench.features.cnn import network

    shutil.copytree(cnn.WEIGHTS, tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "digits-cnn.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    parsed: list[bytes] = []
    monkeypatch.setattr(network, "WEIGHTS", tmp_path)
    monkeypatch.setattr(network.safetensors.torch, "load", parsed.append)
    with pytest.raises(UserError, match=r"its card says .* install ganbench again"):
        network.load.__wrapped__("digits-cnn")
    assert parsed == []


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_shipped_weights_are_small_and_their_card_is_of_them(name: str) -> None:
    card = cnn.read_card(name)
    size = (cnn.WEIGHTS / f"{name}.safetensors").stat().st_size
    assert card["bytes"] == size < 1_000_000
    assert card["test_accuracy"] >= REQUIRED[name]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_shipped_weights_are_of_the_recipe_and_the_data_of_today(name: str) -> None:
    from ganbench.features.cnn.train import RECIPES

    card = cnn.read_card(name)
    assert card["recipe"] == json.loads(json.dumps(RECIPES[name].__dict__))
    assert card["data"] == data.version(RECIPES[name].dataset)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_as_accurate_on_the_test_split_as_its_card_says(name: str) -> None:
    dataset = name.removesuffix("-cnn").removesuffix("-exposed")
    if name != "digits-cnn" and not (paths.data() / dataset).exists():
        pytest.skip(f"data/{dataset} is not built here: run `ganbench data obtain {dataset}`")
    x, y = data.load(dataset, "test")
    _, logits = features.embed(name, x)
    assert logits is not None
    right = np.mean(logits.argmax(1) == y)
    assert right == pytest.approx(features.describe(name)["test_accuracy"], abs=1.5 / len(y))  # one tie may round away


def test_features_are_scaled_to_mean_square_norm_d_on_training_data() -> None:
    h, _ = features.embed("digits-cnn", data.load("digits", "train").x)
    assert np.square(h).sum(1).mean() == pytest.approx(h.shape[1], rel=1e-4)


def test_training_is_a_function_of_the_recipe() -> None:
    from ganbench.features.cnn import train

    x, y = data.load("digits", "train")
    recipe = replace(train.RECIPES["digits-cnn"], epochs=2)
    one, two, other = (train.fit(x[:200], y[:200], replace(recipe, seed=seed)) for seed in (0, 0, 1))
    h, again, differs = (train.run(model, x[:50])[0].numpy() for model in (one, two, other))
    np.testing.assert_array_equal(h, again)
    assert np.abs(h - differs).max() > 0.1
    assert np.square(train.run(one, x[:200])[0].numpy()).sum(1).mean() == pytest.approx(recipe.d, rel=1e-4)


def test_what_training_writes_is_what_its_card_says(tmp_path: Path) -> None:
    from ganbench.features.cnn import train

    card = train.write("tiny", replace(train.RECIPES["digits-cnn"], epochs=5, decay=0.9), tmp_path)
    assert json.loads((tmp_path / "tiny.json").read_text()) == card
    assert (tmp_path / "tiny.safetensors").stat().st_size == card["bytes"]
    assert 0.8 < card["test_accuracy"] <= 1


def test_damage_is_named_and_leaves_the_rest_of_the_batch() -> None:
    import torch

    from ganbench.features.cnn import damage

    x = torch.rand(48, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    out, kind = damage.damage(x, 0.5, torch.Generator().manual_seed(0))
    assert kind.bincount().tolist() == [24, *[4] * len(damage.KINDS)]
    assert torch.equal(out[kind == 0], x[kind == 0])
    assert (out[kind > 0] != x[kind > 0]).flatten(1).any(1).all()
    assert 0 <= out.min() <= out.max() <= 1


@pytest.mark.parametrize("name", ["permuted", "patches"])
def test_pixels_that_move_keep_their_values(name: str) -> None:
    import torch

    from ganbench.features.cnn import damage

    x = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    moved = damage.KINDS[name](x, x, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved.flatten(1).sort(1).values, x.flatten(1).sort(1).values)
    patches = x[0, 0].unfold(0, 7, 7).unfold(1, 7, 7).reshape(16, 7, 7)
    assert any(torch.equal(patch, moved[0, 0, :7, :7]) for patch in patches) == (name == "patches")


def test_a_blur_keeps_the_ink_and_spreads_it() -> None:
    import torch

    from ganbench.features.cnn import damage

    x = torch.zeros(50, 1, 28, 28)
    x[:, :, 14, 14] = 1
    out = damage.blurred(x, x, torch.Generator().manual_seed(0))
    torch.testing.assert_close(out.sum((1, 2, 3)), torch.ones(50))
    variance = (out[:, 0].sum(1) * (torch.arange(28.0) - 14).square()).sum(1)
    assert 0.6 <= variance.sqrt().min() < 0.75
    assert 1.4 < variance.sqrt().max() <= 1.6


def test_an_exposed_classifier_rejects_noise_and_keeps_images() -> None:
    import torch

    from ganbench.features.cnn import train

    x, y = data.load("digits", "train")
    recipe = replace(train.RECIPES["digits-exposed"], epochs=10, decay=0.9)
    model = train.fit(x[:600], y[:600], recipe)
    assert model.kind is not None
    pictures = np.concatenate([x[600:700], np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)])
    with torch.inference_mode():
        kinds = model.kind(train.run(model, pictures)[0] / model.scale).argmax(1).numpy()
    assert (kinds[:100] == 0).mean() > 0.8
    assert (kinds[100:] == 0).mean() < 0.1


def test_a_jittered_image_keeps_its_ink_and_moves_within_the_shift() -> None:
    import torch

    from ganbench.features.cnn import train

    recipe = replace(train.RECIPES["mnist-cnn"], shift=2, angle=0, zoom=0)
    x = torch.zeros(100, 1, 28, 28)
    x[:, :, 14, 14] = 1
    moved = train.jitter(x, recipe, torch.Generator().manual_seed(0))[:, 0]
    torch.testing.assert_close(moved.sum((1, 2)), torch.ones(100))
    at = torch.stack([(moved.sum(2) @ torch.arange(28.0)), (moved.sum(1) @ torch.arange(28.0))]) - 14
    assert 1.5 < at.abs().max() < 2.01
    assert (at.std(1) > 0.8).all()


@pytest.mark.parametrize(
    ("dataset", "channels", "inception", "efficientnet", "name", "why"),
    [
        (None, None, True, True, "identity", "the reference has points"),
        ("mnist", 1, True, True, "mnist-exposed", "it is the classifier of mnist"),
        ("stacked-mnist", 3, True, True, "stacked-mnist-exposed", "it is the classifier of stacked-mnist"),
        (None, 3, True, True, "inception", "the reference has colour images, and the weights of the literature's FID are on this machine"),
        (None, 3, False, True, "efficientnet-lite0@224", "is installed, and Inception's weights are not on this machine"),
        (None, 1, False, True, "efficientnet-lite0@224", "grey images that are not from a built-in dataset"),
    ],
)  # fmt: skip
def test_auto_picks_by_the_data_and_by_what_is_here_and_says_why(
    dataset: str | None, channels: int | None, inception: bool, efficientnet: bool, name: str, why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    only_here(monkeypatch, inception, efficientnet)
    extractor, reason = features.pick(None, dataset, channels)
    assert extractor.name == name
    assert why in str(reason)
    assert features.pick("auto", dataset, channels) == (extractor, reason)
    assert features.pick("pixels", dataset, channels) == (Extractor("pixels"), None)


def test_auto_without_any_general_network_says_what_there_is_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    only_here(monkeypatch, False, False)
    with pytest.raises(Unreachable, match=r"colour images.*pip install.*`features='inception'`.*`features='pixels'`"):
        features.pick("auto", None, 3)


def only_here(monkeypatch: pytest.MonkeyPatch, inception: bool, efficientnet: bool) -> None:
    """Pretend that these weights are on this machine, and no others."""
    from ganbench.features import _weights
    from ganbench.features import efficientnet as lite

    monkeypatch.setattr(_weights, "locate", lambda weights: Path("there") if inception else None)
    monkeypatch.setattr(lite, "locate", lambda: Path("there") if efficientnet else None)


@pytest.mark.parametrize(
    ("extractor", "message"),
    [
        (Extractor("mnist-cnn", "w.pth"), "weights and precision are for networks with published weights; mnist-cnn is not such a network"),
        (Extractor("pixels", precision="bf16"), "weights and precision are for networks with published weights; pixels is not such a network"),
        (Extractor("inception", precision="fp8"), "no precision 'fp8'; did you mean 'fp32'? (known: bf16, fp32)"),
        (Extractor("inception", "w.pth#abc"), "weights w.pth#abc: write FILE#sha256= and the 64 hexadecimal digits"),
    ],
)  # fmt: skip
def test_what_an_extractor_cannot_be_run_with_is_refused(extractor: Extractor, message: str) -> None:
    with pytest.raises(UserError) as error:
        features.describe(extractor)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("extractor", "message"),
    [
        (Extractor("incption"), "did you mean 'inception'"),
        (Extractor("auto", precision="fp8"), "no precision 'fp8'; did you mean 'fp32'"),
        (Extractor("auto", "gone.pth"), "weights gone.pth: no such file"),
        (Extractor("inception", "gone.pth#sha256=" + 64 * "0"), "weights gone.pth: no such file"),
        (Extractor("gone.onnx"), "extractor gone.onnx: no such file"),
    ],
)
def test_a_wrong_extractor_is_refused_without_any_sample(extractor: Extractor, message: str) -> None:
    with pytest.raises(UserError, match=message):
        features.require(extractor)
    features.require(None)
    features.require("pixels")
