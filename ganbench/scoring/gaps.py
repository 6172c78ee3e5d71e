"""What is missing and what is invented, as the page shows it: bars of the groups, and galleries of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.samples import SampleSet
from ganbench.scoring.result import Result


def bars(result: Result) -> list[dict[str, Any]]:
    """Each group of held-out samples: its name, its share of both sets, and the lengths of their bars in per cent.

    The longest bar has 100 per cent. Empty without the metric `missing`.
    """
    missing = result.metrics.get("missing")
    if missing is None or missing.value is None:
        return []
    groups, by = missing.extra.get("groups", []), missing.extra.get("by", "class")
    longest = max((line[side] for line in groups for side in ("real", "made")), default=0.0)

    def side(of: str, share: float) -> dict[str, Any]:
        return {"of": of, "share": share, "length": round(100 * share / longest, 1)}

    return [
        {
            "name": f"{by} {line['group']}",
            "missing": line["missing"],
            "sides": [side("held-out", line["real"]), side("generated", line["made"])],
        }
        for line in groups
    ]


def lost(result: Result, reference: SampleSet) -> list[dict[str, Any]]:
    """The missing groups, each with held-out images from its middle: `{"name", "images"}`."""
    missing = result.metrics.get("missing")
    if missing is None or reference.x.ndim != 4:
        return []
    by = missing.extra.get("by", "class")
    return [
        {"name": f"{by} {group}", "images": _images(reference, rows)}
        for group, rows in missing.extra.get("gallery", [])
    ]


def strays(result: Result, generated: SampleSet) -> list[dict[str, Any]]:
    """The groups of samples near nothing, each with its farthest images: `{"name", "images"}`."""
    invented = result.metrics.get("invented")
    if invented is None or generated.x.ndim != 4:
        return []
    groups = invented.extra.get("gallery", [])
    return [
        {"name": f"{size:,} {'sample' if size == 1 else 'samples'}", "images": _images(generated, rows)}
        for size, rows in groups
    ]


def _images(given: SampleSet, rows: list[int]) -> list[tuple[int, np.ndarray]]:
    """Rows of a set, each with its number."""
    return [(row, np.asarray(given.x[row])) for row in rows]
