"""Coloured shapes with captions: `shapes-32`, `shapes-64`, and two or three shapes in `shapes-relations-32` and `-64`.

All scenes are known (`ganbench.data.scenes`), and each is in one split at most. Six combinations of shape and colour are in no
training picture. One half of the held-out scenes has such a combination, the other half has none.

The condition is the vector of a caption (`ganbench.data.caption_encoder`). In `shapes-32-attributes` it is the attributes
themselves as one-hot vectors: the ceiling of what captions can say.

In `shapes-stars` the condition is a picture of a circle, and the sample is the same scene with a star in the place of the
circle: a translation without pairs, whose truth is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ganbench.data import draws
from ganbench.data.caption_encoder import SIZE, encode
from ganbench.data.folder import Built, Conditions, Dataset, Facts, Language, Split
from ganbench.data.grammar import Speaker, meaning
from ganbench.data.scenes import (
    ARRANGEMENTS,
    COLOURS,
    COLUMNS,
    FIRST,
    GROUNDS,
    PER_OBJECT,
    SEVERAL,
    SHAPES,
    SINGLE,
    SIZES,
    count,
    held_out,
    nearest,
    render,
    singles,
)
from ganbench.errors import UserError

RECIPE = 1
CAPTIONS = 4  # of each scene: the first one states all attributes
SILENCE = 0.25  # chance that another caption leaves an attribute out
EXTRACTOR = "shapes-encoder"
CIRCLE, STAR = SHAPES.index("circle"), SHAPES.index("star")
STARS_EACH = 324  # scenes that train one domain alone; the other 216 of 864 scenes are held out, as circle and as star
RELATIONS_TRAIN, RELATIONS_TEST = 8000, 1000  # scenes; as many more held-out scenes have a held-out combination
OF_ONE = ("place", "ground", "shape", "colour", "size")
OF_SEVERAL = (
    "relation", "ground", "shape", "colour", "size", "second shape", "second colour", "second size", "third shape",
    "third colour", "third size",
)  # fmt: skip
OPTIONS = (len(SINGLE), len(GROUNDS), len(SHAPES), len(COLOURS), len(SIZES))


def split_of_one() -> tuple[np.ndarray, np.ndarray]:
    """The scenes of one object: 3,888 for training, and 1,296 held-out scenes, 648 of them with a held-out combination."""
    scenes = singles()
    scenes = scenes[np.argsort(draws.uniform("shapes order", len(scenes)))]
    new = held_out(scenes)
    old = scenes[~new]
    return old[new.sum() :], np.concatenate([scenes[new], old[: new.sum()]])


def split_of_several() -> tuple[np.ndarray, np.ndarray]:
    """Random scenes of two or three objects, each once: for training, and held-out scenes like those of `split_of_one`."""
    n = 6 * (RELATIONS_TRAIN + RELATIONS_TEST)
    scenes = np.full((n, COLUMNS), -1)
    scenes[:, 0] = np.array(SEVERAL)[draws.integers("relations arrangement", len(SEVERAL), n)]
    scenes[:, 1] = draws.integers("relations ground", len(GROUNDS), n)
    kinds = [ARRANGEMENTS[a] for a in scenes[:, 0]]
    sizes = np.array([kind.sizes for kind in kinds])
    for k in range(max(len(kind.centres) for kind in kinds)):
        there = np.array([k < len(kind.centres) for kind in kinds])
        size = (draws.uniform(f"relations size {k}", n) * sizes).astype(np.int64)
        drawn = (
            draws.integers(f"relations shape {k}", len(SHAPES), n),
            draws.integers(f"relations colour {k}", len(COLOURS), n),
        )
        at = FIRST + PER_OBJECT * k
        scenes[:, at : at + PER_OBJECT] = np.where(there[:, None], np.stack([*drawn, size], 1), -1)
    scenes = scenes[np.sort(np.unique(scenes, axis=0, return_index=True)[1])]
    new = held_out(scenes)
    old = scenes[~new]
    train, test = old[:RELATIONS_TRAIN], old[RELATIONS_TRAIN : RELATIONS_TRAIN + RELATIONS_TEST]
    return train, np.concatenate([scenes[new][:RELATIONS_TEST], test])


def split_of_stars() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scenes of a star: those that train the stars, those that train the circles, and the held-out ones; no scene twice."""
    scenes = singles()
    scenes = scenes[scenes[:, FIRST] == STAR]
    scenes = scenes[np.argsort(draws.uniform("stars order", len(scenes)))]
    return scenes[:STARS_EACH], scenes[STARS_EACH : 2 * STARS_EACH], scenes[2 * STARS_EACH :]


