"""Results as self-contained pages: the scores of a set with the pictures behind them, and several results side by side."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from ganbench.display import pictures
from ganbench.display.text import interval, number
from ganbench.errors import counted
from ganbench.samples import SampleSet
from ganbench.scoring import axis, gaps, intervals, protocols, report, verdict
from ganbench.scoring.comparison import alike, compare
from ganbench.scoring.result import Measured, Result

TEMPLATES = Path(__file__).parent / "pages"
COPIES = (  # galleries of `memorisation`: the title, what the number of such samples is called, and what the samples are
    ("exact_gallery", "Exact copies", "exact", "Samples that equal a training image."),
    (
        "near_gallery",
        "Near copies",
        "near",
        "Samples below the threshold. A perfect generator makes a few of these too.",
    ),
    ("gallery", "The nearest of the other samples", None, "Samples above the threshold."),
)


class Shown(NamedTuple):
    """A picture of a page."""

    src: str
    alt: str


class Group(NamedTuple):
    """Pictures that stand together, with a caption."""

    pictures: tuple[Shown, ...]
    caption: str


def render(
    result: Result, generated: SampleSet, reference: SampleSet, train: SampleSet | None, given: str | None = None
) -> str:
    """HTML of a result and of its sample sets. The page has no script and no address, and contains all pictures.

    `given` is what the user called the samples; by default their name in the result.
    """
    computed = [name for name, m in result.metrics.items() if m.answered]
    said = [v._replace(text=v.text.replace("the page (`--html`)", "this page")) for v in verdict.verdicts(result)]
    sections = axis.sections(computed, said)
    placed = {v for section in sections for v in section["verdicts"]}
    others = [v for v in said if v not in placed and v.level != "unknown"]
    return _page(
        "score.html",
        result=result,
        samples=report.called(result, given),
        sections=sections,
        others=others,
        silent=[v for v in said if v.level == "unknown"],
        halves=verdict.HALVES if any(verdict.floor(m).startswith("~") for m in result.metrics.values()) else "",
        headline=[*report.headline(result), intervals.note(intervals.of(result).values())],
        short=intervals.of(result),
        bound=verdict.BOUND,
        bounded=any(m.bound is not None for m in result.metrics.values()),
        axes={name: axis.axis(name, {"value": result.metrics[name]}) for name in computed},
        labels={name: _label(name, result) for name in result.metrics},
        missing={name: verdict.why_not(name, m) for name, m in result.metrics.items() if name not in computed},
        cards={name: protocols.card(name) for name in result.metrics},
        protocol=verdict.protocol_line(result),
        json=_file(result.to_json()),
        sheets=[
            _sheet(what, shown, reference)
            for what, shown in (("generated", generated), ("held-out", reference))
            if len(shown.x)
        ],
        copies=_copies(result, generated, train),
        closest=_closest(result, generated),
        bars=gaps.bars(result),
        lost=_groups(gaps.lost(result, reference), "held-out image"),
        strays=_groups(gaps.strays(result, generated), "sample"),
    )


def render_comparison(results: Mapping[str, Result]) -> str:
    """HTML of results side by side, all compared with the first one. It has no script and no address.

    Raises:
        UserError: see `ganbench.scoring.comparison.compare`.
    """
    compared = compare(results)
    first = next(iter(results.values()))
    answered: dict[str, dict[str, Measured]] = {
        name: {
            title: result.metrics[name]
            for title, result in results.items()
            if name in result.metrics and result.metrics[name].answered
        }
        for name in dict.fromkeys(line["metric"] for line in compared)
    }
    shown = [name for name, measured in answered.items() if measured]
    return _page(
        "compare.html",
        results=results,
        first=first,
        sections=axis.sections(shown, []),
        axes={name: axis.axis(name, answered[name]) for name in shown},
        labels={name: _label(name, first) for name in shown},
        cards={name: protocols.card(name) for name in shown},
        lines={name: [_difference(line, results) for line in compared if line["metric"] == name] for name in shown},
        verdicts={name: verdict.verdicts(result) for name, result in results.items()},
        notes=report.how_to_read([line["metric"] for line in compared if line["interval"] is not None]),
        protocols={name: verdict.protocol_line(result) for name, result in results.items()},
        json=_file(json.dumps(compared, indent=1, allow_nan=False)),
    )


def _page(template: str, **facts: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"number": number, "interval": interval, "floor": verdict.floor}
    return environment.get_template(template).render(marks=verdict.MARKS, **facts)


def _label(name: str, result: Result) -> str:
    return f"{verdict.label(name, result.protocol.features.id)}{verdict.sign(name)}"


def _difference(line: Mapping[str, Any], results: Mapping[str, Result]) -> dict[str, str]:
    """The verdict on two results in a metric, and the difference behind it, in words."""
    a, b = line["a"], line["b"]
    if alike(results[a], results[b]):
        return {"verdict": "the same samples", "difference": f"{a} and {b}"}
    if line["interval"] is None:
        bounded = any(results[name].metrics[line["metric"]].bound is not None for name in (a, b))
        return {"verdict": "no verdict", "difference": f"{a} and {b}: {verdict.BOUND if bounded else line['reason']}"}
    which, space, word = line["verdict"].partition(" ")
    better = f"{line[which]} {word}" if space else which
    return {"verdict": better, "difference": f"{a} - {b}: {number(line['difference'])} {interval(line['interval'])}"}


def _sheet(what: str, samples: SampleSet, reference: SampleSet) -> dict[str, Any]:
    """A picture of the first images, of the first waves as spectrograms, or of all points in the frame of the reference."""
    about = {"what": what, "name": samples.manifest["name"], "n": len(samples.x)}
    if samples.x.ndim > 2:
        first = np.asarray(samples.x[: pictures.SIDE**2])
        first = pictures.spectrograms(first) if first.ndim == 3 else first
        return about | {"shown": len(first), "picture": picture(pictures.contact_sheet(first))}
    figure = Figure(figsize=(5, 5), layout="constrained")
    pictures.paint(figure.subplots(), samples, pictures.frame(np.asarray(reference.x)))
    out = io.BytesIO()
    figure.savefig(out, dpi=110, metadata={"Software": None})
    return about | {"shown": len(samples.x), "picture": _address(out.getvalue(), "image/png")}


def _copies(result: Result, generated: SampleSet, train: SampleSet | None) -> list[dict[str, Any]]:
    """The samples that look most like copies, each beside its nearest training images: exact copies, near copies, others."""
    memorisation = result.metrics.get("memorisation")
    if memorisation is None or train is None or generated.x.ndim != 4 or "gallery" not in memorisation.extra:
        return []
    parts, seen = [], set[int]()
    for gallery, title, count, about in COPIES:
        rows = [entry for entry in memorisation.extra[gallery] if entry[0] not in seen]
        seen |= {row for row, *_ in rows}
        number_of = f": {memorisation.extra[count]:,}" if count else ""
        first = f" {counted(len(rows), 'sample')} shown, the most alike first." if rows else ""
        if rows or count:
            figures = [_copy(entry, generated, train) for entry in rows]
            parts.append({"title": f"{title}{number_of}", "about": about + first, "figures": figures})
    return parts


def _copy(entry: Sequence[Any], generated: SampleSet, train: SampleSet) -> Group:
    row, ids, distances, ratio = entry
    own = Shown(picture(generated.x[row]), f"sample {row}")
    near = [
        Shown(picture(train.x[i]), f"training image {i}, at distance {number(d)}")
        for i, d in zip(ids, distances, strict=True)
    ]
    return Group((own, *near), f"sample {row}, ratio {number(ratio)}; distances {', '.join(map(number, distances))}")


def _closest(result: Result, generated: SampleSet) -> list[Group]:
    """The pairs of samples that lie closest together."""
    support = result.metrics.get("support")
    if support is None or generated.x.ndim != 4:
        return []
    return [
        Group(
            (
                Shown(picture(generated.x[i]), f"sample {i}"),
                Shown(picture(generated.x[j]), f"sample {j}, at distance {number(distance)}"),
            ),
            f"{i} and {j}, distance {number(distance)}",
        )
        for i, j, distance in support.extra.get("closest", [])
    ]


def _groups(groups: Iterable[Mapping[str, Any]], what: str) -> list[Group]:
    """The galleries of `gaps`; `what` is what their images are."""
    return [
        Group(tuple(Shown(picture(image), f"{what} {row}") for row, image in group["images"]), group["name"])
        for group in groups
    ]


def picture(x: np.ndarray) -> str:
    """An image uint8 `[H, W, 1 or 3]` as a data address."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(x).squeeze(-1) if x.shape[-1] == 1 else np.asarray(x)).save(out, "PNG")
    return _address(out.getvalue(), "image/png")


def _file(text: str) -> str:
    """A JSON document as a data address, which a browser saves without asking any host."""
    return _address(f"{text}\n".encode(), "application/json")


def _address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
