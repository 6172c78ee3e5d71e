"""Emoji in colour: each concept as Twitter and as Google draw it, `emoji-64`, `emoji-32`, and the pairs, `emoji-pairs`.

In `emoji-captions` the sample is Twitter's picture, and the condition says which words its caption has.

Skin tones of one emoji are near copies, and so are a man, a woman and a person with the same job. So the split is by concept:
all pictures of a concept are on one side. Otherwise memorisation would be found where there is none.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganbench.data import draws, sources, splits
from ganbench.data.folder import Built, Conditions, Dataset, Facts, Split, read, read_captions, read_conditions
from ganbench.data.sources import npm

RECIPE = 1
PINS = {
    "emoji.json": "1d602e65be88772bf8cc368ce16b855d719eeddbafe128d471b80203f494d29f",
    "twitter.png": "daa7711b29897de6bd811a4cfeae911d8d8baa7f7e25c97d9b64354ae425ff5c",
    "google.png": "795a0c598d162c9a4aae23f2188c607b8c9bc1912cb7d84382459f8de91a3ae1",
}
PACKAGES = {
    "emoji-datasource-twitter@16.0.0": {
        "emoji.json": "package/emoji.json",
        "twitter.png": "package/img/twitter/sheets/64.png",
    },
    "emoji-datasource-google@16.0.0": {"google.png": "package/img/google/sheets/64.png"},
}
VENDORS = ("twitter", "google")
CATEGORIES = (
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects",
    "Symbols", "Flags",
)  # fmt: skip
SIDE, BORDER = 64, 1  # pixels of a picture on the sheet, and of the border around it
WORDS = 256  # numbers of the vector of a caption
TEST = 0.25  # share of the concepts that is held out
TONES = dict(zip((f"{code:X}" for code in range(0x1F3FB, 0x1F400)),
                 ("light", "medium-light", "medium", "medium-dark", "dark"), strict=True))  # fmt: skip
SILENT = {"200D", "FE0F", "2640", "2642"}  # joiner, variation, and the signs for a woman and a man
PEOPLE = {"1F468", "1F469", "1F9D1"}  # man, woman, person


SOURCE = {
    "licence": "Twitter's art: CC-BY 4.0, copyright Twitter and other contributors; Google's art (Noto): Apache-2.0; "
    "the sheets: MIT",
    "citation": "emoji-datasource 16.0.0; art of Twemoji and Noto Emoji",
    "url": "https://github.com/iamcal/emoji-data",
    "classes": len(CATEGORIES),
}


class Drawn(NamedTuple):
    """All emoji in the order of their code points."""

    x: np.ndarray  # uint8 [n, 2, side, side, 3]: by Twitter, by Google
    y: np.ndarray  # int64 [n], the category
    captions: np.ndarray  # UTF-8 [n]
    held_out: np.ndarray  # bool [n]


def drawn(side: int, root: Path) -> Drawn:
    """The pictures of both vendors on white, `side` pixels wide."""
    files = sources.first(PINS, [npm(PACKAGES)], root / "sources" / "emoji")
    entries = listed(json.loads(files["emoji.json"]))
    pictures, category = _pictures(files, entries, SIDE), [entry["category"] for entry in entries]
    held_out = splits.held_out("emoji", splits.groups(keys(entries, pictures)), category, TEST)
    x = pictures if side == SIDE else _pictures(files, entries, side)
    captions = np.array([entry["caption"].encode() for entry in entries])
    return Drawn(x, np.array([CATEGORIES.index(name) for name in category]), captions, held_out)


def emoji(side: int, root: Path) -> Built:
    """The pictures of both vendors on white, `side` pixels wide."""
    x, y, _, held_out = drawn(side, root)
    train, test = (Split(x[part].reshape(-1, side, side, 3), np.repeat(y[part], 2)) for part in (~held_out, held_out))
    notes = (
        "pictures 2 i and 2 i + 1 of a split are the same emoji, drawn by Twitter and by Google; transparent pixels are "
        "white; a pixel of 32 x 32 is the mean of four; the split is by concept, so skin tones and the persons of a job are "
        f"on one side; the classes are {', '.join(CATEGORIES)}"
    )
    return Built(train, test, SOURCE | {"notes": notes})


def pairs(side: int, root: Path) -> Built:
    """Google's pictures as samples, Twitter's as conditions: unpaired to train with, paired when they are held out."""
    x, y, captions, held_out = drawn(side, root)
    train, test = (Split(x[part, 1], y[part]) for part in (~held_out, held_out))
    apart = np.flatnonzero(~held_out)[np.argsort(draws.uniform("emoji-pairs apart", (~held_out).sum()))]
    notes = (
        "samples are drawn by Google, conditions by Twitter, as in emoji-32; in training, conditions have an order of their "
        "own, so that nothing says which belongs to which sample; condition i of the held-out split is the same emoji as "
        "sample i; caption i belongs to condition i: name, skin tones, further names, and kind; the split is by concept; "
        f"the classes are {', '.join(CATEGORIES)}"
    )
    conditions = Conditions(x[apart, 0], paired=False), Conditions(x[held_out, 0])
    further = {"captions": (captions[apart], captions[held_out])}
    return Built(train, test, SOURCE | {"notes": notes}, conditions, further)


def captioned(root: Path) -> Built:
    """Twitter's pictures as samples, their captions as conditions: pictures and captions of `emoji-pairs`."""
    pairs = root / "emoji-pairs"
    splits, conditions, captions = [], [], []
    for part in ("train", "test"):
        pictures, own = read_conditions(pairs, part), read(pairs, part).y
        assert pictures is not None
        assert isinstance(pictures.of, np.ndarray)
        order = slice(None) if pictures.paired else np.argsort(draws.uniform("emoji-pairs apart", len(own)))
        said = read_captions(pairs, part)
        splits.append(Split(np.array(pictures.of), own[order]))
        conditions.append(Conditions(words(said)))
        captions.append(np.array([caption.encode() for caption in said]))
    notes = (
        f"samples are drawn by Twitter; condition i is of sample i: {WORDS} numbers, the sum of the signs of the words of its "
        f"caption, divided by its length; the split is by concept; the classes are {', '.join(CATEGORIES)}"
    )
    further = {"captions": (captions[0], captions[1])}
    return Built(splits[0], splits[1], SOURCE | {"notes": notes}, (conditions[0], conditions[1]), further)


