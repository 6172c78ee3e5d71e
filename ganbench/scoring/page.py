"""A result as one self-contained page: verdicts, numbers, samples, and the pictures behind the numbers."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from matplotlib.figure import Figure
from PIL import Image

from ganbench.display import pictures
from ganbench.display.text import interval, number
from ganbench.samples import SampleSet
from ganbench.scoring import gaps, intervals, protocols, verdict
from ganbench.scoring.report import called, headline
from ganbench.scoring.result import Result

TEMPLATE = Path(__file__).parent / "page.html"


def render(
    result: Result, generated: SampleSet, reference: SampleSet, train: SampleSet | None, given: str | None = None
) -> str:
    """HTML of a result and of its sample sets. The page has no script and no address, and contains all pictures.

    `given` is what the user called the samples; by default their name in the result.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "interval": interval, "floor": verdict.floor, "picture": picture}
    computed = [name for name, m in result.metrics.items() if m.answered]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        result=result,
        samples=called(result, given),
        verdicts=verdict.verdicts(result),
        marks=verdict.MARKS,
        halves=verdict.HALVES,
        headline=[*headline(result), intervals.note(intervals.of(result).values())],
        short=intervals.of(result),
        bound=verdict.BOUND,
        bounded=any(m.bound is not None for m in result.metrics.values()),
        questions=verdict.questions(computed),
        labels={name: verdict.label(name, result.protocol.features.id) for name in result.metrics},
        missing={name: verdict.why_not(name, m) for name, m in result.metrics.items() if name not in computed},
        cards={name: protocols.card(name) for name in result.metrics},
        protocol=verdict.protocol_line(result),
        sheets=[
            _sheet(what, shown, reference)
            for what, shown in (("generated", generated), ("held-out", reference))
            if len(shown.x)
        ],
        gallery=_gallery(result, generated, train),
        closest=_closest(result, generated),
        bars=gaps.bars(result),
        lost=gaps.lost(result, reference),
        strays=gaps.strays(result, generated),
    )


def _sheet(what: str, samples: SampleSet, reference: SampleSet) -> dict[str, Any]:
    """A picture of the first images, or of all points in the frame of the reference."""
    about = {"what": what, "name": samples.manifest["name"], "n": len(samples.x)}
    if samples.x.ndim == 4:
        first = np.asarray(samples.x[: pictures.SIDE**2])
        return about | {"shown": len(first), "picture": picture(pictures.contact_sheet(first))}
    figure = Figure(figsize=(5, 5), layout="constrained")
    pictures.paint(figure.subplots(), samples, pictures.frame(np.asarray(reference.x)))
    out = io.BytesIO()
    figure.savefig(out, dpi=110, metadata={"Software": None})
    return about | {"shown": len(samples.x), "picture": _address(out.getvalue())}


def _gallery(result: Result, generated: SampleSet, train: SampleSet | None) -> list[dict[str, Any]]:
    """The samples that look most like copies, each with its nearest training images."""
    memorisation = result.metrics.get("memorisation")
    if memorisation is None or train is None or generated.x.ndim != 4:
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
        for row, ids, distances, ratio in memorisation.extra.get("gallery", [])
    ]


def _closest(result: Result, generated: SampleSet) -> list[dict[str, Any]]:
    """The pairs of samples that lie closest together."""
    support = result.metrics.get("support")
    if support is None or generated.x.ndim != 4:
        return []
    return [
        {"rows": (i, j), "pictures": [picture(generated.x[i]), picture(generated.x[j])], "distance": distance}
        for i, j, distance in support.extra.get("closest", [])
    ]


def picture(x: np.ndarray) -> str:
    """An image uint8 `[H, W, 1 or 3]` as a data address."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(x).squeeze(-1) if x.shape[-1] == 1 else np.asarray(x)).save(out, "PNG")
    return _address(out.getvalue())


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
