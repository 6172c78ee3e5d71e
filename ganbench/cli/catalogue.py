"""What there is, for `ganbench list`: one entry per item, `{"name", "about", ...}`."""

from __future__ import annotations

import ast
from dataclasses import asdict
from typing import Any

from ganbench import baseline, data, features, paths
from ganbench import metrics as metric_files
from ganbench.boards import grid


def baselines() -> list[dict[str, Any]]:
    """The GANs, with the first line of their file."""
    out = []
    for name in baseline.names():
        path = baseline.resolve(name)
        about = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        out.append({"name": name, "about": about, "path": str(paths.shown(path))})
    return out


def datasets() -> list[dict[str, Any]]:
    """The datasets, with the version that dvc.lock pins."""
    return [{"name": name, "about": data.about(name), "version": data.version(name)} for name in data.names()]


def metrics() -> list[dict[str, Any]]:
    """The metrics, with their cards."""
    cards = {name: asdict(metric_files.get(name).card) for name in metric_files.names()}
    return [{"name": name, "about": card["answers"], **card} for name, card in cards.items()]


def extractors() -> list[dict[str, Any]]:
    """The extractors, with their weights' hash and accuracy."""
    return [
        {"name": name, "about": _about(features.describe(name)), **features.describe(name)} for name in features.names()
    ]


def _about(extractor: dict[str, Any]) -> str:
    if extractor["id"] == "identity":
        return "points as they are"
    if extractor["id"] == "pixels":
        return "the pixels of images of any size, in [0, 1]"
    shape = "any size" if extractor["input"] is None else " x ".join(map(str, extractor["input"]))
    number = "" if extractor["d"] is None else f"{extractor['d']} "
    parts = [f"{number}features of images of {shape}"]
    if "resize" in extractor:
        parts.append(f"resized by {extractor['resize']}")
    if extractor["test_accuracy"] is not None:
        parts.append(f"test accuracy {extractor['test_accuracy']:.2%}")
    return "; ".join([*parts, extractor["id"]])


def boards() -> list[dict[str, Any]]:
    """The boards, with what their grid says of them."""
    return [{"name": name, "about": grid.board(name).about} for name in grid.boards()]
