"""The page: one file that shows what the result says, whatever the sets are called."""

# mypy: no-strict-optional

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from test_site import BROWSER, needs_browser

from ganbench import data, metrics, scoring
from ganbench.samples import SampleSet
from ganbench.scoring import axis, page, verdict
from ganbench.scoring.comparison import compare
from ganbench.scoring.result import Measured, Result, read
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
    for said in verdicts(result):
        assert said.text.replace("the page (`--html`)", "this page") in text
    assert "--html" not in text
    assert "modes (for datasets whose modes are known)" in text
    assert "fid (digits-exposed)" in text


def test_page_asks_questions_first_and_names_what_does_not_apply_last(made: tuple[Result, str]) -> None:
    result, html = made
    heads = re.findall(r"<h2>([^<]*)</h2>", html)
    assert heads[: len(verdict.QUESTIONS)] == list(verdict.QUESTIONS)
    assert heads[-1] == "Not computed"
    metrics_shown = re.findall(r'<section class="metric">\s*<h3>(\w+)', html)
    assert metrics_shown[0] == "fid"
    assert set(metrics_shown) == {name for name, m in result.metrics.items() if m.answered}
    last = html.partition("<h2>Not computed")[2]
    assert re.findall(r"<li>(\w+) \(", last) == [name for name, m in result.metrics.items() if not m.answered]


def test_axis_has_value_interval_and_perfect_in_their_places() -> None:
    m = Measured(value=2.0, interval=(1.0, 3.0), perfect=0.5, n=9, version=1, reason=None)
    drawn = axis.axis("fid", {"value": m})
    ((mark,), unit) = drawn.marks, 100 / (3 * axis.ROOM)
    assert (drawn.low, drawn.high) == ("0", "3.24")
    assert mark.value == pytest.approx(2 * unit, abs=0.01)
    assert mark.span == pytest.approx((unit, 2 * unit), abs=0.02)
    assert drawn.perfect == pytest.approx(unit / 2, abs=0.01)
    below = axis.axis("kid", {"value": m.model_copy(update={"value": -1.0, "interval": (-2.0, 0.0), "perfect": 0.0})})
    assert below.low == "-2.16"
    assert below.marks[0].span[1] == pytest.approx(100 / axis.ROOM**2, abs=0.02)
    share = axis.axis(
        "recall", {"value": m.model_copy(update={"value": 0.99, "interval": (0.9, 1.0), "perfect": None})}
    )
    assert (share.high, share.perfect) == ("1", None)


@pytest.fixture(scope="module")
def mixed() -> tuple[Result, str]:
    """Held-out digits, 5 exact copies of training digits, and 4 with one pixel changed."""
    train, test = (np.asarray(data.load("digits", split)[0]) for split in ("train", "test"))
    nearly = train[30:34].copy()
    nearly[:, 4, 4] ^= 16
    samples = SampleSet(np.concatenate([test[:150], train[:5], nearly]), None, {"name": "mixed"})
    scorer = scoring.Scorer.of("digits", metrics=["memorisation", "fid"])
    result = scorer(samples)
    return result, page.render(result, samples, scorer.reference, scorer.train)


def test_exact_and_near_copies_stand_apart(mixed: tuple[Result, str]) -> None:
    result, html = mixed
    assert "no verdict" not in html.partition("<h2>Not computed")[0]
    parts = re.split(r"<h3>(Exact copies: \d+|Near copies: \d+|The nearest of the other samples)</h3>", html)
    assert parts[1::2] == ["Exact copies: 5", f"Near copies: {result.metrics['memorisation'].extra['near']}", "The nearest of the other samples"]  # fmt: skip
    exact, near, rest = (set(re.findall(r'alt="sample (\d+)"', part)) for part in parts[2::2])
    assert exact == {"150", "151", "152", "153", "154"}
    assert {"155", "156", "157", "158"} <= near
    assert not exact & near
    assert not (exact | near) & rest


def test_the_scores_can_be_taken_from_the_page(mixed: tuple[Result, str]) -> None:
    (link,) = [attributes for tag, attributes in Seen(mixed[1]).tags if tag == "a"]
    assert link["download"] == "scores.json"
    content = base64.b64decode(str(link["href"]).removeprefix("data:application/json;base64,"))
    assert json.loads(content) == json.loads(mixed[0].to_json())


def compared() -> tuple[dict[str, Result], str]:
    folder = Path("results/quick/runs")
    results = {name: read(next(folder.glob(f"{name}-digits-*-s0.json"))) for name in ("gan", "wgan")}
    return results, page.render_comparison(results)


def test_comparison_shows_both_models_and_who_is_better() -> None:
    results, html = compared()
    text = " ".join(Seen(html).text.split())
    lines = {line["metric"]: line for line in compare(results)}
    assert lines["fid"]["verdict"] == "a better"
    assert "gan better gan - wgan: " in text
    assert html.count('class="key"') == html.count('class="key even"') == len(lines) + 1
    for result in results.values():
        assert all(" ".join(v.text.split()) in text for v in verdicts(result))
        assert verdict.protocol_line(result) in text
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in Seen(html).tags}


def test_comparison_shows_a_number_that_ganbench_does_not_know() -> None:
    results, _ = compared()
    foreign = Measured(value=2.0, interval=None, n=9, version=1, reason=None)
    other = {name: r.model_copy(update={"metrics": r.metrics | {"theirs": foreign}}) for name, r in results.items()}
    html = page.render_comparison(other)
    assert "<h3>theirs</h3>" in html
    assert "theirs has no interval here" in html


@needs_browser
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_cut_on_a_phone(mixed: tuple[Result, str], tmp_path: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright

    beyond = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).length"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for html in (mixed[1], compared()[1]):
            (tmp_path / "page.html").write_text(html, encoding="utf-8")
            opened = browser.new_page(viewport={"width": width, "height": 800})
            asked: list[str] = []
            opened.on("request", lambda request: asked.append(request.url))  # noqa: B023
            opened.goto((tmp_path / "page.html").as_uri())
            assert opened.evaluate(beyond) == 0
            assert opened.evaluate("document.documentElement.scrollWidth") <= width
            assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
            with opened.expect_download() as download:
                opened.get_by_role("link", name="as JSON").click()
            assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        browser.close()


def test_page_needs_nothing_else_and_escapes_names(made: tuple[Result, str]) -> None:
    seen = Seen(made[1])
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in seen.tags}
    assert not re.search(r"https?:|//", re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", made[1]))
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