def captions_of(scenes: np.ndarray, part: str) -> list[str]:
    """`CAPTIONS` captions of each scene `[n, 11]`, scene by scene."""
    numbers = draws.uniform(f"captions {part}", len(scenes), CAPTIONS, Speaker.needed)
    return [
        Speaker(numbers[i, j], SILENCE if j else 0.0).caption(scene)
        for i, scene in enumerate(scenes)
        for j in range(CAPTIONS)
    ]


def one_hot(meanings: np.ndarray) -> np.ndarray:
    """Meanings int64 `[n, 5]` as float32 `[n, 30]`: a 1 for each stated attribute."""
    parts = [np.eye(k + 1, dtype=np.float32)[meanings[:, i]][:, :k] for i, k in enumerate(OPTIONS)]
    return np.concatenate(parts, 1)


def _meaning(columns: int, arrangements: Sequence[int], caption: str) -> np.ndarray:
    """The stated attributes of a caption, int64 `[columns]`.

    Raises:
        UserError: no scene of the dataset has so many objects.
    """
    scene = meaning(caption)
    shown = (scene[FIRST + PER_OBJECT :] >= 0).any()
    if (scene[0] >= 0 and scene[0] not in arrangements) or (shown and arrangements == SINGLE):
        kind = "one object" if arrangements == SINGLE else "two or three objects"
        raise UserError(f"the caption '{caption}' is not of {kind}, and all pictures of this dataset are")
    scene[0] -= arrangements[0] if scene[0] >= 0 else 0
    return scene[:columns]


def _attributes(columns: int, arrangements: Sequence[int], x: np.ndarray) -> np.ndarray:
    scenes = nearest(x, arrangements)
    scenes[:, 0] -= arrangements[0]
    return scenes[:, :columns]


def _held_out(columns: int, meanings: np.ndarray) -> np.ndarray:
    scenes = np.full((len(meanings), COLUMNS), -1)
    scenes[:, :columns] = meanings
    return held_out(scenes)


def _language(names: tuple[str, ...], arrangements: tuple[int, ...], coded: bool) -> Language:
    mean = partial(_meaning, len(names), arrangements)

    def encoded(captions: Sequence[str]) -> np.ndarray:
        meanings = np.stack([mean(caption) for caption in captions])
        return one_hot(meanings) if coded else encode(captions)

    attributes = partial(_attributes, len(names), arrangements)
    return Language(names, encoded, mean, attributes, partial(_held_out, len(names)), EXTRACTOR, encode)


def shapes(side: int, arrangements: tuple[int, ...], language: Language, root: Path) -> Built:
    """The pictures of both splits, `side` pixels wide, with captions, attributes and conditions."""
    scenes = split_of_one() if arrangements == SINGLE else split_of_several()
    label = 2 if arrangements == SINGLE else 0  # shape, or arrangement
    splits, conditions, captions, attributes = [], [], [], []
    for part, rows in zip(("train", "test"), scenes, strict=True):
        own = rows[:, : len(language.names)] - np.eye(1, len(language.names), dtype=np.int64) * arrangements[0]
        said = captions_of(rows, f"{arrangements} {part}")
        splits.append(Split(render(rows, side), own[:, label]))
        conditions.append(Conditions(language.encode(said)))
        captions.append(np.array(said, "S"))
        attributes.append(own)
    card = {
        "notes": f"one of {count(arrangements):,} scenes in each picture, and no scene twice; condition i of a split is of "
        f"its picture i // {CAPTIONS}; attributes are {', '.join(language.names)}; the first half of the held-out pictures "
        "has a combination of shape and colour that is in no training picture",
        "licence": "Apache-2.0",
        "citation": "drawn by ganbench; the caption encoder follows Reed et al. 2016",
        "url": "https://arxiv.org/abs/1605.05395",
        "classes": int(splits[0].y.max()) + 1,
        "scenes": count(arrangements),
        "attributes": list(language.names),
    }
    both = {"captions": (captions[0], captions[1]), "attributes": (attributes[0], attributes[1])}
    return Built(splits[0], splits[1], card, (conditions[0], conditions[1]), both)


