"""The pictures on the short page of a board, and the history of its publications."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ganbench.boards import drawings, figures, history, page, posters, published
from ganbench.boards.brief import Table

QUICK = Path("results/quick")


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return page.read(QUICK, published.read("quick"))


def marks(drawing: Path, kind: str) -> list[ElementTree.Element]:
    return [mark for mark in ElementTree.parse(drawing).iter() if mark.get("class") == kind]


def test_pictures_of_a_board_follow_from_its_files(tables: list[Table], tmp_path: Path) -> None:
    for table in tables:
        shutil.copy(QUICK / f"samples-{table.dataset}.png", tmp_path)
        figures.write(table, tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("samples"))
    assert len(drawn) == 9
    for name in (name for name in drawn if name.endswith(".svg")):
        assert (tmp_path / name).read_text() == (QUICK / name).read_text()


def test_strip_has_every_seed_and_every_control_on_the_axis(tables: list[Table]) -> None:
    for table in tables:
        drawing = QUICK / f"seeds-{table.dataset}.svg"
        axis = drawings.axis(table, table.track.rank)
        assert len(marks(drawing, "seed")) == table.seeds * len(table.baselines)
        for name in ("real", "copycat", "noise"):
            sign_in_the_legend = 1
            assert len(marks(drawing, name)) == sign_in_the_legend + (name in axis.controls)


def test_plot_has_a_quarter_and_half_of_the_budget_with_intervals(tables: list[Table]) -> None:
    digits = tables[0]
    scores = pd.read_csv(QUICK / "scores.csv")
    wgan = scores[(scores.dataset == "digits") & (scores.row == "wgan") & (scores.metric == "fid")]
    (row,) = (row for row in digits.baselines if row.name == "wgan")
    for share, (centre, low, high) in drawings.after_parts(row, "fid").items():
        seeds = wgan["quarter" if share == 0.25 else "half"]
        assert centre == pytest.approx(np.exp(np.log(seeds).mean()))
        assert low < centre < high
    plot = drawings.plot(digits, wide=False)
    assert plot
    (point,) = (point for point in plot.points if point.row == "wgan")
    assert [part.y < point.y for part in point.parts] == [True, True], (
        "less budget had a higher FID, and y grows downwards"
    )
    assert point.parts[0].x < point.parts[1].x < point.x
    assert len(marks(QUICK / "time-digits.svg", "thin")) == 3 * len(digits.baselines)


def test_picture_is_readable_in_light_and_dark_and_asks_no_host() -> None:
    for path in Path("results").glob("*/*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text
        assert 'class="paper"' in text
        assert re.findall(r'(?:href|src)="|https?://(?!www\.w3\.org/2000/svg)', text) == []
        assert ElementTree.fromstring(text).get("width") == str(figures.WIDTH)


def test_samples_stand_in_the_order_of_ranks(tables: list[Table]) -> None:
    digits = tables[0]
    with Image.open(QUICK / "samples-digits.png") as poster, Image.open(QUICK / "ranked-digits.png") as ranked:
        places = posters.places(poster, len(digits.rows))
        for row, place in zip([row.name for row in digits.rows], places, strict=True):
            before = [*digits.track.rows, "real", "copycat", "noise"].index(row)
            panels = [np.asarray(poster.convert("L").crop(places[before])), np.asarray(ranked.convert("L").crop(place))]
            assert np.abs(np.diff(np.stack(panels).astype(float), axis=0)).mean() < 3


@pytest.mark.parametrize("name", published.names())
def test_alternative_text_of_a_picture_names_rows_in_words(name: str) -> None:
    text = (Path("results") / name / page.FILE).read_text(encoding="utf-8")
    pictures = re.findall(r"!\[(.*?)\]\((.*?)\)", text)
    assert pictures
    for said, file in pictures:
        assert (Path("results") / name / file).is_file()
        assert len(said.split()) > 8


def test_history_keeps_earlier_publications_and_adds_each_once(tables: list[Table], tmp_path: Path) -> None:
    facts = published.read("quick").manifest
    shutil.copy(QUICK / "scores.csv", tmp_path)
    history.write(tmp_path, tables, facts)
    first = (tmp_path / history.FILE).read_text()
    assert first == (QUICK / history.FILE).read_text()
    history.write(tmp_path, tables, facts)
    assert (tmp_path / history.FILE).read_text() == first
    later = tmp_path / "later"
    later.mkdir()
    history.carry_over(tmp_path, later)
    (later / "scores.csv").write_text("other scores")
    history.write(later, tables, facts | {"date": "2027-01-02"})
    assert (later / history.FILE).read_text().startswith(first)
    assert list(dict.fromkeys(history.read(later).date)) == [facts["date"], "2027-01-02"]


def test_history_has_the_ranking_column_of_every_row() -> None:
    written = history.read(QUICK)
    board = pd.read_csv(QUICK / "leaderboard.csv")
    ranking = {"digits": "fid", "ring": "total_variation", "grid": "total_variation"}
    cells = board[[ranking[dataset] == metric for dataset, metric in zip(board.dataset, board.metric, strict=True)]]
    assert len(cells) == len(written)
    joined = written.merge(cells, on=["dataset", "row", "metric"], suffixes=("", "_board"))
    assert joined.centre.to_numpy() == pytest.approx(joined.centre_board.to_numpy(), rel=1e-5)
    assert set(written.recipe) == {published.read("quick").manifest["recipe"]}
