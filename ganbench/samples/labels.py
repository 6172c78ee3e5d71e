"""The classes of images: from the names of folders, or from the list of a dataset tool. Folders of several sets are refused."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from ganbench import files
from ganbench.errors import UserError
from ganbench.samples import preflight

LISTING = "dataset.json"
NUMBER = re.compile("(?:(?:class|cls|label|category|digit|y)[-_ ]?)?([0-9]{1,9})", re.IGNORECASE)  # a class by number
PART = re.compile(  # a part of a set
    "(?:batch|chunk|epoch|fold|gpu|iter|node|part|process|rank|run|seed|shard|split|step|sub|subset|worker)s?[-_ ]?[0-9]+",
    re.IGNORECASE,
)
ROLES = {  # words in the names of folders and files that stand for whole sets
    "train": "train", "training": "train", "trn": "train", "test": "test", "testing": "test", "tst": "test",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "eval": "val", "heldout": "test", "holdout": "test",
    "unlabeled": "unlabelled", "unlabelled": "unlabelled",
    "real": "real", "reals": "real", "reference": "real", "references": "real", "ref": "real", "original": "real",
    "originals": "real", "orig": "real", "gt": "real", "truth": "real", "target": "real", "targets": "real",
    "fake": "fake", "fakes": "fake", "generated": "fake", "gen": "fake", "samples": "fake", "sampled": "fake",
    "synthetic": "fake", "synthesized": "fake", "synthesised": "fake", "syn": "fake", "synth": "fake",
    "reconstruction": "fake", "reconstructions": "fake", "recon": "fake", "rec": "fake", "output": "fake", "outputs": "fake",
    "pred": "fake", "preds": "fake", "predicted": "fake", "prediction": "fake", "predictions": "fake", "edited": "fake",
    "input": "input", "inputs": "input", "source": "input", "sources": "input",
}  # fmt: skip
PLAIN_WORDS = {
    "a", "b", "data", "dataset", "ema", "ground", "image", "images", "img", "imgs", "jpg", "png", "samples", "set", "split",
    "x", "y",
}  # fmt: skip
WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LONE = re.compile(
    f"(?<![A-Za-z0-9])({'|'.join(ROLES)})(?:[-_ ]?[AB])?(?![A-Za-z])", re.IGNORECASE
)  # in the name of a file


class Labels(NamedTuple):
    """The classes of images."""

    y: np.ndarray | None = None  # int64 [n]; None without classes
    meaning: str = ""  # in words
    names: Mapping[str, str] = {}  # of the classes, by their numbers as text, where a name is not its number
    notes: tuple[str, ...] = ()  # why folders or files were not taken for classes


def require_one_set(where: object, names: Iterable[str]) -> None:
    """Refuse folders, or files of one folder, that stand for several sets, such as train beside test, or real beside fake.

    Raises:
        UserError: two folders in one folder have such names, or all files of a folder do.
    """
    inside: dict[str, set[str]] = {}
    files: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        files.setdefault(folder, []).append(file)
    for path in files:
        parts = PurePosixPath(path).parts
        for depth, folder in enumerate(parts):
            inside.setdefault("/".join(parts[:depth]), set()).add(folder)
    for folders_here in inside.values():
        if apart := _apart(folders_here):
            raise UserError(
                f"{where}: it holds several sets, in the folders {' and '.join(apart)}; give one of these folders"
            )
    for files_here in files.values():
        roles: dict[str | None, str] = {}
        for file in files_here:
            lone = LONE.findall(PurePosixPath(file).stem)
            roles.setdefault(ROLES[lone[0].lower()] if len(lone) == 1 else None, file)
            if None in roles:
                break
        if len(roles) > 1 and None not in roles:
            listed = " and ".join(sorted(roles.values()))
            raise UserError(f"{where}: it holds several sets, such as {listed}; move each set into its own folder")


def _apart(folders: Iterable[str]) -> list[str]:
    """Folders, side by side, that stand for several sets; empty where there are none.

    Their names differ in the word for the set alone: one has "train" where the other has "test", or "trainA" "trainB".
    Numbers do not count, because they cut one set into parts.

    >>> _apart(["cifar10-train", "cifar10-test"]), _apart(["trainA", "trainB"]), _apart(["bullet train", "test tube"])
    (['cifar10-test', 'cifar10-train'], ['trainA', 'trainB'], [])
    >>> _apart(["samples_0", "samples_1"])
    []
    """
    sets: dict[
        tuple[str, ...], dict[tuple[str, ...], str]
    ] = {}  # by the other words: names without numbers, and folders
    for folder in sorted(folders):
        words = [word.lower() for word in WORD.findall(folder)]
        roles = [word for word in words if word in ROLES and word not in PLAIN_WORDS] or words[:1]
        if roles and roles[0] in ROLES:
            others = tuple(word for word in words if word != roles[0] and word not in PLAIN_WORDS)
            sets.setdefault(others, {}).setdefault(tuple(words), folder)
    return next((list(named.values()) for named in sets.values() if len(named) > 1), [])


def classes(names: list[str]) -> Labels:
    """The classes that folders stand for. Each image must be in one of two or more first-level folders.

    If the names of the folders are whole numbers, also after a word such as "class", these are the classes. Other folders
    are numbered in the order of their names, and the names are kept, because classes are compared by name. Folders that only
    cut a set into parts are no classes.
    """
    paths = [PurePosixPath(name).parts for name in names]
    folders = sorted({parts[0] for parts in paths}, key=os.fsencode)
    if len(folders) == 1 and all(len(parts) > 2 for parts in paths):
        inside = len({parts[1] for parts in paths})
        lone = f"no labels: all images lie in the one folder {folders[0]}"
        why = f"{lone}; if its {inside:,} folders are classes, give this folder"
        return Labels(notes=(why,) if inside > 1 else ())
    if len(folders) < 2 or any(len(parts) < 2 for parts in paths):
        return Labels()
    listed = preflight.several(folders, len(folders))
    run_on = _run_on(folders, paths)
    padded = folders[0][0] == "0" and all(len(folder) > 1 for folder in folders)
    if all(PART.fullmatch(folder) for folder in folders) or (run_on and padded):
        why = f"no labels: the folders ({listed}) are parts of the set, and not classes"
        return Labels(notes=(f"{why}; folders of classes have names such as class_0",))
    unsure = (
        f"the numbers of the files run on through the folders ({listed}), which were read as classes; if the folders only cut "
        "the set into parts, move all images into one folder"
    )
    matches = [NUMBER.fullmatch(folder) for folder in folders]
    numbers = [int(match[1]) for match in matches if match]
    whole = len(set(numbers)) == len(folders)
    number = dict(zip(folders, numbers if whole else range(len(folders)), strict=True))
    folders.sort(key=number.__getitem__)
    y = np.array([number[parts[0]] for parts in paths], np.int64)
    named = [f"{folder} = {number[folder]}" if folder != str(number[folder]) else folder for folder in folders]
    meaning = f"{len(folders):,} class folders, {preflight.several(named, len(named))}"
    of_number = {} if whole else {str(number[folder]): folder for folder in folders}
    return Labels(y, meaning, of_number, (unsure,) if run_on else ())


def _run_on(folders: list[str], paths: list[tuple[str, ...]]) -> bool:
    """Whether folders are numbers and the numbers of the files run on through them.

    The dataset tool of StyleGAN writes 00000/img00000000.png to 00000/img00000999.png, then 00001/img00001000.png. Samples
    that were drawn class by class can look like this too.
    """
    if not all(folder.isdecimal() for folder in folders):
        return False
    numbers = [re.findall("[0-9]+", PurePosixPath(parts[-1]).stem)[-1:] for parts in paths]
    if not all(numbers):
        return False
    order = sorted((int(number), int(parts[0])) for (number,), parts in zip(numbers, paths, strict=True))
    return all(a < b and first <= second for (a, first), (b, second) in pairwise(order))


def listed_labels(where: object, names: list[str], others: list[str], read: Callable[[str], bytes]) -> Labels | None:
    """The classes that a `dataset.json` lists, as the dataset tool of StyleGAN and EDM writes it; None without this file.

    Args:
        where: the folder or the archive, for messages.
        names: the images.
        others: the other files.
        read: gives the content of a file.

    Raises:
        UserError: the file lists classes, but not of every image.
    """
    listing = min((o for o in others if PurePosixPath(o).name == LISTING), key=len, default=None)
    if listing is None:
        return None
    try:
        content = files.parse(read(listing))
        given = content["labels"]
        labels = dict(given) if given else {}
    except (ValueError, TypeError, KeyError):
        return None  # another file of this name
    if not labels:
        return Labels(notes=(f"no labels: {listing} has none",))
    prefix = listing.removesuffix(LISTING)
    ordered = [labels.get(name.removeprefix(prefix)) for name in names]
    if any(isinstance(label, list) for label in ordered):
        return Labels(notes=(f"no labels: those in {listing} are vectors, and no classes",))
    for name, label in zip(names, ordered, strict=True):
        if not isinstance(label, int) or isinstance(label, bool) or not -1 <= label < 2**63:
            given = "no class" if label is None else f"{json.dumps(label)}, and not a whole number,"
            raise UserError(
                f"{where}: {listing} has {given} for {name}; give each image a class by its number, or no image"
            )
    return Labels(np.array(ordered, np.int64), listing)
