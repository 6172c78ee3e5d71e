"""A published board: its folder in `results/`, its manifest, and the hashes of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from ganbench import files, paths
from ganbench.boards import leaderboard
from ganbench.boards.board import Board
from ganbench.errors import UserError, choose
from ganbench.training.provenance import sha256
from ganbench.training.run import PARTS

MANIFEST = "manifest.json"
CHANGED = "other bytes than those that were published"
OTHERS = "submissions"  # the folder of rows that others have sent; the hashes of a board leave it out
NUMBERS = (
    "value",
    "low",
    "high",
    "perfect",
    *PARTS,
    "second",
    *leaderboard.COST,
)  # of scores.csv; not all readers are exact


class Altered(UserError):
    """A published file has other bytes than those that were published."""


class Manifest(BaseModel):
    """What every manifest of a board has, beside further facts."""

    model_config = ConfigDict(extra="allow", strict=True)

    board: str
    grid: Board
    data: dict[str, str]  # dataset to version
    recipe: int = 0
    hashes: dict[str, str] | None = None  # of all published files; none in old manifests


class Published(NamedTuple):
    """A published board."""

    folder: Path
    manifest: dict[str, Any]
    board: Board

    @property
    def title(self) -> str:
        """The name of the board."""
        return str(self.manifest["board"])

    @property
    def data(self) -> dict[str, str]:
        """The version of each dataset."""
        versions: dict[str, str] = self.manifest["data"]
        return versions

    def scores(self) -> pd.DataFrame:
        """One line per run and column, as `leaderboard.collect` gives them."""
        texts = pd.read_csv(self.folder / "scores.csv", dtype=dict.fromkeys(NUMBERS, "object"))
        return texts.reindex(columns=leaderboard.COLUMNS).astype(dict.fromkeys(NUMBERS, float))


def names() -> tuple[str, ...]:
    """The names of the boards in `results/`."""
    return tuple(sorted(path.parent.name for path in paths.results().glob(f"*/{MANIFEST}")))


def read(where: str | Path) -> Published:
    """A published board, by its name or by its folder.

    Raises:
        Altered: the manifest has other bytes than those that were published.
        UserError: there is no such board, or its manifest is not what `publish` writes.
    """
    folder = _folder(where)
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{paths.shown(folder)} holds no published board (no {MANIFEST})")
    try:
        written = path.read_text(encoding="utf-8")
        manifest = json.loads(written)
    except (ValueError, RecursionError):
        manifest, written = None, ""
    whole = isinstance(manifest, dict) and files.is_sound(manifest)
    if not whole or (files.DIGEST in manifest and text(manifest) != written):
        raise Altered(f"{paths.shown(path)}: {CHANGED}")
    try:
        board = Manifest.model_validate(manifest).grid
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        raise UserError(f"{paths.shown(path)} is not the manifest of a board: {field}: {fault['msg']}") from None
    if missing := board.datasets.keys() - manifest["data"].keys():
        raise UserError(f"{paths.shown(path)} is not the manifest of a board: it has no version of {min(missing)}")
    return Published(folder, manifest, board)


def _folder(where: str | Path) -> Path:
    if isinstance(where, Path) or Path(where).is_dir() or "/" in where:
        return Path(where)
    return paths.results() / choose(where, names(), "published board")


def files_of(folder: Path) -> list[str]:
    """The files of a published board, without its manifest and without what others have sent."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST and not name.startswith(f"{OTHERS}/"))


def altered(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """The files of a published board that are not what was published: a line each. Without recorded hashes there are none."""
    hashes, shown = manifest.get("hashes"), paths.shown(folder)
    if hashes is None:
        return []
    present = set(files_of(folder))
    lines = {
        **dict.fromkeys(present - hashes.keys(), "was not published"),
        **dict.fromkeys(hashes.keys() - present, "is missing"),
        **{name: CHANGED for name in present & hashes.keys() if sha256(folder / name) != hashes[name]},
    }
    return [f"{shown / name}: {why}" for name, why in sorted(lines.items())]


def intact(folder: Path) -> Published:
    """A published board, all of its files as they were published.

    Raises:
        Altered: a file of it has other bytes.
    """
    board = read(folder)
    if wrong := altered(folder, board.manifest):
        raise Altered(f"{wrong[0]}; restore the published files first: git checkout {paths.shown(folder)}")
    return board


def rehash(folder: Path, changed: Iterable[str]) -> None:
    """Write into the manifest of a published board the hashes of files that were changed on purpose; no other hash changes."""
    manifest = read(folder).manifest
    if "hashes" not in manifest:
        return
    present, hashes = files_of(folder), dict(manifest["hashes"])
    for name in changed:
        hashes.pop(name, None)
        if name in present:
            hashes[name] = sha256(folder / name)
    rest = {name: fact for name, fact in manifest.items() if name != files.DIGEST}
    files.write(folder / MANIFEST, text(files.seal(rest | {"hashes": dict(sorted(hashes.items()))})))


def text(content: dict[str, Any]) -> str:
    """A record or a manifest as the text of its file."""
    return json.dumps(content, indent=1) + "\n"
