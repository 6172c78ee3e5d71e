"""A result as one self-contained page: verdicts, numbers, samples, and pictures of what the numbers are about."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from matplotlib.figure import Figure
from PIL import Image

from ganbench import metrics
from ganbench.display import pictures
from ganbench.display.text import interval, number, value
from ganbench.samples import SampleSet
from ganbench.scoring.result import Result
from ganbench.scoring.verdict import HALVES, MARKS, floor, protocol_line, verdicts

TEMPLATE = Path(__file__).parent / "page.html"


def render(result: Result, generated: SampleSet, reference: SampleSet, train: SampleSet | None) -> str:
    """HTML of a result and the sets that it was scored from. No script, no address: all pictures are in it."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "value": value, "interval": interval, "floor": floor}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        result=result,
        verdicts=verdicts(result),
        marks=MARKS,
        halves=HALVES,
        cards={name: metrics.get(name).card for name in result.metrics},
        protocol=protocol_line(result),
        sheets=[
            _sheet(what, one, reference)
            for what, one in (("generated", generated), ("held-out", reference))
            if len(one.x)
        ],
        gallery=_gallery(result, generated, train),
        closest=_closest(result, generated),
    )


def _sheet(what: str, one: SampleSet, reference: SampleSet) -> dict[str, Any]:
    """The first samples as a picture; points all of them, in the frame of the reference."""
    about = {"what": what, "name": one.manifest["name"], "n": len(one.x)}
    if one.x.ndim == 4:
        first = np.asarray(one.x[: pictures.SIDE**2])
        return about | {"shown": len(first), "picture": picture(pictures.contact_sheet(first))}
    figure = Figure(figsize=(5, 5), layout="constrained")
    pictures.draw(figure.subplots(), one, pictures.frame(np.asarray(reference.x)))
    out = io.BytesIO()
    figure.savefig(out, dpi=110, metadata={"Software": None})
    return about | {"shown": len(one.x), "picture": _address(out.getvalue())}


def _gallery(result: Result, generated: SampleSet, train: SampleSet | None) -> list[dict[str, Any]]:
    """The samples that look most like copies, each with its nearest training images."""
    found = result.metrics.get("memorisation")
    if found is None or train is None or generated.x.ndim != 4:
        return []
    return [
        {
            "row": row,
            "picture": picture(generated.x[row]),
            "ratio": ratio,
            "nearest": [
                {"row": i, "picture": picture(train.x[i]), "distance": d} for i, d in zip(ids, distances, strict=True)
            ],
        }
        for row, ids, distances, ratio in found.extra.get("gallery", [])
    ]


def _closest(result: Result, generated: SampleSet) -> list[dict[str, Any]]:
    """The pairs of samples that lie closest together."""
    found = result.metrics.get("support")
    if found is None or generated.x.ndim != 4:
        return []
    return [
        {"rows": (i, j), "pictures": [picture(generated.x[i]), picture(generated.x[j])], "distance": distance}
        for i, j, distance in found.extra.get("closest", [])
    ]


def picture(x: np.ndarray) -> str:
    """An image uint8 `[H, W, 1 or 3]` as a data address."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(x).squeeze(-1) if x.shape[-1] == 1 else np.asarray(x)).save(out, "PNG")
    return _address(out.getvalue())


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
