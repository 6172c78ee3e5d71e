"""The protocol spread: every line is the score under the protocol that it names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganbench import Scorer, cli, data, score
from ganbench.errors import UserError
from ganbench.features import efficientnet
from ganbench.scoring import spread
from ganbench.scoring.spread import HOUSE, METRICS, Protocol

needs_weights = pytest.mark.skipif(efficientnet.locate() is None, reason=f"not installed: {efficientnet.INSTALL}")


def values(table: pd.DataFrame, choice: str) -> dict[Any, float]:
    return table[table.choice == choice].set_index("metric").value.to_dict()


@pytest.fixture(scope="module")
def digits() -> pd.DataFrame:
    return spread.measure(np.asarray(data.load("digits", "train").x[:400]), Scorer.of("digits"))


def test_every_choice_is_scored_as_it_says(digits: pd.DataFrame) -> None:
    x = np.asarray(data.load("digits", "train").x[:400])
    for choice, result in (
        (HOUSE, score(x, "digits", metrics=METRICS)),
        ("1/4 of the samples", score(x[:100], "digits", metrics=METRICS)),
        ("training split", score(x, "digits:train", "digits:train", metrics=METRICS)),
        ("pixels", score(x, "digits", features="pixels", metrics=METRICS)),
    ):
        found = values(digits, choice)
        assert set(found) == set(METRICS)
        for name, m in result.metrics.items():
            assert found[name] == m.value or (m.value is None and np.isnan(found[name])), (choice, name)


def test_splits_without_correction_lower_the_classifier_score(digits: pd.DataFrame) -> None:
    house, one, ten = (
        values(digits, choice)["classifier_score"]
        for choice in (HOUSE, "one split, uncorrected", "10 splits, uncorrected")
    )
    assert ten < one < house


def test_the_other_balls_matter_where_distances_tie_and_nowhere_else() -> None:
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2).astype(np.float32)
    tied = spread.measure(grid, Scorer.of(grid + np.array([1, 0], np.float32)), others=())
    other = values(tied, "< for <= in balls, and back")
    assert other["precision"] < values(tied, HOUSE)["precision"]
    assert other["density"] > values(tied, HOUSE)["density"]
    rng = np.random.default_rng(0)
    x, ref = rng.normal(size=(2, 200, 2)).astype(np.float32)
    free = spread.measure(x, Scorer.of(ref), others=())
    house = values(free, HOUSE)
    other = values(free, "< for <= in balls, and back")
    assert other == pytest.approx({metric: house[metric] for metric in other})


@needs_weights
def test_the_resize_varies_with_the_house_and_in_other_extractors() -> None:
    x = np.asarray(data.load("digits", "train").x[:200])
    _, house, twin = efficientnet.NAMES
    table = spread.measure(x, Scorer.of("digits:test", features=house), others=("digits-cnn",))
    assert values(table, twin)["fid"] == score(x, "digits:test", features=twin, metrics=("fid",)).metrics["fid"].value
    assert values(table, twin)["fid"] != values(table, HOUSE)["fid"]
    assert set(table[table.varied == "resize"].choice) == {twin}
    (line, *_) = spread.summary(table)
    assert set(line["extractors"]) == {"digits-cnn"}  # another resize is another choice on the same scale
    other = spread.measure(x, Scorer.of("digits:test"), others=(house,))
    assert list(dict.fromkeys(other[other.varied == "extractor"].choice)) == [house, twin]


def test_an_extractor_that_is_not_there_is_one_line() -> None:
    x = np.zeros((20, 2), np.float32)
    with pytest.raises(UserError, match="no extractor"):
        spread.measure(x, Scorer.of(x), others=("incption",))


def test_what_cannot_be_scored_has_its_reason() -> None:
    x, ref = np.random.default_rng(0).normal(size=(2, 60, 2)).astype(np.float32)
    with pytest.raises(UserError, match="pixels needs images"):
        spread.measure(x, Scorer.of(ref, features="pixels"))
    table = spread.measure(x, Scorer.of(ref), others=("pixels",))
    reasons = table.set_index(["choice", "metric"]).reason
    assert "`train=`" in reasons["training split", "fid"]
    assert "pixels needs images" in reasons["pixels", "fid"]


def test_summary_counts_half_widths_and_keeps_other_extractors_apart() -> None:
    house = {"varied": HOUSE, "choice": HOUSE, "metric": "fid", "value": 4.0, "low": 3.0, "high": 5.0}
    moved = house | {"varied": "n", "choice": "1/4", "value": 7.0, "low": None, "high": None}
    scaled = moved | {"varied": "extractor", "choice": "pixels", "value": 900.0}
    (line,) = spread.summary(pd.DataFrame([house, moved, scaled]))
    assert (line["least_by"], line["most_by"], line["widths"]) == (HOUSE, "1/4", 3.0)
    assert line["extractors"] == {"pixels": 900.0}
    (bare,) = spread.summary(pd.DataFrame([house | {"low": None, "high": None}, moved]))
    assert (bare["interval"], bare["widths"]) == (None, None)


def test_orders_name_the_choices_under_which_another_set_has_more() -> None:
    lines = [{"varied": HOUSE, "choice": HOUSE, "metric": "fid"}, {"varied": "n", "choice": "1/4", "metric": "fid"}]
    a, b = (
        pd.DataFrame([line | {"value": v} for line, v in zip(lines, both, strict=True)]) for both in ((1, 5), (2, 4))
    )
    assert spread.orders({"a": a, "b": b}).to_dict("records") == [
        {"metric": "fid", HOUSE: "a < b", "otherwise by": "1/4: b < a"}
    ]


def test_each_protocol_differs_from_the_house_in_one_choice() -> None:
    house = spread.PROTOCOLS[0]
    for one in spread.PROTOCOLS[1:]:
        assert sum(a != b for a, b in zip(one[2:], Protocol(*house)[2:], strict=True)) == 1


def test_command_writes_table_and_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(3, 60, 2)).astype(np.float32)
    for name, points in zip("abr", x, strict=True):
        np.save(tmp_path / f"{name}.npy", points)
    sets = [f"one={tmp_path / 'a.npy'}", str(tmp_path / "b.npy")]
    arguments = ["ganbench", "spread", *sets, "--reference", str(tmp_path / "r.npy"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert not exit_.value.code
    assert "farthest" in capsys.readouterr().out
    text = (tmp_path / "out" / "README.md").read_text()
    assert "## one" in text
    assert "## b.npy" in text
    assert "## Which sample set has the higher value" in text
    assert set(pd.read_csv(tmp_path / "out" / "spread.csv").samples) == {"one", "b.npy"}
    assert (tmp_path / "out" / "spread.png").stat().st_size > 10_000
