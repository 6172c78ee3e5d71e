"""The page: one file that shows what the result says, whatever the sets are called."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from ganbench import data, metrics, scoring
from ganbench.samples import SampleSet
from ganbench.scoring import page
from ganbench.scoring.result import Result
from ganbench.scoring.verdict import verdicts


class Seen(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def copies(name: str = "copies") -> SampleSet:
    x, y = data.load("digits", "train")
    return SampleSet(np.asarray(x[:250]), np.asarray(y[:250]), {"name": name})


@pytest.fixture(scope="module")
def made() -> tuple[Result, str]:
    scorer = scoring.Scorer.of("digits")
    samples = copies("<script>alert(1)</script>")
    result = scorer(samples)
    return result, page.render(result, samples, scorer.reference, scorer.train)


def test_page_has_every_metric_with_its_sentence_and_every_verdict(made: tuple[Result, str]) -> None:
    result, html = made
    text = Seen(html).text
    for name in metrics.usual():
        assert name in text
        assert metrics.get(name).card.answers in text
    for verdict in verdicts(result):
        assert verdict.text in text
    assert "modes (for datasets whose modes are known)" in text
    assert "fid (digits-exposed)" in text


def test_page_needs_nothing_else_and_escapes_names(made: tuple[Result, str]) -> None:
    seen = Seen(made[1])
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in seen.tags}
    assert not re.search(r"https?:|//", re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", made[1]))
    assert "<script>alert(1)</script>" in seen.text


def test_gallery_shows_samples_beside_the_training_images_that_they_copy(made: tuple[Result, str]) -> None:
    result, html = made
    images = Seen(html).images()
    assert all(image["alt"] and (image["src"] or "").startswith("data:image/png;base64,") for image in images)
    groups = result.metrics["invented"].extra["gallery"] + result.metrics["missing"].extra["gallery"]
    assert len(images) == 2 + 20 * 4 + 20 * 2 + sum(len(rows) for _, rows in groups)
    row, (first, *_), _, _ = result.metrics["memorisation"].extra["gallery"][0]
    assert first == row  # the samples are the first training images themselves
    of = {image["alt"]: image["src"] for image in images}
    assert of[f"sample {row}"] == of[f"training image {row}, at distance 0"]


def test_page_shows_the_lost_digits_and_the_images_near_nothing() -> None:
    x, y = data.load("digits", "train")
    kept = np.flatnonzero(~np.isin(y, (2, 5)))[:300]
    images = np.asarray(x)[kept]
    images[:40] = 255 * np.random.default_rng(0).integers(0, 2, images[:40].shape)
    samples = SampleSet(images, None, {"name": "without 2 and 5"})
    scorer = scoring.Scorer.of("digits", features="pixels", metrics=["missing", "invented"])
    result = scorer(samples)
    html = page.render(result, samples, scorer.reference, scorer.train)
    bars = re.findall(r'<tr class="missing">\s*<th scope="row">([^<]*)</th>', html)
    assert bars == ["class 2", "class 5"]
    shown = {int(str(image["alt"]).removeprefix("held-out image ")) for image in Seen(html).images()
             if str(image["alt"]).startswith("held-out image")}  # fmt: skip
    assert shown
    assert set(np.asarray(scorer.reference.y)[sorted(shown)]) == {2, 5}
    strays = [row for _, rows in result.metrics["invented"].extra["gallery"] for row in rows]
    assert sum(row < 40 for row in strays) > 0.8 * len(strays)


def test_points_and_an_empty_set_have_a_page_too() -> None:
    for generated, pictures in (
        ("ring:train", 2),
        (SampleSet(np.empty((0, 2), np.float32), None, {"name": "gone", "reason": "diverged"}), 1),
    ):
        scorer = scoring.Scorer.of("ring", metrics=["fid"])
        samples = scorer.open(generated)
        html = page.render(scorer(samples), samples, scorer.reference, scorer.train)
        assert len(Seen(html).images()) == pictures
        assert "None to show" in html
    assert "diverged" in html
