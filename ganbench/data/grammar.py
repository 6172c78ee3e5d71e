"""Captions of scenes: a small grammar with synonyms, and the way back from a sentence to the attributes that it states.

    a small red circle at the top left on a white background
    there is a big blue box below a tiny scarlet disc
    a green star left of a pink ring left of a cyan cross on black

The meaning of a caption is a scene `[11]` (see `ganbench.data.scenes`) with -1 for what the caption does not state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ganbench.data.scenes import (
    ARRANGEMENTS,
    COLOURS,
    COLUMNS,
    FIRST,
    GROUND,
    GROUNDS,
    MOST_OBJECTS,
    PER_OBJECT,
    PLACES,
    ROWS,
    SHAPES,
    SIZES,
    objects,
)
from ganbench.errors import UserError, choose

SYNONYMS = {
    "circle": ("circle", "disc"),
    "square": ("square", "box"),
    "cross": ("cross", "plus"),
    "ring": ("ring", "hoop"),
    "red": ("red", "scarlet"),
    "purple": ("purple", "violet"),
    "cyan": ("cyan", "turquoise"),
    "small": ("small", "little", "tiny"),
    "large": ("large", "big"),
    "grey": ("grey", "gray"),
    "top": ("top", "upper"),
    "bottom": ("bottom", "lower"),
    "middle": ("middle",),
    "centre": ("centre", "center"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
SILENT = (
    "a", "an", "the", "one", "there", "is", "of", "to", "in", "at", "on", "against", "background", "picture", "showing",
)  # fmt: skip
RELATIONS = ("above", "below", "left", "right")
UNKNOWN_SHAPE = "object"  # a noun that states no shape


def _lexicon() -> dict[str, tuple[str, str]]:
    kinds = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "ground": GROUNDS, "row": ROWS, "place": PLACES}
    said = {name: kind for kind, names in kinds.items() for name in names}
    said |= {"above": "relation", "below": "relation", UNKNOWN_SHAPE: "shape"}
    words = {word: (kind, name) for name, kind in said.items() for word in SYNONYMS.get(name, (name,))}
    return words | {word: ("silent", word) for word in SILENT}


LEXICON = _lexicon()  # each word: its kind, and the name that it stands for
WORDS = tuple(sorted(LEXICON))


def words(caption: str) -> list[str]:
    """The words of a caption, in small letters and without punctuation.

    Raises:
        UserError: a word that no caption of scenes has, or no word at all; the message names the word.

    >>> words("A small, red circle.")
    ['a', 'small', 'red', 'circle']
    """
    split = re.sub(r"[.,;:!?]", " ", caption.lower()).split()
    if not split:
        raise UserError("the caption has no words")
    for word in split:
        choose(word, WORDS, "word for captions")
    return split


def meaning(caption: str) -> np.ndarray:
    """What a caption states: a scene int64 `[11]`, with -1 where the caption is silent.

    A row or a place alone means the middle of the other: "at the top" is the top centre.

    Raises:
        UserError: an unknown word, no object, more than three objects, or two statements that exclude each other.
    """
    said = words(caption)
    scene = np.full(COLUMNS, -1)
    noun, nouns = [-1, -1, -1], list[list[int]]()
    relations, spot = list[str](), dict[str, str]()
    for i, word in enumerate(said):
        kind, name = LEXICON[word]
        if kind == "place" and name in RELATIONS and said[i + 1 : i + 2] == ["of"]:
            kind = "relation"
        if kind == "relation":
            relations.append(name)
        elif kind in ("row", "place"):
            _state(spot, kind, name, caption)
        elif kind == "ground":
            _state(spot, kind, name, caption)
            scene[GROUND] = list(GROUNDS).index(name)
        elif kind == "colour":
            noun[1] = list(COLOURS).index(name)
        elif kind == "size":
            noun[2] = list(SIZES).index(name)
        elif kind == "shape":
            noun[0] = -1 if name == UNKNOWN_SHAPE else SHAPES.index(name)
            nouns.append(noun)
            noun = [-1, -1, -1]
    if noun != [-1, -1, -1] or not nouns:
        raise UserError(f"the caption '{caption}' names no object for its attributes; '{UNKNOWN_SHAPE}' fits any shape")
    scene[0], ordered = _arranged(nouns, relations, spot, caption)
    scene[FIRST : FIRST + PER_OBJECT * len(ordered)] = np.ravel(ordered)
    return scene


def _state(spot: dict[str, str], kind: str, name: str, caption: str) -> None:
    if spot.setdefault(kind, name) != name:
        raise UserError(f"the caption '{caption}' states both '{spot[kind]}' and '{name}'")


def _arranged(
    nouns: list[list[int]], relations: list[str], spot: dict[str, str], caption: str
) -> tuple[int, list[list[int]]]:
    """The arrangement, -1 if it is not stated, and the objects from the top or from the left."""
    if len(nouns) == 1 and not relations:
        if not {"row", "place"} & set(spot):
            return -1, nouns
        name = f"{spot.get('row', 'middle')} {spot.get('place', 'centre')}"
        return [kind.name for kind in ARRANGEMENTS].index(name), nouns
    placed = {"row", "place"} & set(spot)
    if placed or len(nouns) > MOST_OBJECTS or len(set(relations)) != 1 or len(relations) != len(nouns) - 1:
        rule = f"one object at a place, or up to {MOST_OBJECTS} objects with the same relation between all neighbours"
        raise UserError(f"the caption '{caption}' is not of this form: {rule}")
    upright = relations[0] in ("above", "below")
    number, side = "two" if len(nouns) == 2 else "three", "one above the other" if upright else "side by side"
    names = [kind.name for kind in ARRANGEMENTS]
    return names.index(f"{number}, {side}"), nouns if relations[0] in ("above", "left") else nouns[::-1]


class Speaker:
    """Says scenes in words.

    Args:
        draws: numbers in (0, 1), one for each choice; `needed` says how many a caption takes.
        silence: the chance that an attribute is left out.
    """

    needed = 32

    def __init__(self, draws: np.ndarray, silence: float = 0.0) -> None:
        self._draws, self._silence = iter(draws.tolist()), silence

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(next(self._draws) * len(options))]

    def _word(self, name: str) -> str:
        return self._pick(SYNONYMS.get(name, (name,)))

    def _says(self) -> bool:
        return float(next(self._draws)) >= self._silence

    def _noun(self, part: np.ndarray, sized: bool) -> str:
        shape, colour, size = part.tolist()
        adjectives = [(sized, list(SIZES)[size]), (True, list(COLOURS)[colour])]
        said = [self._word(name) for stated, name in adjectives if stated and self._says()]
        article = "an" if said[:1] == ["orange"] else "a"
        return " ".join([article, *said, self._word(SHAPES[shape])])

    def caption(self, scene: np.ndarray) -> str:
        """A caption of a scene `[11]`. The shapes and the relation are always stated."""
        kind = ARRANGEMENTS[scene[0]]
        parts = objects(scene[None])[0, : len(kind.centres)]
        nouns = [self._noun(part, sized=kind.sizes > 1) for part in parts]
        start = self._pick(("", "there is ", "a picture showing "))
        where = [] if len(parts) > 1 or not self._says() else [self._spot(kind.name)]
        if self._says():
            name = self._word(list(GROUNDS)[scene[GROUND]])
            where.append(self._pick((f"on {name}", f"on a {name} background", f"against {name}")))
        if len(where) == 2 and self._pick(("yes", "no")) == "no":
            where.reverse()
        if len(nouns) > 1:
            nouns = [self._related(nouns, kind.name.endswith("other"))]
        return start + " ".join([*nouns, *where])

    def _spot(self, name: str) -> str:
        row, place = name.split()
        if (row, place) == ("middle", "centre"):
            return f"in the {self._pick((self._word('middle'), self._word('centre')))}"
        return f"at the {self._word(row)} {self._word(place)}"

    def _related(self, nouns: list[str], upright: bool) -> str:
        forward, backward = ("above", "below") if upright else ("left of", "right of")
        names = (nouns, forward) if self._pick(("forward", "backward")) == "forward" else (nouns[::-1], backward)
        beside = names[1] if upright else self._pick((names[1], f"to the {names[1]}"))
        return f" {self._word(beside)} ".join(names[0])