def words(captions: list[str]) -> np.ndarray:
    """Bags of words, float32 `[n, WORDS]`, each of length 1: a hash gives each word a place and a sign.

    This is the hashing trick (Weinberger et al. 2009, arXiv:0902.2206): no vocabulary is learnt, so each word has a place.
    """
    out = np.zeros((len(captions), WORDS))
    for row, caption in zip(out, captions, strict=True):
        for word in re.findall(r"\w+", caption):
            digest = hashlib.sha256(word.encode()).digest()
            row[int.from_bytes(digest[:4], "little") % WORDS] += 1 if digest[4] % 2 else -1
    out /= np.maximum(np.sqrt(np.square(out).sum(1, keepdims=True)), 1)
    return out.astype(np.float32)


def listed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All pictures in the order of their code points, skin tones too: code points, place, category, concept, caption."""
    out = []
    for entry in entries:
        if entry["category"] in CATEGORIES:
            for drawn in (entry, *entry.get("skin_variations", {}).values()):
                place = {key: drawn[key] for key in ("unified", "sheet_x", "sheet_y")}
                of = {"category": entry["category"], "concept": concept(entry["unified"])}
                out.append(place | of | {"caption": caption(entry, drawn["unified"])})
    return sorted(out, key=lambda entry: str(entry["unified"]))


def caption(entry: dict[str, Any], unified: str) -> str:
    """Name, skin tones, further names and kind of an emoji, in lower case.

    >>> entry = {"name": "RUNNER", "short_names": ["runner", "running"], "subcategory": "person-activity"}
    >>> caption(entry, "1F3C3-1F3FD")
    'runner, medium skin tone, running, person activity'
    """
    tones = [f"{TONES[code]} skin tone" for code in unified.split("-") if code in TONES]
    words = [entry["name"], *tones, *entry["short_names"], entry["subcategory"]]
    plain = [re.sub(r"[ _:-]+", " ", word.lower()).strip() if word not in tones else word for word in words]
    return ", ".join(dict.fromkeys(plain))


def concept(unified: str) -> str:
    """What an emoji shows, without skin tone and without the choice of man, woman or person.

    >>> concept("1F469-1F3FE-200D-1F680"), concept("1F468-200D-1F680"), concept("1F3C3-200D-2640-FE0F")
    ('1F9D1-1F680', '1F9D1-1F680', '1F3C3')
    """
    codes = [code for code in unified.split("-") if code not in {*TONES, *SILENT}]
    return "-".join("1F9D1" if code in PEOPLE else code for code in codes)


def keys(entries: list[dict[str, Any]], pictures: np.ndarray) -> list[list[Any]]:
    """What makes entries near copies: their concept, and their pictures. Some flags, as those of territories, are equal.

    `pictures` are uint8 `[n, 2, H, W, 3]`.
    """
    return [
        [entry["concept"], *(drawn.tobytes() for drawn in both)] for entry, both in zip(entries, pictures, strict=True)
    ]


def _pictures(files: dict[str, bytes], entries: list[dict[str, Any]], side: int) -> np.ndarray:
    """The pictures of both vendors, uint8 `[n, 2, side, side, 3]`."""
    sheets = [shrunk(on_white(_pixels(files[f"{vendor}.png"])), side) for vendor in VENDORS]
    return np.stack([np.stack([sheet[entry["sheet_y"], entry["sheet_x"]] for sheet in sheets]) for entry in entries])


def _pixels(content: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGBA")).astype(np.int64)


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Colours `[H, W, 3]` of a picture `[H, W, 4]` on white, int64, times 255: whole numbers, so nothing is rounded yet."""
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    summed: np.ndarray = colour * alpha + 255 * (255 - alpha)
    return summed


