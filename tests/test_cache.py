"""The cache of features: what is asked for again is not computed again, and nothing wrong ever comes out of it."""

# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganbench import features
from ganbench.errors import UserError
from ganbench.features import Extractor, cnn
from ganbench.features import _cache as cache

X = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Extractor]:
    """The extractors that are loaded during the test, which is to say: run."""
    found: list[Extractor] = []
    load = cnn.load
    monkeypatch.setattr(cnn, "load", lambda extractor: (found.append(extractor), load(extractor))[1])
    return found


def test_the_same_content_is_embedded_once_whatever_holds_it(loads: list[Extractor]) -> None:
    first = features.embed("digits-cnn", X)
    again = features.embed("digits-cnn", X[::-1][::-1].copy())
    assert len(loads) == 1
    np.testing.assert_array_equal(again.features, first.features)
    assert first.logits is not None
    np.testing.assert_array_equal(again.logits, first.logits)


def test_another_pixel_order_extractor_or_code_is_embedded_anew(
    loads: list[Extractor], monkeypatch: pytest.MonkeyPatch
) -> None:
    features.embed("digits-cnn", X)
    changed = X.copy()
    changed[0, 0, 0] ^= 1
    features.embed("digits-cnn", changed)
    features.embed("digits-cnn", X[::-1])
    monkeypatch.setattr(features, "_code", lambda: "other")
    features.embed("digits-cnn", X)
    assert len(loads) == 4
    assert features.describe("inception") != features.describe("inception-clean")  # what the key has of an extractor


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_entry_is_computed_again(damage: str, loads: list[Extractor]) -> None:
    first = features.embed("digits-cnn", X)
    (entry,) = cache.home().glob("*.safetensors")
    content = entry.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    entry.write_bytes({"cut": content[:-9], "flip": flipped, "empty": b"", "other": b"no safetensors"}[damage])
    np.testing.assert_array_equal(features.embed("digits-cnn", X).features, first.features)
    assert len(loads) == 2
    assert entry.read_bytes() == content


def test_what_was_not_asked_for_the_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    array = {"features": np.zeros((100, 100), np.float32)}
    for i, key in enumerate("abc"):
        cache.put(key, array)
        os.utime(cache.home() / f"{key}.safetensors", ns=(i, i))
    assert cache.get("a") is not None  # asked for now
    monkeypatch.setenv("GANBENCH_CACHE_GB", "13e-5")  # three of 40 kB
    cache.put("d", array)
    assert {path.stem for path in cache.home().iterdir()} == {"a", "c", "d"}


def test_a_limit_of_nothing_keeps_nothing_and_a_wrong_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_CACHE_GB", "0")
    cache.put("a", {"features": np.zeros((2, 2))})
    assert cache.entries() == (0, 0)
    monkeypatch.setenv("GANBENCH_CACHE_GB", "much")
    with pytest.raises(UserError, match="GANBENCH_CACHE_GB=much: write a number of gigabytes"):
        cache.limit()


def test_a_cache_that_cannot_be_written_to_changes_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = features.embed("digits-cnn", X)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "file" / "folder"))
    np.testing.assert_array_equal(features.embed("digits-cnn", X).features, kept.features)
    assert "cannot be written" in capsys.readouterr().err


def test_what_is_faster_than_a_disk_is_not_kept() -> None:
    features.embed("pixels", X)
    features.embed("identity", np.zeros((3, 2)))
    assert cache.entries().number == 0


def test_with_its_features_in_the_cache_a_set_is_embedded_without_torch(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    features.embed("digits-cnn", X)
    code = f"""
import sys
import numpy as np
from ganbench import features
features.embed("digits-cnn", np.load({str(tmp_path / "x.npy")!r}))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_command_shows_the_cache_and_clears_it() -> None:
    features.embed("digits-cnn", X)

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "ganbench", "cache", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    assert f"{cache.home()}: 1 entry" in run()
    assert "deleted 1 entry" in run("clear")
    assert f"{cache.home()}: 0 entries, 0.0 MB" in run()
