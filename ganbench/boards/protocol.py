"""The protocol of a published board: it scores new samples as the board has scored its own rows.

The board's own records are the authority: its grid and data are those of `manifest.json`, and the protocol of a seed is that of
the control `real`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import ValidationError

from ganbench import data, features, metrics, paths
from ganbench.boards import controls, leaderboard
from ganbench.boards.board import Board, Track
from ganbench.errors import UserError, choose
from ganbench.samples import SampleSet
from ganbench.scoring import Result, Scorer, embed, result
from ganbench.scoring.sources import open_set
from ganbench.training.run import PARTS

MANIFEST = "manifest.json"
NUMBERS = (
    "value",
    "low",
    "high",
    "perfect",
    *PARTS,
    "second",
    *leaderboard.COST,
)  # of scores.csv; not all readers are exact
COPIES = "memorisation"  # measured for every third-party row, whatever the columns of the board are


class Published(NamedTuple):
    """A published board."""

    folder: Path
    title: str
    board: Board
    data: dict[str, str]  # dataset to version

    def scores(self) -> pd.DataFrame:
        """One line per run and column, as `leaderboard.collect` gives them."""
        texts = pd.read_csv(self.folder / "scores.csv", dtype=dict.fromkeys(NUMBERS, "object"))
        return texts.reindex(columns=leaderboard.COLUMNS).astype(dict.fromkeys(NUMBERS, float))


def names() -> tuple[str, ...]:
    """The names of the boards in `results/`."""
    return tuple(sorted(path.parent.name for path in paths.results().glob(f"*/{MANIFEST}")))


def read(where: str) -> Published:
    """A published board, by its name or by its folder.

    Raises:
        UserError: there is no such board, or its manifest is not what `publish` writes.
    """
    folder = Path(where) if "/" in where else paths.results() / choose(where, names(), "published board")
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{where}: this folder has no {MANIFEST}, so it is not a published board")
    manifest = leaderboard.read_json(folder / MANIFEST)
    try:
        return Published(folder, manifest["board"], Board.model_validate(manifest["grid"]), manifest["data"])
    except (KeyError, ValidationError):
        raise UserError(
            f"{folder / MANIFEST}: another version of ganbench published this board; build the board again"
        ) from None


@dataclass(frozen=True)
class Protocol:
    """How a published board scores a dataset."""

    dataset: str
    track: Track
    extractor: str
    train: SampleSet  # with its features
    records: dict[int, Result]  # of the control `real`, by the board's seed

    @classmethod
    def of(cls, published: Published, dataset: str) -> Protocol:
        """Open the data of a board.

        Raises:
            UserError: the board has no such dataset, or this program has other data or other metrics than the board.
            Unreachable: data or weights are not on this machine.
        """
        track = published.board.datasets[choose(dataset, published.board.datasets, "dataset of this board")]
        pinned = data.version(dataset)
        if pinned != published.data[dataset]:
            raise UserError(
                f"board {published.title} has {dataset} {published.data[dataset]}, but this machine pins {pinned}; build the "
                "board again before it takes rows"
            )
        scores = published.scores()
        real = scores[(scores.dataset == dataset) & (scores.row == "real")].drop_duplicates("seed")
        records = {
            int(seed): result.read(published.folder / "runs" / f"{run}.json")
            for seed, run in zip(real.seed, real.run, strict=True)
        }
        for name in track.metric_names:
            version, today = (
                records[published.board.seeds[0]].metrics[name].version,
                metrics.get(name).card.version,
            )
            if version != today:
                raise UserError(
                    f"board {published.title} has version {version} of {name}, but this program has version {today}; build "
                    "the board again before it takes rows"
                )
        extractor = track.features or features.default(dataset)
        return cls(dataset, track, extractor, embed(open_set(f"{dataset}:train", "train"), extractor), records)

    def score(self, samples: SampleSet, seed: int) -> Result:
        """The scores of samples against the reference of a seed of the board, and their memorisation.

        Raises:
            UserError: samples that cannot be compared with the data.
        """
        x, y = controls.reference(self.dataset, self.track.samples, seed)
        reference = SampleSet(x, y, {"name": f"reference-{seed}", "dataset": self.dataset})
        wanted = dict.fromkeys((*self.track.metric_names, COPIES))
        return Scorer.of(reference, self.train, features=self.extractor, metrics=wanted, seed=seed)(samples)

    def own(self, scored: Result) -> Result:
        """A result with the board's metrics alone."""
        return scored.model_copy(update={"metrics": {name: scored.metrics[name] for name in self.track.metric_names}})
