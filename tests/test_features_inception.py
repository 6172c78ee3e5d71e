"""Inception: what torch-fidelity and clean-fid say, at any batch size; and weights that are checked before they are opened."""

# mypy: no-strict-optional

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import random_weights
import torch

from ganbench import features
from ganbench.errors import Unreachable, UserError
from ganbench.features import Extractor, _resize, _weights, inception

SIZES = [(32, 32), (7, 5), (299, 299), (400, 310), (1, 1)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Seeded random weights of the real architecture."""
    return random_weights.inception(tmp_path_factory.mktemp("weights") / "random.pth")


def images(n: int, size: tuple[int, int], channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth random images, so that they differ as pictures do and not only as noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, channels), np.uint8)
    rows, columns = (np.arange(s) * 4 // s for s in size)
    return np.clip(coarse[:, rows][:, :, columns] + rng.integers(0, 20, (n, *size, channels)), 0, 255).astype(np.uint8)


def peer(weights: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What torch-fidelity's own extractor says."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    file = weights.partition("#")[0]
    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"], file)
    h, z = network(torch.from_numpy(np.repeat(x, 3 // x.shape[-1], -1).transpose(0, 3, 1, 2).copy()))
    return h.numpy(), z.numpy()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_tf1_resize_is_torch_fidelitys(size: tuple[int, int], channels: int) -> None:
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as resize

    x = images(2, size, channels)
    planes = torch.from_numpy(np.repeat(x, 3 // channels, -1).transpose(0, 3, 1, 2).copy()).float()
    torch.testing.assert_close(_resize.tf1(x, 299), resize(planes, (299, 299), align_corners=False), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", SIZES[:4])
@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")  # Pillow's, of clean-fid's call
def test_the_clean_resize_is_clean_fids(size: tuple[int, int]) -> None:
    from cleanfid.resize import make_resizer

    resize = make_resizer("PIL", False, "bicubic", (299, 299))
    x = images(2, size)
    theirs = np.stack([resize(image) for image in x]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(_resize.clean(x, 299).numpy(), theirs)


@pytest.mark.parametrize("channels", [1, 3])
def test_inception_says_what_torch_fidelity_says(weights: str, channels: int) -> None:
    x = images(3, (32, 32), channels)
    h, z = features.embed(Extractor("inception", weights), x)
    theirs_h, theirs_z = peer(weights, x)
    assert theirs_h.std(0).mean() > 0.1
    np.testing.assert_allclose(h, theirs_h, rtol=0, atol=1e-5 * np.abs(theirs_h).max())
    np.testing.assert_allclose(z, theirs_z, rtol=0, atol=1e-5 * np.abs(theirs_z).max())


def test_inception_clean_is_the_same_network_after_clean_fids_resize(weights: str) -> None:
    x = images(2, (32, 32))
    resized = _resize.clean(x, 299).round().byte().numpy().transpose(0, 2, 3, 1)  # at 299 neither resize does anything
    clean, alike = (features.embed(Extractor("inception-clean", weights), y).features for y in (x, resized))
    assert 0 < np.abs(clean - alike).max() < 0.01 * np.abs(clean).max()  # the rounding
    np.testing.assert_allclose(alike, peer(weights, resized)[0], rtol=0, atol=1e-5 * np.abs(alike).max())


@pytest.mark.parametrize("size", [1, 7])
def test_no_feature_depends_on_the_size_of_a_batch(weights: str, size: int) -> None:
    run, x = inception.load(Extractor("inception", weights)), images(8, (32, 32))
    whole = run(x)
    parts = zip(*(run(x[i : i + size]) for i in range(0, len(x), size)), strict=True)
    for one, part in zip(whole, map(np.concatenate, parts), strict=True):
        np.testing.assert_allclose(part, one, rtol=0, atol=1e-5 * np.abs(one).max())


def test_bf16_is_near_fp32_and_has_its_own_id(weights: str) -> None:
    x = images(3, (32, 32))
    exact, quick = Extractor("inception", weights), Extractor("inception", weights, "bf16")
    assert features.describe(quick)["id"] == features.describe(exact)["id"] + "/bf16"
    one, other = (features.embed(e, x).features for e in (exact, quick))
    assert 0 < np.abs(one - other).max() < 0.03 * np.abs(one).max()


def test_the_id_names_the_weights_and_the_resize(weights: str) -> None:
    published, random = features.describe("inception"), features.describe(Extractor("inception", weights))
    assert published["id"] == "inception@6726825d"
    assert random["id"] == f"inception@{weights[-64:][:8]}"
    assert published["resize"] != features.describe("inception-clean")["resize"]


def test_other_weights_are_refused_before_they_are_opened(
    weights: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = []
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: opened.append(args))
    file, pin = weights.split("#sha256=")
    with pytest.raises(UserError, match=rf"SHA-256 {pin}, not 6726825d.*#sha256={pin}"):
        features.embed(Extractor("inception", file), images(1, (8, 8)))
    with pytest.raises(UserError, match=f"not {'0' * 64}"):
        features.embed(Extractor("inception", f"{file}#sha256={'0' * 64}"), images(1, (8, 8)))
    with pytest.raises(UserError, match="no such file"):
        features.embed(Extractor("inception", str(tmp_path / "none.pth")), images(1, (8, 8)))
    assert opened == []


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / "evil.pth"
    torch.save({"fc.weight": Evil()}, path)
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UserError, match="not weights of this network"):
        features.embed(Extractor("inception", f"{path}#sha256={pin}"), images(1, (8, 8)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["missing", "further", "of another shape"])
def test_weights_of_another_network_are_one_line(weights: str, tmp_path: Path, damage: str) -> None:
    state = torch.load(weights.partition("#")[0], weights_only=True)
    if damage == "missing":
        state.pop("Mixed_7c.branch_pool.conv.weight")
    elif damage == "further":
        state["Mixed_8a.conv.weight"] = torch.zeros(1)
    else:
        state["Mixed_6b.branch7x7_2.conv.weight"] = torch.zeros(128, 64, 1, 7)
    path = tmp_path / "other.pth"
    torch.save(state, path)
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UserError, match="not weights of this network"):
        features.embed(Extractor("inception", f"{path}#sha256={pin}"), images(1, (8, 8)))


def test_without_weights_and_network_it_says_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANBENCH_WEIGHTS_MIRROR", "http://127.0.0.1:9/mirror/")  # nothing listens there
    with pytest.raises(Unreachable) as error:
        features.embed("inception", images(1, (8, 8)))
    for part in (
        f"http://127.0.0.1:9/mirror/{inception.WEIGHTS.file}", inception.WEIGHTS.sha256, str(tmp_path / "weights"),
        "`weights='FILE'`", "GANBENCH_WEIGHTS_MIRROR", "efficientnet-lite0@224", "pixels",
    ):  # fmt: skip
        assert part in str(error.value)
    assert error.value.exit_code == 3
    assert "downloading" in capsys.readouterr().err


@pytest.mark.parametrize("whole", [True, False])
def test_a_mirror_is_asked_once_and_believed_only_if_the_hash_is_right(
    whole: bool, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    content = Path(weights.partition("#")[0]).read_bytes()
    served = tmp_path / "served"
    served.mkdir()
    published = inception.WEIGHTS._replace(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    (served / published.file).write_bytes(content if whole else content[:-1])
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=served))
    threading.Thread(target=server.serve_forever).start()
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(tmp_path / "kept"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANBENCH_WEIGHTS_MIRROR", f"http://127.0.0.1:{server.server_port}")
    try:
        if not whole:
            with pytest.raises(Unreachable, match="another hash"):
                _weights.read(published, None)
            assert list((tmp_path / "kept").iterdir()) == []
            return
        assert _weights.read(published, None) == content
    finally:
        server.shutdown()
        server.server_close()
    assert _weights.read(published, None) == content


def test_the_published_weights_load_and_separate_real_images() -> None:
    if _weights.locate(inception.WEIGHTS) is None:
        pytest.skip(f"{inception.WEIGHTS.file} is not here: put it into {_weights.folder()} to run this test")
    x = images(2, (32, 32))
    h, z = features.embed("inception", x)
    theirs_h, theirs_z = peer(str(_weights.locate(inception.WEIGHTS)), x)
    np.testing.assert_allclose(h, theirs_h, rtol=0, atol=1e-5 * np.abs(theirs_h).max())
    np.testing.assert_allclose(z, theirs_z, rtol=0, atol=1e-5 * np.abs(theirs_z).max())
