"""Waves through the verbs: read, trained on, sampled, scored, shown and heard."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench import data, samples, score
from ganbench.cli import app
from ganbench.display import sounds
from ganbench.errors import UserError
from ganbench.samples import SampleSet
from ganbench.samples.sets import Declared

RNG = np.random.default_rng(0)
NTC = Declared(layout="ntc")


def ganbench(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0


def tones(n: int, steps: int = 1024) -> np.ndarray:
    """Waves `[n, T, 1]` of random pitch."""
    cycles = RNG.uniform(0.02, 0.4, (n, 1))
    return (0.5 * np.sin(2 * np.pi * cycles * np.arange(steps)))[..., None].astype(np.float32)


def test_waves_are_read_only_where_they_are_declared(tmp_path: Path) -> None:
    x = tones(5)
    np.save(tmp_path / "x.npy", x)
    for given in (tmp_path / "x.npy", x):
        with pytest.raises(UserError, match=r"waves, floats \[n, T, C\], need `layout='ntc'`"):
            samples.read(given)
        np.testing.assert_array_equal(samples.read(given, NTC).x, x)


@pytest.mark.parametrize(
    "x", [np.zeros((5, 8, 8, 3), np.uint8), np.zeros((5, 8, 1), np.uint8), np.zeros((5, 2)), np.zeros((5, 0, 1))]
)
def test_other_arrays_are_no_waves(x: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"the layout ntc is for waves, floats \[n, T, C\]"):
        samples.read(x, NTC)


@pytest.mark.parametrize("n", [0, 5])
def test_a_file_of_ganbench_says_that_it_has_waves(n: int, tmp_path: Path) -> None:
    x = tones(n)
    samples.write(tmp_path / "x.npz", SampleSet(x, None, {"name": "x"}))
    np.testing.assert_array_equal(samples.read(tmp_path / "x.npz").x, x)
    samples.write(tmp_path / "points.npz", SampleSet(x[..., 0], None, {"name": "x"}))
    assert "layout" not in json.loads((tmp_path / "points.json").read_text())


def test_a_manifest_cannot_declare_another_layout(tmp_path: Path) -> None:
    samples.write(tmp_path / "x.npz", SampleSet(tones(2), None, {"name": "x"}))
    manifest = json.loads((tmp_path / "x.json").read_text()) | {"layout": "nchw"}
    (tmp_path / "x.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="is not a manifest of"):
        samples.read(tmp_path / "x.npz")


def test_a_sound_file_has_the_waves_one_after_the_other(tmp_path: Path) -> None:
    x = np.stack([np.full((40, 2), 0.25), np.full((40, 2), -2.0)])
    x[0, :, 1] = 2.0
    sounds.write(x, 80, tmp_path / "x.wav")
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (80, 2, 2)
        steps = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(2, 60, 2)
    assert (steps[:, 40:] == 0).all()  # a quarter of a second
    assert (steps[0, :40] == [2**13, 2**15 - 1]).all()
    assert (steps[1, :40] == -(2**15)).all()


def test_a_sound_file_has_at_most_64_waves(tmp_path: Path) -> None:
    sounds.write(np.zeros((70, 30, 1)), 40, tmp_path / "x.wav")
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert file.getnframes() == 64 * (30 + 10)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A short run on waves of a user, with a folder of datasets of its own."""
    root = tmp_path_factory.mktemp("waves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_DATA", str(root / "data"))
        _run(root)
        yield root


def _run(root: Path) -> None:
    for part in ("train", "test"):
        samples.write(root / f"{part}.npz", SampleSet(tones(60), None, {"name": part}))
    settings = [f"--set={key}" for key in ("width=2", "batch=8", "n_critic=1")]
    budget = ["--images", "40", "--moments", "2", "--out", str(root / "run")]
    ganbench(["train", "wavegan", "--dataset", str(root / "train.npz"), *settings, *budget])
    ganbench(["sample", str(root / "run"), "--n", "40", "--out", str(root / "made.npz")])


def test_samples_of_a_run_are_waves_and_are_scored_in_the_spectrogram(trained: Path) -> None:
    made = samples.read(trained / "made.npz")
    assert made.x.shape == (40, 1024, 1)
    result = score(trained / "made.npz", trained / "test.npz", metrics=["kid", "precision", "sliced_wasserstein"])
    assert result.protocol.features.id == "spectrogram@1"
    assert all(result.metrics[name].value is not None for name in ("kid", "precision", "sliced_wasserstein"))
    assert (result.metrics["kid"].value or 0) > 0


def test_waves_without_a_known_rate_have_no_sound_file(trained: Path) -> None:
    assert not (trained / "made.wav").exists()


def test_waves_of_a_dataset_with_a_rate_are_heard_at_this_rate(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = data.Facts((1024, 1), 60, 60, rate=4000)
    monkeypatch.setattr(data, "facts", lambda name: facts)
    ganbench(["sample", str(trained / "run"), "--n", "3", "--out", str(trained / "heard.npz")])
    with wave.open(str(trained / "heard.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (4000, 3 * (1024 + 1000))
        steps = np.frombuffer(file.readframes(1024), "<i2")
    np.testing.assert_allclose(steps / 2**15, samples.read(trained / "heard.npz").x[0, :, 0], atol=2**-15)


@pytest.mark.parametrize(
    "verb",
    [
        ["overview", "a=made.npz", "b=test.npz"],
        ["interpolate", "run", "--points", "0,1"],
        ["arithmetic", "run", "--plus", "0,1", "--minus", "2", "--plus", "3"],
    ],
)
def test_pictures_of_waves_are_written(verb: list[str], trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    out = trained / f"{verb[0]}.png"
    ganbench([*verb, "--out", str(out)])
    assert out.stat().st_size > 1000


def test_the_page_of_a_score_shows_waves(trained: Path) -> None:
    page = trained / "page.html"
    arguments = ["--reference", str(trained / "test.npz"), "--metrics", "kid", "--html", str(page)]
    ganbench(["score", str(trained / "made.npz"), *arguments])
    assert page.read_text().count("data:image/png") >= 2
