"""Broken metrics: the calibration catches them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from experiments import mutants
from ganbench import metrics

REPEATS, SEED = 10, 1  # with fewer repeats, or with seed 0, a true metric misses a planted truth by chance


@pytest.fixture(scope="module")
def verdicts() -> pd.DataFrame:
    """Of planted truths and of one kind of damage, at the smallest n that `support` takes."""
    tables = [mutants.catches(name, 200, REPEATS, ["shift"], SEED).assign(dataset=name) for name in mutants.DATASETS]
    return pd.concat(tables, ignore_index=True)


def test_there_are_31_broken_metrics_of_metrics_that_exist() -> None:
    assert len(mutants.MUTANTS) == 31
    assert {mutant.of for mutant in mutants.MUTANTS.values()} <= set(metrics.names())


@pytest.mark.slow
@pytest.mark.parametrize("dataset", mutants.DATASETS)
def test_at_least_26_broken_metrics_are_caught(verdicts: pd.DataFrame, dataset: str) -> None:
    failed = verdicts[(verdicts.dataset == dataset) & (verdicts.verdict == "fail") & (verdicts.broken != "")]
    assert failed.broken.nunique() >= 26, set(mutants.MUTANTS) - set(failed.broken)


@pytest.mark.slow
def test_no_broken_metric_passes_on_each_dataset(verdicts: pd.DataFrame) -> None:
    table = mutants.summary(verdicts)
    passes = table[(table[list(mutants.DATASETS)] == "passes").all(axis=1)]
    assert list(passes["broken metric"]) == []


@pytest.mark.slow
def test_true_metrics_pass_where_the_broken_ones_are_caught(verdicts: pd.DataFrame) -> None:
    failed = verdicts[(verdicts.broken == "") & (verdicts.verdict == "fail")]
    assert failed.empty, failed


def test_page_names_what_catches_a_broken_metric(tmp_path: Path) -> None:
    lines = [("", "fid", "moved", "=", "pass"), ("fid_of_means", "fid_of_means", "moved", "=", "fail")]
    lines += [(name, name, "moved", "=", "pass") for name in mutants.MUTANTS if name != "fid_of_means"]
    table = pd.DataFrame(lines, columns=["broken", "metric", "corruption", "promised", "verdict"]).assign(
        dataset="digits"
    )
    table.to_csv(tmp_path / "mutants.csv", index=False)
    page = mutants.page(tmp_path)
    assert "the calibration catches 1 of 31 on digits" in page
    assert "| fid_of_means" in page
    assert "The true metrics, judged by the same sets: no promise fails." in page