def shrunk(sheet: np.ndarray, side: int) -> np.ndarray:
    """The pictures of a sheet, `side` pixels wide, uint8 `[rows, columns, side, side, 3]`: means of square blocks, half up."""
    cell = SIDE + 2 * BORDER
    rows, columns = (length // cell for length in sheet.shape[:2])
    cells = sheet.reshape(rows, cell, columns, cell, 3)[:, BORDER:-BORDER, :, BORDER:-BORDER].swapaxes(1, 2)
    block = SIDE // side
    sums = cells.reshape(rows, columns, side, block, side, block, 3).sum((3, 5))
    whole = 255 * block**2
    means: np.ndarray = ((2 * sums + whole) // (2 * whole)).astype(np.uint8)
    return means


def _declared(side: int) -> Dataset:
    facts = Facts((side, side, 3), 5516, 2046, len(CATEGORIES))
    return Dataset(f"emoji by two vendors, {side} x {side}, colour, 9 classes", partial(emoji, side), facts=facts)


DATASETS = {f"emoji-{side}": _declared(side) for side in (32, 64)} | {
    "emoji-pairs": Dataset(
        "emoji by Google, from the same emoji by Twitter, 32 x 32, colour; unpaired in training",
        partial(pairs, 32),
        facts=Facts((32, 32, 3), 2758, 1023, len(CATEGORIES), condition=(32, 32, 3)),
    ),
    "emoji-captions": Dataset(
        "emoji by Twitter, from the words of their captions, 32 x 32, colour",
        captioned,
        made_of=("emoji-pairs",),
        facts=Facts((32, 32, 3), 2758, 1023, len(CATEGORIES), condition=(WORDS,)),
    ),
}
