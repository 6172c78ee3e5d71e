"""A result in a notebook: a table of HTML, a pandas table, and a comparison of two results."""

from __future__ import annotations

import ast
import json
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY

from ganbench import compare, score
from ganbench.errors import UserError

RNG = np.random.default_rng(0)
REAL, GOOD, BAD = RNG.normal(size=(60, 2)), RNG.normal(size=(60, 2)), RNG.normal(2, 1, size=(60, 2))
METRICS = ["fid", "kid", "modes"]


def test_a_result_is_a_table_of_its_values_and_reasons() -> None:
    result = score(GOOD, REAL, metrics=METRICS)
    frame = result.to_frame()
    assert list(frame.index) == METRICS
    assert frame.loc["fid", "value"] == result.metrics["fid"].value
    assert (frame.loc["kid", "low"], frame.loc["kid", "high"]) == result.metrics["kid"].interval
    assert frame.loc["modes", "reason"] == result.metrics["modes"].reason


def test_a_name_in_a_notebook_is_text_and_not_html() -> None:
    result = score(GOOD, REAL, metrics=METRICS)
    renamed = result.model_copy(update={"samples": result.samples.model_copy(update={"name": "<script>"})})
    page = renamed._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;: 60 samples" in page
    assert result.metrics["fid"].shown in page


def test_two_results_are_compared_and_unlike_ones_refused() -> None:
    good, bad = (score(x, REAL, metrics=METRICS) for x in (GOOD, BAD))
    assert compare(good, bad).loc["kid", "verdict"] == "a better"
    with pytest.raises(UserError, match="their protocols differ in"):
        compare(good, score(GOOD, BAD, metrics=METRICS))


def test_the_notebook_runs_from_the_top() -> None:
    """A small runner executes the cells in order, so that no kernel of Jupyter is needed."""
    file = REPOSITORY / "docs/guides/score_in_a_notebook.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            *before, last = ast.parse("".join(cell["source"])).body
            exec(compile(ast.Module(before, []), file.name, "exec"), names)
            if isinstance(last, ast.Expr):
                shown.append(eval(compile(ast.Expression(last.value), file.name, "eval"), names))
            else:
                exec(compile(ast.Module([last], []), file.name, "exec"), names)
    sharp, frame, verdicts = shown
    assert "<table" in sharp._repr_html_()
    assert frame.loc["memorisation", "value"] > 0.9, "the sharp images are training images"
    assert frame.loc["kid", "low"] < frame.loc["kid", "value"] < frame.loc["kid", "high"]
    assert verdicts.loc["kid", "verdict"] == "a better", "the blur is seen"
