"""The site of the published boards: its pages and files, and how it behaves in a real browser.

The tests with a browser need Debian's chromium and Playwright, and are skipped elsewhere. axe-core looks for barriers.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pandas as pd
import pytest
from conftest import REPOSITORY

from ganbench import baseline, data, metrics
from ganbench.boards import brief, history, origin, page, published
from ganbench.boards.site import builder, pairs, tables
from ganbench.cli import citations
from ganbench.errors import UserError
from ganbench.training.provenance import sha256

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
needs_browser = pytest.mark.skipif(
    BROWSER is None or bool(MISSING), reason="no browser: apt-get install chromium, and pip install 'ganbench[dev]'"
)

BOARD = "board/modes.ring.html"
ROW = "row/modes.ring.pacgan.html"
KINDS = (
    "index.html", BOARD, "board/quick.digits.html", ROW, "row/quick.digits.gan.html", "baseline/wgan_gp.html", "baselines.html",
    "metric/fid.html", "metrics.html", "dataset/mnist.html", "dataset/ring.html", "datasets.html", "downloads.html", "search.html",
)  # fmt: skip
WIDTHS = (320, 360, 390, 640, 768, 900, 1024, 1280)
Open = Callable[..., "Page"]


RESULTS = ("quick", "modes", "mnist")  # boards and runs of which the tests build a site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    (root / "results").mkdir()
    for name in RESULTS:
        (root / "results" / name).symlink_to(REPOSITORY / "results" / name)
    return builder.build(root / "results", root / "site", citations.cite)


@cache
def pages(site: Path) -> dict[Path, str]:
    """All pages, with their text."""
    return {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


@pytest.mark.slow  # the site is built for it
def test_every_link_and_anchor_resolves(site: Path) -> None:
    broken = []
    for path, text in pages(site).items():
        for link in re.findall(r'\b(?:href|src|action)="([^"]+)"', text):
            target, _, anchor = link.partition("#")
            if target.startswith(("data:", "https://arxiv.org/abs/")):
                continue
            file = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            if not file.is_file() or (anchor and f'id="{unquote(anchor)}"' not in pages(site)[file]):
                broken.append((str(path.relative_to(site)), link))
    assert broken == []


def test_pages_are_below_two_megabytes_before_pictures(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".js")]
    assert len(files) > 100
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 2e6


def test_every_board_opens_with_four_questions(site: Path) -> None:
    asked = ["Which is best?", "Is that certain?", "Which copies?", "Which lose modes?"]
    boards = [text for path, text in pages(site).items() if path.parent.name == "board"]
    assert len(boards) == 6
    for text in boards:
        assert re.findall(r"<dt>(.*?)</dt>", text)[:4] == asked
        assert text.index('<dl class="answers">') < text.index("<table")


def test_table_has_the_numbers_of_the_published_board(site: Path) -> None:
    published = pd.read_csv("results/quick/leaderboard.csv")
    checked = 0
    for cell in published[published["mean"].notna()].to_dict("records"):
        text = pages(site)[site / f"board/quick.{cell['dataset']}.html"]
        match = re.search(rf'id="{cell["row"]}.{re.escape(cell["metric"])}"[^>]* data-v="([^"]+)"', text)
        assert match
        assert float(match[1]) == pytest.approx(cell["centre"])
        checked += 1
    assert checked > 100


def test_rows_with_labels_are_marked_and_others_are_not(site: Path) -> None:
    text = pages(site)[site / "board/modes.ring.html"]
    marked = re.findall(r'data-v="([^"]+)"><a [^>]*>[^\n]*?</a> <span class="tag"', text)
    assert sorted(marked) == ["acgan", "cgan", "semi_supervised"]


def test_downloads_have_the_published_bytes_and_their_hashes(site: Path) -> None:
    for name in ("quick", "modes"):
        manifest = json.loads((site / f"data/{name}/manifest.json").read_text())
        assert manifest["hashes"]
        for file, known in manifest["hashes"].items():
            assert sha256(site / f"data/{name}/{file}") == known
            assert known in pages(site)[site / "downloads.html"]


def test_every_gan_metric_and_dataset_has_a_page(site: Path) -> None:
    for kind, names in (("baseline", baseline.names()), ("metric", metrics.names()), ("dataset", data.names())):
        assert {path.stem for path in (site / kind).glob("*.html")} >= set(names)
    text = pages(site)[site / "baseline/wgan_gp.html"]
    assert "https://arxiv.org/abs/1704.00028" in text
    assert "L = E_z D(G(z)) - E_x D(x)" in text
    assert "class WganGp(Gan)" in text


def test_short_page_of_a_board_follows_from_its_files() -> None:
    folder = Path("results/quick")
    board = published.read("quick")
    written = (folder / page.FILE).read_text(encoding="utf-8")
    text = page.text(board.title, board.board.about, page.read(folder, board), folder)
    assert written == origin.stamp(text, board.manifest)


@pytest.mark.parametrize("name", published.names())
def test_short_page_has_six_columns_and_short_lines(name: str) -> None:
    lines = Path("results", name, page.FILE).read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ")]
    assert len(table) > 8
    assert {line.count(" | ") for line in table} == {5}
    assert max(map(len, table)) <= 180
    assert next(i for i, line in enumerate(lines) if "Which is best?" in line) < lines.index(table[0])


def test_difference_of_two_rows_is_paired_and_clear_as_the_ranks_are() -> None:
    (digits, *_) = page.read(Path("results/quick"), published.read("quick"))
    rows = {row.name: row for row in digits.rows}
    scores = pd.read_csv("results/quick/scores.csv")
    fid = scores[(scores.dataset == "digits") & (scores.metric == "fid")].pivot(
        index="seed", columns="row", values="value"
    )
    found = pairs.difference(digits, rows["dcgan"], rows["gan-minimax"], "fid")
    assert found
    assert found.value == brief.minus(f"{(fid['dcgan'] - fid['gan-minimax']).mean():.2f}")
    assert found.verdict == "dcgan is better"
    assert set(json.loads(pairs.as_json(digits))["columns"]) == set(digits.columns)
    best = int(rows["dcgan"].cells["fid"]["rank_high"])
    verdicts = [
        getattr(pairs.difference(digits, digits.rows[0], row, "fid"), "verdict", "") for row in digits.baselines[1:]
    ]
    assert verdicts.count(pairs.UNCLEAR) == best - 1


def test_history_of_a_table_has_a_column_per_publication() -> None:
    now = history.read(Path("results/quick"))
    later = now[now.row != "wgan"].assign(publication="later", date="2027-01-02", recipe=7)
    past = tables.past(pd.concat([now, later]), "digits")
    assert past
    assert [entry.recipe for entry in past.publications] == [now.recipe.iloc[0], 7]
    assert past.rows["wgan"][1] is None
    assert [cell["centre"] for cell in past.rows["dcgan"] if cell] == 2 * [now.centre.iloc[0]]
    assert tables.past(now, "mnist") is None


def test_row_page_has_the_closest_samples_of_each_run(site: Path) -> None:
    text = pages(site)[site / "row/quick.digits.gan.html"]
    record = json.loads(next(Path("results/quick/runs").glob("gan-digits-*-s0.json")).read_text())
    sample, nearest, _, _ = record["scores"]["metrics"]["memorisation"]["gallery"][0]
    assert re.search(
        rf'<th scope="row" class="number">{sample}</th><td [^>]*>{", ".join(map(str, nearest))}</td>', text
    )
    first, second, _ = record["scores"]["metrics"]["support"]["closest"][0]
    assert f'<th scope="row" class="number">{first}, {second}</th>' in text


def test_a_changed_file_of_a_board_is_refused(tmp_path: Path) -> None:
    shutil.copytree("results/quick", tmp_path / "quick")
    table = tmp_path / "quick/leaderboard.csv"
    table.write_text(table.read_text().replace("wgan", "best"))
    with pytest.raises(UserError, match=r"leaderboard\.csv: other bytes"):
        tables.boards(tmp_path)
    with pytest.raises(UserError, match="no published board"):
        tables.boards(tmp_path / "quick")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(site: Path, browser: Browser) -> Iterator[Open]:
    """Open a page; at the end no page has asked another host or written an error."""
    contexts, faults = [], list[str]()

    def go(address: str, width: int = 1280, height: int = 800, **settings: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        context.set_default_timeout(120_000)  # a busy machine is no fault of a page
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else faults.append(request.url),
        )
        page.goto(f"file://{site}/{address}")
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def names(page: Page) -> list[str]:
    """The names of the ranked rows that are in view, from the top."""
    rows = page.locator("table.board tbody:not(.controls) tr:visible")
    shown: list[str] = rows.evaluate_all("rows => rows.map(row => row.id)")
    return shown


@needs_browser
def test_table_is_sorted_by_keyboard_and_says_so(visit: Open) -> None:
    page = visit(BOARD)
    ranked = names(page)
    page.locator('th[data-c="modes"] button').focus()
    page.keyboard.press("Enter")
    values = page.locator('table.board tbody:not(.controls) td[data-c="modes"]').evaluate_all(
        "c => c.map(x => +x.dataset.v)"
    )
    assert values == sorted(values, reverse=True), "the first press puts the best row first"
    assert page.locator('th[data-c="modes"]').get_attribute("aria-sort") == "descending"
    assert "descending" in page.get_by_role("status").inner_text()
    page.keyboard.press("Space")
    assert page.locator('th[data-c="modes"]').get_attribute("aria-sort") == "ascending"
    page.locator('th[data-c="rank"] button').press("Enter")
    assert names(page) == ranked


@needs_browser
def test_filter_leaves_rows_with_all_words_and_all_controls(visit: Open) -> None:
    page = visit(BOARD)
    page.get_by_label("Filter").fill("pac")
    assert names(page)
    assert all("pac" in name for name in names(page))
    assert page.locator("tbody.controls tr:visible").count() == 3
    assert re.match(r"\d+ of \d+ rows", page.get_by_role("status").inner_text())


@needs_browser
def test_address_keeps_sort_filter_and_columns(visit: Open) -> None:
    page = visit(BOARD)
    page.locator('th[data-c="modes"] button').press("Enter")
    page.get_by_label("Filter").fill("gan")
    page.get_by_text("Columns", exact=True).press("Enter")
    page.get_by_label("recall", exact=True).check()
    again = visit(page.url.partition("/board/")[2].join(["board/", ""]))
    assert names(again) == names(page)
    assert again.get_by_label("Filter").input_value() == "gan"
    assert again.locator('th[data-c="recall"]').is_visible()
    assert again.locator('th[data-c="modes"]').get_attribute("aria-sort") == "descending"


@needs_browser
def test_link_to_a_hidden_cell_shows_its_column(visit: Open) -> None:
    page = visit(f"{BOARD}#pacgan.fid")
    assert page.locator('[id="pacgan.fid"]').is_visible()
    assert page.locator('th[data-c="fid"]').is_visible()


@needs_browser
def test_controls_stay_in_view_below_the_table(visit: Open) -> None:
    page = visit(BOARD, height=600)
    page.locator("#table").scroll_into_view_if_needed()
    frame = page.locator(".frame:has(.board)")
    controls, box = page.locator("tbody.controls").bounding_box(), frame.bounding_box()
    assert frame.evaluate("f => f.scrollHeight > f.clientHeight"), "this table has to scroll"
    assert controls
    assert box
    assert controls["y"] + controls["height"] <= box["y"] + box["height"] + 1


@needs_browser
def test_focus_has_a_visible_ring(visit: Open) -> None:
    page = visit(BOARD)
    page.locator('th[data-c="modes"] button').focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    style = page.evaluate(
        "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))"
    )
    assert style == ["solid", 2]


@needs_browser
def test_board_reads_without_javascript(visit: Open) -> None:
    page = visit(BOARD, java_script_enabled=False)
    assert page.locator("table.board").is_visible()
    assert page.locator("dl.answers").is_visible()
    assert not page.locator(".tools").is_visible()
    assert not page.locator("#pair").is_visible()


@needs_browser
def test_two_rows_stand_side_by_side_by_keyboard_and_address(visit: Open) -> None:
    page = visit(f"{BOARD}?pair=pacgan,acgan")
    heads = page.locator("#head-first, #head-second")
    assert heads.all_inner_texts() == ["acgan", "pacgan"], "the row that stands higher comes first"
    lines = page.locator("table.pair tbody tr")
    assert lines.count() == page.locator("#choose input").count() - 3, "every column but the costs"
    coverage = page.locator('table.pair tr[data-c="coverage"] td').all_inner_texts()
    assert [text.split()[0] for text in coverage[:2]] == [
        page.locator(f'[id="{row}.coverage"] .value').inner_text() for row in ("acgan", "pacgan")
    ]
    page.get_by_label("Second row").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert heads.all_inner_texts() == ["acgan", names(page)[names(page).index("pacgan") + 1]]
    assert f"pair=acgan%2C{heads.nth(1).inner_text()}" in page.url


@needs_browser
def test_a_phone_has_cards_and_a_list_to_sort_by(visit: Open) -> None:
    page = visit(BOARD, width=360)
    assert page.locator("table.board tbody tr").first.evaluate("row => getComputedStyle(row).display") == "flex"
    assert not page.locator('th[data-c="modes"]').is_visible()
    page.get_by_label("Sort by").select_option("modes")
    assert "sort=-modes" in page.url


@needs_browser
def test_search_finds_a_page_by_its_words(visit: Open) -> None:
    page = visit("index.html")
    page.get_by_role("searchbox").fill("wasserstein gp")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**/search.html?q=*")
    hits = page.locator("#hits li:visible")
    assert 0 < hits.count() < 10
    assert "wgan_gp" in hits.first.inner_text()


@needs_browser
@pytest.mark.parametrize("address", KINDS)
def test_no_page_scrolls_sideways(visit: Open, address: str) -> None:
    page = visit(address)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        beyond = (
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        )
        assert wide <= width, page.evaluate(f"{beyond}.map(e => e.tagName + '.' + e.className).slice(0, 8)")


@needs_browser
@pytest.mark.parametrize("address", KINDS)
def test_page_is_accessible_in_light_and_dark_on_desktop_and_phone(visit: Open, address: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # Preloading asks for files again. Places of what is right are not looked for: a page has thousands.
    options = {"preload": False, "resultTypes": ["violations"]}
    for scheme, width in (("light", 1280), ("dark", 360)):
        page = visit(address, width=width, color_scheme=scheme)
        found = Axe().run(page, options=options).response["violations"]
        assert [(fault["id"], [node["target"] for node in fault["nodes"]][:3]) for fault in found] == []


@needs_browser
def test_printed_board_has_no_tools_and_nothing_is_cut(visit: Open) -> None:
    page = visit(BOARD, width=700)
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()
    assert page.locator(".frame:has(.board)").evaluate("f => getComputedStyle(f).overflow") == "visible"
    assert page.evaluate("document.documentElement.scrollWidth") <= 700


@needs_browser
def test_a_stranger_finds_the_answers_without_a_click(visit: Open) -> None:
    for width in (1280, 360):
        page = visit("index.html", width=width)
        text = page.locator("main").inner_text()
        assert "Which GAN copies?" in text
        assert "certain?" in text
