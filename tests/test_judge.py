"""People as judges: what a page asks, what a person does on it in a real browser, and what the answers are worth."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from test_site import BROWSER, needs_browser
from typer.testing import CliRunner

from ganbench import data, score
from ganbench.cli import app
from ganbench.errors import UserError
from ganbench.samples import SampleSet, content_hash
from ganbench.scoring import judgements, judging, result
from ganbench.statistics import share

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

N = 3  # pictures of each set in the pages of the tests


def real() -> SampleSet:
    return SampleSet(np.asarray(data.load("digits", "test").x), None, {"name": "digits:test"})


def other() -> SampleSet:
    return SampleSet(np.asarray(data.load("digits", "train").x[:200]), None, {"name": "mine"})


def write(path: Path, a: SampleSet | None = None, **options: Any) -> Path:
    asked: dict[str, Any] = {"task": "real", "n": N, "exposure": None, "seed": 0} | options
    path.write_text(judging.page(a or other(), real(), **asked), encoding="utf-8")
    return path


def answer(page: Path, session: int, choose: Callable[[judging.Trial], int], path: Path | None = None) -> Path:
    """Answers as the page saves them, without a browser."""
    digest, plan = judging.read(page)
    answers = [
        {"trial": i, "images": t.images, "choice": choose(t), "exposure": None, "shown": None, "ms": 500}
        for i, t in enumerate(plan.trials)
    ]
    path = path or page.with_name(f"answers-{session}.json")
    path.write_text(json.dumps({"page": digest, "session": session, "width": 200, "answers": answers}))
    return path


def coin(seed: int) -> Callable[[judging.Trial], int]:
    """A person who looks at the screen and cannot tell the pictures apart."""
    rng = np.random.default_rng(seed)
    return lambda trial: trial.truth if trial.kind == "check" else int(rng.integers(2))


def test_alpha_has_the_values_of_its_inventor() -> None:
    rows = ("1 2 3 3 2 1 4 1 2 * * *", "1 2 3 3 2 2 4 1 2 5 * 3", "* 3 3 3 2 3 4 2 2 5 1 *", "1 2 3 3 2 4 4 1 2 5 1 *")
    four = np.array([[-1 if value == "*" else int(value) for value in row.split()] for row in rows])
    assert judgements.alpha(four) == pytest.approx(0.743, abs=5e-4)
    two = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]])
    assert judgements.alpha(two) == pytest.approx(0.095, abs=5e-4)
    assert judgements.alpha(np.ones((3, 4), int)) is None


@pytest.mark.parametrize("right", [0, 7, 20])
def test_share_of_one_person_has_the_interval_of_clopper_and_pearson(right: int) -> None:
    estimate = judgements.estimate((np.arange(20) < right)[None])
    assert estimate.of_pictures == pytest.approx(share(right, 20))
    assert estimate.of_people is None, "one person says nothing about others"


def test_intervals_cover_people_and_pictures_that_differ() -> None:
    rng = np.random.default_rng(0)
    held, narrow = 0, []
    for _ in range(200):
        logits = 0.7 * rng.normal(size=(6, 1)) + 0.7 * rng.normal(size=(1, 40))
        estimate = judgements.estimate(rng.random((6, 40)) < 1 / (1 + np.exp(-logits)))
        assert estimate.of_people is not None
        held += estimate.of_people[0] <= 0.5 <= estimate.of_people[1]
        narrow.append(estimate.of_people[1] - estimate.of_people[0])
    assert held >= 186
    assert np.mean(narrow) < 0.5, "and the intervals are not empty of content"


@pytest.mark.parametrize("task", judging.TASKS)
def test_real_against_real_judged_by_coins_covers_one_half(tmp_path: Path, task: str) -> None:
    page = write(tmp_path / "page.html", real(), task=task, n=30)
    measured = judgements.score(page, [answer(page, seed, coin(seed)) for seed in range(5)])
    assert measured["judges"] == 5
    for name in ("control", "preferred" if task == "better" else "errors"):
        for ends in (measured["shares"][name]["interval"], measured["shares"][name]["interval_people"]):
            assert ends[0] <= 0.5 <= ends[1]
    assert abs(measured["alpha"]) < 0.25
    assert not [line for line in judgements.remarks(measured) if "control" in line]


def test_a_page_that_shows_the_answer_fails_its_control(tmp_path: Path) -> None:
    page = write(tmp_path / "page.html", n=40)
    measured = judgements.score(page, [answer(page, 1, lambda trial: trial.truth)])
    assert measured["shares"]["errors"]["value"] == 0
    assert "do not use these numbers" in judgements.text(measured, 80)


def test_equal_arguments_give_an_equal_page_without_addresses(tmp_path: Path) -> None:
    text = write(tmp_path / "a.html").read_text()
    assert write(tmp_path / "b.html").read_text() == text
    assert write(tmp_path / "c.html", seed=1).read_text() != text
    assert not re.search(r"(?:https?:)?//\w+\.", text)


def test_pictures_of_a_page_are_the_samples_and_named_by_their_hash(tmp_path: Path) -> None:
    path = write(tmp_path / "page.html")
    script = re.search(r'id="pictures">(.*?)</script>', path.read_text(), re.DOTALL)
    assert script
    pictures = {
        name: np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))[..., None]
        for name, address in json.loads(script[1]).items()
    }
    assert all(content_hash(x[None]) == name for name, x in pictures.items())
    sets = {content_hash(x[None]) for given in (real(), other()) for x in np.asarray(given.x)}
    _, plan = judging.read(path)
    assert {name for trial in plan.trials if trial.kind != "check" for name in trial.images} <= sets
    assert [sum(t.kind == kind for t in plan.trials) for kind in ("main", "control", "check")] == [2 * N, 10, 5]


def test_people_who_miss_attention_checks_are_left_out_and_counted(tmp_path: Path) -> None:
    page = write(tmp_path / "page.html")
    careless = answer(page, 1, lambda trial: 1 - trial.truth)
    measured = judgements.score(page, [careless, answer(page, 2, coin(2))])
    assert (measured["judges"], measured["judges_left_out"], measured["judgements"]) == (1, 1, 2 * N)
    with pytest.raises(UserError, match="nobody answered 80% of the attention checks"):
        judgements.score(page, [careless])


def test_wrong_answers_are_refused_in_one_line(tmp_path: Path) -> None:
    page, foreign = write(tmp_path / "page.html"), write(tmp_path / "other.html", seed=1)
    good = answer(page, 1, coin(1))
    content = json.loads(good.read_text())
    faults = {
        "14 of 21 questions have an answer": content | {"answers": content["answers"][:14]},
        "and the file has 22 answers": content | {"answers": [*content["answers"], content["answers"][0]]},
        "about other pictures": content
        | {"answers": [*content["answers"][1:], content["answers"][0] | {"images": []}]},
        "page: Field required": {},
        "choice: Input should be less": content | {"answers": [content["answers"][0] | {"choice": 2}]},
    }
    for message, fault in faults.items():
        path = tmp_path / "fault.json"
        path.write_text(json.dumps(fault))
        with pytest.raises(UserError, match=message):
            judgements.score(page, [path])
    with pytest.raises(UserError, match="answers are of another page"):
        judgements.score(foreign, [good])
    with pytest.raises(UserError, match="the same session"):
        judgements.score(page, [good, answer(page, 1, coin(2), tmp_path / "again.json")])
    changed = tmp_path / "changed.html"
    changed.write_text(re.sub(r'"truth": ?1', '"truth": 0', page.read_text(), count=1))
    with pytest.raises(UserError, match="its plan was changed"):
        judgements.score(changed, [good])
    with pytest.raises(UserError, match="it has no plan"):
        judgements.score(good, [good])


def test_sets_that_cannot_be_judged_are_refused(tmp_path: Path) -> None:
    points = SampleSet(np.zeros((99, 2), np.float32), None, {"name": "points"})
    small = SampleSet(np.zeros((99, 4, 4, 1), np.uint8), None, {"name": "small"})
    for given, message, options in (
        (points, "points has no images", {}),
        (small, "their size would show which is which", {}),
        (other(), "has 200 grey images of 8 x 8 pixels, and this page needs 300", {"n": 300}),
        (other(), "no task 'reel'; did you mean 'real'", {"task": "reel"}),
        (other(), "'which is better' has none", {"task": "better", "exposure": "staircase"}),
    ):
        with pytest.raises(UserError, match=message):
            write(tmp_path / "page.html", given, **options)
    with pytest.raises(UserError, match=r"write none, staircase, or 30 to 10,000 milliseconds"):
        judging.exposure_of("5")


def test_a_page_above_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_BYTES", 10_000)
    with pytest.raises(UserError, match="choose a smaller --n than 3"):
        judging.page(other(), real(), task="real", n=N, exposure=None, seed=0)


def test_result_of_people_joins_the_scores_of_the_same_samples(tmp_path: Path) -> None:
    page = write(tmp_path / "page.html")
    measured = judgements.score(page, [answer(page, 1, coin(1))])
    scores = tmp_path / "scores.json"
    scores.write_text(judgements.beside(score(other(), "digits:test", metrics=["kid"]), measured).to_json())
    assert result.read(scores).extra["human"]["judgements"] == 2 * N
    with pytest.raises(UserError, match="the scores are of other samples"):
        judgements.beside(score("digits:train", "digits:test", metrics=["kid"]), measured)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def visit(browser: Browser, path: Path, faults: list[str], **settings: Any) -> Page:
    context = browser.new_context(accept_downloads=True, **settings)
    context.set_default_timeout(120_000)  # a busy machine is no fault of a page
    page = context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else faults.append(r.url),
    )
    page.goto(f"file://{path}#session=7")
    return page


def judge(page: Page, path: Path, act: Callable[[Page, int], None]) -> None:
    """A person who knows the plan: every question but the controls is answered rightly."""
    _, plan = judging.read(path)
    script = re.search(r'id="pictures">(.*?)</script>', path.read_text(), re.DOTALL)
    assert script
    names = {address: name for name, address in json.loads(script[1]).items()}
    trials = {frozenset(trial.images): trial for trial in plan.trials}
    for i in range(len(plan.trials)):
        page.locator("#place", has_text=re.compile(f"^{i + 1} of")).wait_for()
        page.locator('#stage:not([data-state="blank"])').wait_for()
        shown = [names[str(image.get_attribute("src"))] for image in page.locator("#stage img").all()]
        trial = trials[frozenset(shown)]
        wanted = trial.truth if len(shown) == 1 else shown.index(trial.images[trial.truth])
        act(page, wanted if trial.kind != "control" else i % 2)


@needs_browser
def test_a_session_by_keyboard_is_downloaded_and_scored(browser: Browser, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    path, faults = write(tmp_path / "page.html"), list[str]()
    page = visit(browser, path, faults, viewport={"width": 1280, "height": 800}, bypass_csp=True)
    barriers = Axe().run(page, options={"preload": False}).response["violations"]
    page.keyboard.press("Enter")
    judge(page, path, lambda page, side: page.keyboard.press(("ArrowLeft", "ArrowRight")[side]))
    page.locator("#end").wait_for()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "answers.json")
    page.context.close()
    assert faults == []
    assert [fault["id"] for fault in barriers] == []
    out = tmp_path / "human.json"
    done = CliRunner().invoke(app, ["judged", str(path), str(tmp_path / "answers.json"), "--json", str(out)])
    assert done.exit_code == 0
    measured = json.loads(out.read_text())
    assert (measured["judges"], measured["images"], measured["judgements"]) == (1, 2 * N, 2 * N)
    assert (measured["shares"]["errors"]["value"], measured["attention"]) == (0, 1)
    assert "wrong answers (50 %: people cannot tell)" in done.stdout


@needs_browser
def test_a_session_by_touch_on_a_phone_walks_down_the_stairs(browser: Browser, tmp_path: Path) -> None:
    path, faults = write(tmp_path / "page.html", task="pair", exposure="staircase"), list[str]()
    page = visit(browser, path, faults, viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator("#start").tap()
    buttons = [page.locator("#first"), page.locator("#second")]
    judge(page, path, lambda page, side: buttons[side].tap())
    page.locator("#end").wait_for()
    with page.expect_download() as download:
        page.locator("#save").tap()
    download.value.save_as(tmp_path / "answers.json")
    page.context.close()
    assert faults == []
    digest, plan = judging.read(path)
    session = judgements.read(tmp_path / "answers.json", digest, plan)
    main = [a for a in session.answers if plan.trials[a.trial].kind == "main"]
    assert [a.exposure for a in main] == [500, 490, 480]
    assert all(a.shown is not None and a.shown >= 0 for a in session.answers)
    assert judgements.score(path, [tmp_path / "answers.json"])["threshold"]["value"] == pytest.approx(485)


@needs_browser
def test_no_part_of_the_page_is_wider_than_a_phone(browser: Browser, tmp_path: Path) -> None:
    path, faults = write(tmp_path / "page.html", task="pair", exposure=250), list[str]()
    page = visit(browser, path, faults, viewport={"width": 320, "height": 640}, bypass_csp=True)
    for part in ("intro", "task", "end"):
        page.evaluate(
            "part => { for (const s of document.querySelectorAll('section')) s.hidden = s.id !== part; }", part
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.context.close()
