"""What a scoring exports says the same as its numbers."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench import Scorer, cli, data
from ganbench.errors import UserError
from ganbench.samples import SampleSet, content_hash
from ganbench.scoring import exports


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.of("digits", metrics=["memorisation"])


def copied(named: bool = True) -> SampleSet:
    """150 held-out digits, 20 training digits, and 20 training digits with one lighter pixel."""
    train, test = (np.asarray(data.load("digits", split)[0]) for split in ("train", "test"))
    nearly = train[30:50].copy()
    nearly[:, 4, 4] ^= 16
    x = np.concatenate([test[:150], train[:20], nearly])
    names = tuple(f"{i}.png" for i in range(len(x))) if named else None
    return SampleSet(x, None, {"name": "copied"}, names=names)


def test_the_table_of_copies_has_the_counts_of_memorisation(scorer: Scorer) -> None:
    samples = copied()
    assert scorer.train is not None
    table = list(csv.DictReader(io.StringIO(exports.copies_of(scorer.copies(samples), samples, scorer.train))))
    measured = scorer(samples).metrics["memorisation"].extra
    assert len(table) == 190
    assert sum(line["copy"] == "exact" for line in table) == measured["exact"] == 20
    assert sum(line["copy"] == "near" for line in table) == measured["near"]
    assert sum(line["flagged"] == "1" for line in table) / 190 == measured["flagged"]
    assert {line["threshold"] for line in table} == {str(measured["threshold"])}
    for line, origin in [*zip(table[150:170], range(20), strict=True), *zip(table[170:], range(30, 50), strict=True)]:
        assert int(line["train"]) == origin
        assert line["flagged"] == "1"
    assert all(float(line["distance"]) == 0 for line in table[150:170])
    assert all(0 < float(line["distance"]) <= float(line["distance_2"]) for line in table[170:])
    assert table[3]["sample_name"] == "3.png"
    assert table[3]["train_name"] == ""
    shown = [row for row, *_ in measured["gallery"]]
    assert {line["sample"] for line in sorted(table, key=lambda line: float(line["score"]))[:20]} == set(
        map(str, shown)
    )


def test_exported_features_are_those_that_were_scored(scorer: Scorer, tmp_path: Path) -> None:
    samples = copied(named=False)
    path = tmp_path / "features.npz"
    path.write_bytes(exports.features_of(scorer.embedded(samples), scorer.extractor))
    hashes = scorer(samples).embeddings
    with np.load(path, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        assert about["features"]["id"] == "digits-exposed@" + about["features"]["sha256"][:8]
        assert scorer.train is not None
        for role, n in (("samples", 190), ("reference", len(scorer.reference.x)), ("train", len(scorer.train.x))):
            assert arrays[role].dtype == arrays[f"{role}_logits"].dtype == np.float32
            assert len(arrays[role]) == len(arrays[f"{role}_logits"]) == about["sets"][role]["n"] == n
            assert content_hash(arrays[role]) == about["sets"][role]["features_sha256"] == hashes[role]
            assert about["sets"][role]["images"] is None


def test_a_folder_keeps_the_names_of_its_images(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name, x in zip("bca", np.asarray(copied().x), strict=False):
        Image.fromarray(x[..., 0]).save(folder / f"{name}.png")
    assert Scorer.of("digits", metrics=["fid"]).open(folder).names == ("a.png", "b.png", "c.png")


def test_command_writes_both_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "x.npy", copied().x)
    monkeypatch.chdir(tmp_path)
    outputs = ["--copies", "c.csv", "--export-features", "f.npz", "--metrics", "fid,memorisation"]
    cli.app(["score", "x.npy", "--reference", "digits", *outputs], standalone_mode=False)
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 191
    with np.load("f.npz", allow_pickle=False) as arrays:
        assert len(arrays["samples"]) == 190
    with pytest.raises(UserError, match=r"must end with \.npz"):
        cli.app(["score", "x.npy", "--reference", "digits", "--export-features", "f.npy"], standalone_mode=False)


def test_a_table_of_copies_without_a_training_set_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", copied().x)
    command = ["score", str(tmp_path / "x.npy"), "--reference", str(tmp_path / "y.npy"), "--features", "pixels"]
    np.save(tmp_path / "y.npy", copied().x[::-1])
    with pytest.raises(UserError, match="--copies needs the training set"):
        cli.app([*command, "--copies", str(tmp_path / "c.csv")], standalone_mode=False)
