"""Emoji: what is held out, and what becomes of a picture on the sheet. The pictures are made up, the format is real."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganbench.data import folder, sources, splits
from ganbench.data.families import emoji

CELL = emoji.SIDE + 2 * emoji.BORDER


def entry(unified: str, x: int, y: int, category: str = "Flags", **more: Any) -> dict[str, Any]:
    about = {"name": f"NAME_{unified}", "short_names": [f"name-{unified}", "other"], "subcategory": "kind"}
    return {"unified": unified, "sheet_x": x, "sheet_y": y, "category": category} | about | more


ENTRIES = [
    entry("1F44B", 0, 0, "People & Body", skin_variations={"1F3FB": entry("1F44B-1F3FB", 1, 0)}),
    entry("1F1E6", 2, 0),
    entry("1F3FB", 0, 1, "Component"),
    *(entry(f"1F1E7-{i:X}", i % 3, 2 + i // 3) for i in range(6)),
]


def sheet(seed: int) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (4 * CELL, 3 * CELL, 4), dtype=np.uint8)
    pixels[CELL * 3 : CELL * 4, :CELL] = pixels[CELL * 2 : CELL * 3, :CELL]  # entries 0 and 3 of the last six are equal
    return pixels


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[Any, Any]:
    files = {"emoji.json": json.dumps(ENTRIES).encode()}
    for seed, vendor in enumerate(emoji.VENDORS):
        content = io.BytesIO()
        Image.fromarray(sheet(seed)).save(content, "PNG")
        files[f"{vendor}.png"] = content.getvalue()
    monkeypatch.setattr(sources, "first", lambda *arguments: files)
    return {side: emoji.emoji(side, tmp_path) for side in (32, 64)} | {"pairs": emoji.pairs(32, tmp_path)}


def test_every_picture_is_on_one_side_and_both_vendors_are_side_by_side(built: dict[Any, Any]) -> None:
    train, test = built[64].train, built[64].test
    assert len(train.x) + len(test.x) == 2 * 9  # without the skin tone alone, which has no category
    assert len(test.x) in (4, 6)  # two groups of flags are held out, and one group has two flags
    first = [emoji.on_white(sheet(seed)[1:65, 1:65].astype(np.int64)) for seed in (0, 1)]
    drawn = [np.floor(picture / 255 + 0.5).astype(np.uint8) for picture in first]
    both = np.concatenate([train.x, test.x]).reshape(-1, 2, 64, 64, 3)
    assert any(np.array_equal(pair, np.stack(drawn)) for pair in both)


def test_a_small_picture_is_the_mean_of_four_pixels_on_white(built: dict[Any, Any]) -> None:
    large, small = (built[side].train.x.astype(float) for side in (64, 32))
    means = large.reshape(len(large), 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(means - small).max() <= 1  # the large pixels are rounded before this mean
    assert np.array_equal(built[64].train.y, built[32].train.y)


@pytest.mark.parametrize("split", ["train", "test"])
def test_pairs_have_the_pictures_of_the_set_one_vendor_on_each_side(built: dict[Any, Any], split: str) -> None:
    both = getattr(built[32], split).x.reshape(-1, 2, 32, 32, 3)
    samples = getattr(built["pairs"], split).x
    conditions = built["pairs"].conditions[split == "test"]
    assert np.array_equal(samples, both[:, 1])
    assert sorted(x.tobytes() for x in conditions.of) == sorted(x.tobytes() for x in both[:, 0])


def test_pairs_are_unpaired_in_training_and_paired_when_held_out(built: dict[Any, Any]) -> None:
    train, test = built["pairs"].conditions
    assert (train.paired, test.paired) == (False, True)
    assert np.array_equal(test.of, built[32].test.x[::2])
    assert not np.array_equal(train.of, built[32].train.x[::2])


def test_captions_belong_to_the_conditions(built: dict[Any, Any]) -> None:
    captions = dict(zip(("train", "test"), built["pairs"].further["captions"], strict=True))
    entries = emoji.listed(ENTRIES)
    drawn = emoji.on_white(sheet(0).astype(np.int64))
    where = {emoji.shrunk(drawn, 32)[e["sheet_y"], e["sheet_x"]].tobytes(): e["caption"] for e in entries}
    where |= {emoji.shrunk(drawn, 32)[2, 0].tobytes(): ""}  # two entries have this picture
    for part, conditions in zip(("train", "test"), built["pairs"].conditions, strict=True):
        for text, picture in zip(captions[part].tolist(), conditions.of, strict=True):
            assert where[picture.tobytes()] in ("", text.decode())


def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour() -> None:
    rgba = np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]])
    assert (emoji.on_white(rgba) / 255).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_entries_with_one_picture_or_one_concept_are_in_one_group() -> None:
    entries = emoji.listed(ENTRIES)
    pictures = np.random.default_rng(0).integers(0, 256, (len(entries), 2, 4, 4, 3), dtype=np.uint8)
    codes = [given["unified"] for given in entries]
    pictures[codes.index("1F1E7-0"), 1] = pictures[codes.index("1F1E7-3"), 1]
    group = dict(zip(codes, splits.groups(emoji.keys(entries, pictures)).tolist(), strict=True))
    assert group["1F1E7-0"] == group["1F1E7-3"]
    assert group["1F44B"] == group["1F44B-1F3FB"]
    assert len(set(group.values())) == len(codes) - 2


def test_a_quarter_of_the_groups_of_each_category_is_held_out() -> None:
    group = np.repeat(np.arange(40), 3)
    held_out = splits.held_out("emoji", group, ["Flags"] * 60 + ["Objects"] * 60, 0.25)
    assert held_out.reshape(40, 3).all(1).sum() == held_out.reshape(40, 3).any(1).sum() == 10
    assert held_out[:60].sum() == held_out[60:].sum() == 15


def test_captioned_pictures_have_their_own_captions_and_classes(built: dict[Any, Any], tmp_path: Path) -> None:
    (tmp_path / "emoji-pairs").mkdir()
    folder.write(tmp_path / "emoji-pairs", "emoji-pairs", "", built["pairs"])
    made = emoji.captioned(tmp_path)
    entries = {e["caption"]: emoji.CATEGORIES.index(e["category"]) for e in emoji.listed(ENTRIES)}
    for split, captions, conditions, pairs in zip(
        (made.train, made.test), made.further["captions"], made.conditions or (), built["pairs"].conditions, strict=True
    ):
        said = [caption.decode() for caption in captions]
        assert [entries[caption] for caption in said] == split.y.tolist()
        assert np.array_equal(split.x, pairs.of)
        assert isinstance(conditions.of, np.ndarray)
        assert np.array_equal(conditions.of, emoji.words(said))


def test_vector_of_a_caption_is_a_bag_of_words() -> None:
    first, turned, other, nothing = emoji.words(["a red flag", "flag, red a", "a red car", ""])
    assert np.array_equal(first, turned)
    assert first @ other == pytest.approx(2 / 3)  # two of three words, unless words share a place
    assert np.linalg.norm(first) == pytest.approx(1)
    assert not nothing.any()
