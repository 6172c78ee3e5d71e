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
    for name in metrics.names():
        assert name in text
        assert metrics.get(name).card.answers in text
    for verdict in verdicts(result):
        assert verdict.text in text
    assert "modes (for datasets whose modes are known)" in text
    assert "fid (digits-cnn)" in text


def test_page_needs_nothing_else_and_escapes_names(made: tuple[Result, str]) -> None:
    seen = Seen(made[1])
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in seen.tags}
    assert not re.search(r"https?:|//", re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", made[1]))
    assert "<script>alert(1)</script>" in seen.text


def test_gallery_shows_samples_beside_the_training_images_that_they_copy(made: tuple[Result, str]) -> None:
    result, html = made
    images = Seen(html).images()
    assert all(image["alt"] and (image["src"] or "").startswith("data:image/png;base64,") for image in images)
    assert len(images) == 2 + 20 * 4 + 20 * 2
    row, (first, *_), _, _ = result.metrics["memorisation"].extra["gallery"][0]
    assert first == row  # the samples are the first training images themselves
    of = {image["alt"]: image["src"] for image in images}
    assert of[f"sample {row}"] == of[f"training image {row}, at distance 0"]


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
