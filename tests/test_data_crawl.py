"""Crawl: which pictures of the game's archive are taken, and what is a near copy. The pictures are made up, the format is real."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench.data import Built, sources, splits
from ganbench.data.families import crawl

RNG = np.random.default_rng(0)


def noise(side: int = 32) -> Image.Image:
    return Image.fromarray(RNG.integers(0, 256, (side, side, 3), dtype=np.uint8))


def blot(mode: str = "RGB") -> Image.Image:
    """A random outline in one colour on nothing."""
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[RNG.random((32, 32)) < 0.5] = (*RNG.integers(100, 256, 3), 255)
    return Image.fromarray(pixels).convert(mode)


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"stone_soup-0.28.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


WALLS = [f"dngn/wall/brick_{i}.png" for i in range(6)]
FILES = {
    "LICENSE": b"text",
    "source/rltiles/mon/list.txt": b"text",
    "source/rltiles/gui/button.png": png(noise()),
    "source/rltiles/mon/large.png": png(noise(48)),
    "source/rltiles/mon/._rat.png": b"no picture",
    "source/rltiles/mon/horn.png": png(Image.new("RGBA", (32, 32))),
    "source/rltiles/mon/animals/rat.png": png(blot("P")),
    **{f"source/rltiles/mon/{name}.png": png(blot("RGBA")) for name in "abcdefg"},
    **{f"source/rltiles/item/{name}.png": png(blot("LA")) for name in "abcd"},
    **{f"source/rltiles/effect/{name}.png": png(blot("RGB")) for name in "abcd"},
    **{f"source/rltiles/{name}": png(noise()) for name in WALLS},
    **{f"source/rltiles/dngn/{name}.png": png(noise()) for name in "abcdefghij"},
}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Built:
    monkeypatch.setattr(sources, "first", lambda *arguments: {crawl.ARCHIVE: packed(FILES)})
    return crawl.crawl(tmp_path)


def test_pictures_of_the_four_folders_that_are_no_parts_are_taken(built: Built) -> None:
    y = np.concatenate([built.train.y, built.test.y])
    assert np.bincount(y).tolist() == [8, 4, 16, 4]
    assert built.train.x.shape[1:] == (32, 32, 3)


def test_a_quarter_of_each_class_is_held_out(built: Built) -> None:
    assert np.bincount(built.test.y).tolist() == [2, 1, 4, 1]


def test_pictures_are_in_the_order_of_their_names() -> None:
    names = list(crawl.pictures(packed(dict(reversed(FILES.items())))))
    assert names == sorted(names)
    assert len(names) == 33


def test_transparent_pixels_are_black_and_half_transparent_half_as_bright() -> None:
    rgba = np.array([[[200, 100, 31, 0], [200, 100, 31, 255], [200, 100, 255, 51]]], np.uint8)
    on = crawl.on_black(io.BytesIO(png(Image.fromarray(rgba))))
    assert on.tolist() == [[[0, 0, 0], [200, 100, 31], [40, 20, 51]]]


@pytest.mark.parametrize("change", ["number", "outline", "pixels", "nothing"])
def test_near_copies_are_in_one_group(change: str) -> None:
    x = np.stack([np.asarray(blot()), np.asarray(blot())])
    names = ["item/potion_1.png", "item/potion_2.png" if change == "number" else "item/flask.png"]
    if change == "outline":
        x[1] = (x[0] > 0) * np.array([250, 40, 130], np.uint8)
    if change == "pixels":
        x[1] = x[0]
        x[1, 0, :2] = ~x[1, 0, :2]  # the outline is another one
        assert 0 < np.square((x[0] - x[1].astype(float)) / 255).mean() ** 0.5 < crawl.NEAR
    assert len(set(splits.groups(crawl.keys(names, x)))) == (2 if change == "nothing" else 1)


def test_pictures_that_cover_everything_have_no_outline_in_common() -> None:
    x = np.maximum(RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8), 1)
    assert len(set(splits.groups(crawl.keys(["dngn/a.png", "dngn/b.png"], x)))) == 2


def test_near_is_decided_by_the_root_mean_square_of_all_values() -> None:
    x = np.zeros((3, 32, 32, 3), np.uint8)
    x[1] += 12  # 12 / 255 = .047
    x[2] += 25  # 13 more than x[1]
    assert np.argwhere(crawl.near(x)).tolist() == [[0, 1]]


def test_whole_groups_are_held_out_while_they_fit() -> None:
    group = np.repeat(np.arange(21), [60] + [2] * 20)
    held_out = splits.held_out_by_size("crawl", group, ["a"] * 100, 0.25)
    assert held_out.sum() == 24
    assert not held_out[:60].any()
    assert (held_out[60:].reshape(20, 2).all(1) == held_out[60:].reshape(20, 2).any(1)).all()