def stars(side: int, language: Language, root: Path) -> Built:
    """Stars as samples, circles as conditions: unpaired to train with, paired when they are held out."""
    own, apart, test = split_of_stars()
    splits = [Split(render(scenes, side), np.full(len(scenes), -1)) for scenes in (own, test)]
    asked = (apart, test)  # the scenes that a translation should show
    conditions = [
        Conditions(render(_with(scenes, CIRCLE), side), paired)
        for scenes, paired in zip(asked, (False, True), strict=True)
    ]
    captions = [np.array(captions_of(scenes, "stars")[::CAPTIONS], "S") for scenes in asked]
    card = {
        "notes": "samples are scenes of one star, conditions scenes of one circle; in training no scene is in both; condition "
        "i of the held-out split is sample i with a circle in the place of the star; caption i says what the translation of "
        "condition i shows",
        "licence": "Apache-2.0",
        "citation": "drawn by ganbench; the task follows Zhu et al. 2017",
        "url": "https://arxiv.org/abs/1703.10593",
        "attributes": list(language.names),
    }
    return Built(splits[0], splits[1], card, (conditions[0], conditions[1]), {"captions": (captions[0], captions[1])})


def _with(scenes: np.ndarray, shape: int) -> np.ndarray:
    """The same scenes of one object with another shape."""
    out = scenes.copy()
    out[:, FIRST] = shape
    return out


def _no_words(captions: Sequence[str]) -> np.ndarray:
    raise UserError("shapes-stars translates pictures, so no caption is a condition of it")


def _stars() -> Dataset:
    spoken = _language(OF_ONE, SINGLE, coded=False)
    # No combination of shape and colour is held out.
    language = spoken._replace(encode=_no_words, held_out=lambda meanings: np.zeros(len(meanings), bool))
    facts = Facts((32, 32, 3), STARS_EACH, 864 - 2 * STARS_EACH, condition=(32, 32, 3))
    about = "a coloured star, from the same scene with a circle, 32 x 32; unpaired in training"
    return Dataset(about, partial(stars, 32, language), facts=facts, language=language)


def _declared(side: int, arrangements: tuple[int, ...], about: str, coded: bool = False) -> Dataset:
    single = arrangements == SINGLE
    language = _language(OF_ONE if single else OF_SEVERAL, arrangements, coded)
    sizes = (3888, 1296, len(SHAPES)) if single else (RELATIONS_TRAIN, 2 * RELATIONS_TEST, len(SEVERAL))
    made = partial(shapes, side, arrangements, language)
    width = one_hot(np.zeros((1, len(OF_ONE)), np.int64)).shape[1] if coded else SIZE
    facts = Facts((side, side, 3), *sizes, condition=(width,))
    return Dataset(f"{about}, {side} x {side}", made, facts=facts, language=language)


DATASETS = {
    "shapes-32-attributes": _declared(32, SINGLE, "a coloured shape, its attributes as the condition", coded=True),
    **{f"shapes-{side}": _declared(side, SINGLE, "a coloured shape with captions") for side in (32, 64)},
    **{
        f"shapes-relations-{side}": _declared(side, SEVERAL, "two or three coloured shapes with captions")
        for side in (32, 64)
    },
    "shapes-stars": _stars(),
}
