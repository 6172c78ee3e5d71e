"""Comparing results: like with like only, and clear means that the interval of the difference leaves out 0."""

# mypy: no-strict-optional

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench import score
from ganbench.errors import UserError
from ganbench.scoring import report, result
from ganbench.scoring.comparison import compare, names_of
from ganbench.scoring.result import Result

QUICK = Path("results/quick/runs")


def points(shift: float, seed: int, n: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (n, 4)).astype(np.float32)


def scored(shift: float, seed: int = 1, n: int = 400, **options: Any) -> Result:
    return score(
        points(shift, seed, n), points(0.0, 0), features="identity", metrics=["fid", "coverage", "modes"], **options
    )


def test_only_a_difference_beyond_its_interval_has_a_winner() -> None:
    near, again, far = scored(0.0), scored(0.0, seed=2), scored(1.0)
    lines = {(line["metric"], line["b"]): line for line in compare({"near": near, "again": again, "far": far})}
    assert lines["fid", "far"]["verdict"] == lines["coverage", "far"]["verdict"] == "a better"
    assert lines["fid", "again"]["verdict"] == "unclear"
    assert lines["fid", "far"]["difference"] == near.metrics["fid"].value - far.metrics["fid"].value
    assert compare({"far": far, "near": near})[0]["verdict"] == "b better"
    assert lines["modes", "far"]["verdict"] is None
    assert lines["modes", "far"]["reason"] == "modes is for datasets whose modes are known"


def test_differences_of_one_generator_are_clear_once_in_twenty_times() -> None:
    """FID's interval is of the generated samples' noise alone, so MOVER's is that of the difference against this reference."""
    runs = [scored(0.3, seed=s) for s in range(2, 82)]
    verdicts = [compare({"a": a, "b": b})[0]["verdict"] for a, b in zip(runs[::2], runs[1::2], strict=True)]
    assert sum(v != "unclear" for v in verdicts) <= 6  # of 40; P(more than 6) is 0.4 % at 5 % each


@pytest.mark.parametrize(
    ("options", "field"), [({"seed": 1}, "seed (0 and 1)"), ({"n": 300}, "n (400 and 300)"), ({"train": points(0, 5)}, "train.n")]
)  # fmt: skip
def test_unlike_protocols_are_refused_and_the_fields_named(options: dict[str, Any], field: str) -> None:
    seed = options.pop("seed", 0)
    other = scored(0.0, **options) if seed == 0 else score(points(0, 1), points(0, 0), metrics=["fid"], seed=1)
    with pytest.raises(UserError, match="cannot be ranked") as error:
        compare({"a": scored(0.0), "b": other})
    assert field in str(error.value)


def test_another_version_of_a_metric_is_refused() -> None:
    a = scored(0.0)
    fid = a.metrics["fid"].model_copy(update={"version": 99})
    with pytest.raises(UserError, match=rf"fid.version \({a.metrics['fid'].version} and 99\)"):
        compare({"a": a, "b": a.model_copy(update={"metrics": a.metrics | {"fid": fid}})})


def test_published_rows_of_one_seed_compare_and_of_two_seeds_do_not() -> None:
    rows = sorted(QUICK.glob("*gan-digits-*-s0.json"))
    assert compare({p.stem: result.read(p) for p in rows})
    other = next(QUICK.glob("gan-digits-*-s1.json"))
    with pytest.raises(UserError, match=r"reference.sha256 .* seed"):
        compare({p.stem: result.read(p) for p in (rows[0], other)})


def test_files_of_equal_stem_are_named_by_their_paths() -> None:
    assert names_of([Path("a/x.json"), Path("b/y.json")]) == ["x", "y"]
    assert names_of([Path("a/x.json"), Path("b/x.json")]) == ["a/x.json", "b/x.json"]


def read(*names: str) -> dict[str, Result]:
    return {name: result.read(next(QUICK.glob(f"{name}-digits-*-s0.json"))) for name in names}


def fid_verdict(results: dict[str, Result]) -> str:
    """The verdict on the first two sets by FID."""
    return next(str(line["verdict"]) for line in compare(results) if line["metric"] == "fid")


@pytest.mark.parametrize("columns", [40, 60])
def test_a_narrow_comparison_has_whole_names_and_verdicts(columns: int) -> None:
    results = read("gan", "wgan", "copycat")
    text = report.comparison(compare(results), results, columns)
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in text
    assert lines.count("memorisation ↓") == 2
    assert lines.count("fid ↓") == 2
    cells = " ".join(lines[lines.index("fid ↓") + 1 :]).partition("kid")[0]
    assert f"verdict {fid_verdict(results)}" in cells


@pytest.mark.parametrize("columns", [80, 120])
def test_the_verdict_stands_in_the_table_at_every_width(columns: int) -> None:
    results = read("gan", "wgan", "copycat")
    text = report.comparison(compare(results), results, columns)
    assert max(map(len, text.splitlines())) <= columns
    heads = [line for line in text.splitlines() if line.startswith("metric")]
    assert len(heads) == 2
    assert all(line.endswith("verdict") for line in heads)
    row = next(line for line in text.splitlines() if line.startswith("fid ↓"))
    assert row.endswith(fid_verdict(results))
    assert "a - b  " in heads[0]


def test_samples_are_not_compared_with_themselves() -> None:
    results = read("gan")
    results["again"] = results["gan"]
    text = report.comparison(compare(results), results)
    assert "the same samples" in text
    assert "unclear" not in text


def test_equal_images_with_other_labels_are_compared() -> None:
    gan = read("gan")["gan"]
    moved = gan.metrics["fid"].model_copy(update={"value": 100.0, "interval": (99.0, 101.0)})
    swapped = gan.model_copy(update={"metrics": gan.metrics | {"fid": moved}})
    text = report.comparison(compare({"gan": gan, "swapped": swapped}), {"gan": gan, "swapped": swapped})
    assert "the same samples" not in text
    assert "fid ↓" in text


def test_a_comparison_repeats_that_a_row_copies() -> None:
    results = read("gan", "copycat")
    text = report.comparison(compare(results), results)
    assert "✗ copycat: copying: about 100" in text
    assert "✗ gan: copying" not in text


def test_the_note_explains_the_intervals_that_are_in_the_table() -> None:
    text = report.comparison(
        compare({"a": scored(0.0), "b": scored(0.0, seed=2)}), {"a": scored(0.0), "b": scored(1.0)}
    )
    assert "  fid: right for this reference." in text
    assert "  coverage: too wide: it counts the noise of the shared reference twice." in text
    assert "kid" not in text
    assert "No interval covers another training run" in text
