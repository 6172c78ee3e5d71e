"""The entries of `ganbench list`: one dictionary `{"name", "about", ...}` for each item of a kind."""

from __future__ import annotations

import ast
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ganbench.metrics
from ganbench import baseline, data, features, paths
from ganbench.boards import grid
from ganbench.features import _weights, efficientnet


def baselines() -> list[dict[str, Any]]:
    """The GANs, with the first line of their file."""
    return [
        {"name": name, "about": _first_line(path), "path": str(paths.shown(path))}
        for name, path in ((name, baseline.resolve(name)) for name in baseline.names())
    ]


def _first_line(path: Path) -> str:
    source = path.read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def datasets() -> list[dict[str, Any]]:
    """The datasets, with the version that dvc.lock pins; None for a dataset that is not pinned yet."""
    return [{"name": name, "about": _dataset(name), "version": data.pin(name)} for name in data.names()]


def _dataset(name: str) -> str:
    return data.about(name) + ("" if data.pin(name) else "; not pinned yet")


def metrics() -> list[dict[str, Any]]:
    """The metrics, with their cards."""
    cards = {name: asdict(ganbench.metrics.get(name).card) for name in ganbench.metrics.names()}
    return [{"name": name, "about": card["answers"], **card} for name, card in cards.items()]


def extractors() -> list[dict[str, Any]]:
    """The extractors, with their weights' hash and accuracy, and whether their weights are on this machine."""
    return [_extractor(name) for name in features.names()]


def _extractor(name: str) -> dict[str, Any]:
    facts, remedy = features.describe(name), _remedy(name)
    about = _about(facts) + (f"; its weights are not on this machine: {remedy}" if remedy else "")
    return {"name": name, "about": about, **facts, "weights_present": remedy is None}


def _remedy(name: str) -> str | None:
    """What brings the weights of an extractor onto this machine; None if they are there, or if it has none."""
    if name in efficientnet.NAMES:
        return None if efficientnet.locate() else efficientnet.INSTALL
    weights = features.published(name)
    if weights is None or _weights.locate(weights):
        return None
    return f"its first use downloads {weights.size / 1e6:,.0f} MB"


def _about(extractor: dict[str, Any]) -> str:
    if extractor["id"] == "identity":
        return "points as they are"
    if extractor["id"] == "pixels":
        return "the pixels of images of any size, in [0, 1]"
    if features.taken(extractor) == "waves":
        return "how loud waves are in 16 bands of pitch and 8 parts of time"
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
