"""Extractors that other evaluators pin: their resizes, and the real networks with seeded random weights."""

# mypy: no-strict-optional

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import random_weights
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from ganbench import features
from ganbench.features import Extractor, _resize, fidelity, inception

SIZES = [(32, 32), (7, 5), (400, 310)]


def images(n: int, size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """Smooth random images with sharp edges, at which a bicubic filter overshoots."""
    rng = np.random.default_rng(0)
    rows, columns = (np.arange(side) * 4 // side for side in size)
    return rng.integers(0, 256, (n, 4, 4, channels), np.uint8)[:, rows][:, :, columns]


@pytest.fixture(scope="module")
def inception_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return random_weights.inception(tmp_path_factory.mktemp("weights") / "random.pth")


@pytest.fixture(scope="module")
def dinov2_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return random_weights.dinov2(tmp_path_factory.mktemp("weights") / "random.pth")


@pytest.fixture(scope="module")
def clip_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return random_weights.clip(tmp_path_factory.mktemp("weights") / "random.pt")


def run(extractor: Extractor, x: np.ndarray) -> Any:
    """What an extractor gives without a batch that is filled up, which takes long here."""
    family = inception if extractor.name in inception.NAMES else fidelity
    features_and_logits: tuple[np.ndarray, np.ndarray | None] = family.load(extractor)(x)
    return features_and_logits


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_dgm_evals_resize_is_pillows_on_whole_numbers(size: tuple[int, int], channels: int) -> None:
    from torchvision.transforms import Resize
    from torchvision.transforms.functional import InterpolationMode, to_tensor

    x = images(2, size, channels)
    resize = Resize((224, 224), InterpolationMode.BICUBIC)  # the transform that dgm-eval builds
    pictures = [Image.fromarray(np.repeat(image, 3 // channels, -1)) for image in x]
    theirs = torch.stack([to_tensor(resize(picture)) for picture in pictures])
    torch.testing.assert_close(_resize.pillow(x, 224) / 255, theirs, rtol=0, atol=1e-7)


@pytest.mark.parametrize("size", SIZES)
def test_edm2s_resize_overshoots_where_dgm_evals_is_clipped(size: tuple[int, int]) -> None:
    x = images(2, size)
    assert _resize.overshooting(x, 224).min() < 0
    assert _resize.overshooting(x, 224).max() > 255
    inner = x // 2 + 64  # no overshoot reaches black or white
    ours, theirs = _resize.overshooting(inner, 224), _resize.pillow(inner, 224)
    assert 0 < (ours - theirs).abs().max() <= 1.2  # the rounding, once per axis


def test_studiogans_resize_neither_blurs_nor_shifts() -> None:
    x = images(2, (598, 598))
    halved = torch.from_numpy(x).permute(0, 3, 1, 2).float().unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    torch.testing.assert_close(_resize.bilinear(x, 299), halved)  # at one half it is the mean of 2 x 2 pixels


def test_cmmds_resize_takes_the_square_in_the_middle() -> None:
    x = images(2, (40, 63))
    torch.testing.assert_close(_resize.cropped(x, 336), _resize.pillow(x[:, :, 11:51], 336))
    np.testing.assert_array_equal(_resize.cropped(x, 40), x[:, :, 11:51].transpose(0, 3, 1, 2))


@torch.inference_mode()
def maps_of_torch_fidelity(weights: str, x: np.ndarray) -> torch.Tensor:
    """What torch-fidelity's own layers give at the branch of single pixels of `Mixed_6d`, which is `mixed_6/conv`."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], weights.partition("#")[0])
    seen: list[torch.Tensor] = []
    network.Mixed_6d.branch1x1.register_forward_hook(lambda module, given, out: seen.append(out))
    network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return seen[0]


def test_spatial_features_are_seven_channels_of_mixed_6_conv(inception_weights: str) -> None:
    x = images(3, (32, 32))
    theirs = maps_of_torch_fidelity(inception_weights, x)
    assert theirs.shape == (3, 192, 17, 17)
    ours, logits = run(Extractor("inception-spatial", inception_weights), x)
    wanted = theirs.permute(0, 2, 3, 1)[..., :7].reshape(3, 2023).numpy()  # TensorFlow's order of axes
    assert wanted.std(0).mean() > 0.01
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert logits is None


def test_studiogan_gives_the_network_another_input_and_its_bias(inception_weights: str) -> None:
    x = images(2, (299, 299))  # no resize does anything at this size
    h, z = random_weights.run_inception(inception_weights, torch.from_numpy(x).permute(0, 3, 1, 2) / 127.5 - 1)
    ours, logits = run(Extractor("inception-studiogan", inception_weights), x)
    np.testing.assert_allclose(ours, h, rtol=0, atol=1e-5 * np.abs(h).max())
    np.testing.assert_allclose(logits, z, rtol=0, atol=1e-5 * np.abs(z).max())
    assert np.abs(run(Extractor("inception", inception_weights), x)[1] - logits).max() > 0.1


@torch.inference_mode()
@pytest.mark.parametrize("name", ["dinov2-dgm-eval", "dinov2-edm2"])
def test_dinov2_sees_the_resize_of_its_name(dinov2_weights: str, name: str) -> None:
    x = images(2, (32, 32))
    ours, logits = run(Extractor(name, dinov2_weights), x)
    if name == "dinov2-edm2":
        planes = torch.from_numpy(x).permute(0, 3, 1, 2).float()
        resized = F.interpolate(planes, (224, 224), mode="bicubic", antialias=True)
    else:
        pictures = [Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC) for image in x]
        resized = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2).float()
    mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    given = (resized / 255 - mean[:, None, None]) / sd[:, None, None]
    network = fidelity.vision_transformer(
        torch.load(dinov2_weights.partition("#")[0], weights_only=True), 224, torch.float32
    )
    theirs = network(given).numpy()
    assert ours.shape == (2, 1024)
    assert theirs.std(0).mean() > 0.01
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())
    assert logits is None


def test_the_three_dinov2_differ_in_nothing_but_the_resize(dinov2_weights: str) -> None:
    names = ("dinov2", "dinov2-dgm-eval", "dinov2-edm2")
    assert {e.name for e in features.resized_otherwise("dinov2")} == set(names[1:])
    same, small = images(1, (224, 224)), images(1, (32, 32))
    alike, apart = zip(
        *([run(Extractor(name, dinov2_weights), x)[0] for x in (same, small)] for name in names), strict=True
    )
    for i in (1, 2):
        np.testing.assert_allclose(alike[i], alike[0], rtol=0, atol=1e-5 * np.abs(alike[0]).max())
        assert np.abs(apart[i] - apart[i - 1]).max() > 1e-4 * np.abs(apart[0]).max()


@torch.inference_mode()
def test_clip_gives_embeddings_of_length_one(clip_weights: str) -> None:
    x = images(2, (40, 63))
    ours, logits = run(Extractor("clip-l14@336", clip_weights), x)
    assert ours.shape == (2, 768)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, rtol=1e-6)
    pictures = [Image.fromarray(image[:, 11:51]).resize((336, 336), Image.Resampling.BICUBIC) for image in x]
    given = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2) / 255
    mean, sd = torch.tensor(fidelity.OPENAI.mean), torch.tensor(fidelity.OPENAI.sd)
    theirs = by_torchs_layers(clip_weights, (given - mean[:, None, None]) / sd[:, None, None]).numpy()
    assert theirs.std(0).mean() > 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)
    assert logits is None


def by_torchs_layers(weights: str, x: torch.Tensor) -> torch.Tensor:
    """CLIP's image tower from torch's own multi-head attention, scaled to length 1."""
    with warnings.catch_warnings(action="ignore"):  # torch warns that TorchScript is old
        state = torch.jit.load(weights.partition("#")[0]).state_dict()
    w = {name.removeprefix("visual."): array for name, array in state.items()}
    d = w["proj"].shape[0]
    h = F.conv2d(x, w["conv1.weight"], stride=14).flatten(2).mT
    h = torch.cat([w["class_embedding"].expand(len(x), 1, -1), h], 1) + w["positional_embedding"]
    h = F.layer_norm(h, (d,), w["ln_pre.weight"], w["ln_pre.bias"])
    for i in range(random_weights.DEPTH):
        b = {name.removeprefix(f"transformer.resblocks.{i}."): array for name, array in w.items()}
        attention = nn.MultiheadAttention(d, d // 64, batch_first=True)
        attention.load_state_dict({name: b[f"attn.{name}"] for name in attention.state_dict()})
        normed = F.layer_norm(h, (d,), b["ln_1.weight"], b["ln_1.bias"])
        h = h + attention(normed, normed, normed)[0]
        normed = F.layer_norm(h, (d,), b["ln_2.weight"], b["ln_2.bias"])
        inner = F.linear(normed, b["mlp.c_fc.weight"], b["mlp.c_fc.bias"])
        h = h + F.linear(inner * torch.sigmoid(1.702 * inner), b["mlp.c_proj.weight"], b["mlp.c_proj.bias"])
    return F.normalize(F.layer_norm(h[:, 0], (d,), w["ln_post.weight"], w["ln_post.bias"]) @ w["proj"])
