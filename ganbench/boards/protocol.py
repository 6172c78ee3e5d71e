"""The protocol of a published board: it scores new samples as the board has scored its own rows.

The board's own records are the authority: its grid and data are those of `manifest.json`, and the protocol of a seed is that of
the control `real`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import data, features, metrics
from ganbench.boards import controls
from ganbench.boards.board import Track
from ganbench.boards.published import Published
from ganbench.errors import UserError, choose
from ganbench.samples import SampleSet
from ganbench.scoring import Result, Scorer, embed, result
from ganbench.scoring.sources import open_set

COPIES = "memorisation"  # measured for every third-party row, whatever the columns of the board are


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
        scorer = Scorer.of(reference, self.train, features=self.extractor, metrics=wanted, seed=seed, device="cpu")
        return scorer(samples)

    def own(self, scored: Result) -> Result:
        """A result with the board's metrics alone."""
        return scored.model_copy(update={"metrics": {name: scored.metrics[name] for name in self.track.metric_names}})
