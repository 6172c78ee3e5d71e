"""What a publication keeps of the publication before: the runs of the plan that `runs/` does not have.

A board can be larger than what one machine trains in a day. So its runs can come from several machines, one after another:
`publish` adds the runs of this machine to the published runs, if both have the same model of processor. Another model gives
other draws and other seconds. The name of a run has the hash of its data, its source, its settings, its budget and the
recipe. So a published run with the name of a planned run is this run. Its scores are kept only if they are what the plan
asks for: the extractor, the metrics and their versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ganbench import features, files, metrics, paths, samples
from ganbench.boards import controls, grid, posters
from ganbench.boards.grid import PlannedRun
from ganbench.boards.leaderboard import Recorded, read_json
from ganbench.boards.published import MANIFEST, intact, read
from ganbench.display import pictures
from ganbench.training.provenance import processor


def runs(name: str, there: Iterable[Recorded]) -> list[Recorded]:
    """The runs of a board: those that are `there`, and the published runs that are not, in the order of the plan.

    Raises:
        Altered: a file of the published board has other bytes than those that were published.
    """
    known = {run.run: run for run in there}
    folder = paths.results() / grid.title(name) / "runs"
    wanted = [run for run in grid.runs(name) if run.scored]
    published = [run for run in wanted if run.run not in known and (folder / f"{run.run}.json").is_file()]
    if published:
        intact(folder.parent)
    for run in published:
        recorded = Recorded(run.run, run.dataset, run.row, run.kind, run.seed, read_json(folder / f"{run.run}.json"))
        if answers(recorded, run) and processors(recorded) == {processor()}:
            known[run.run] = recorded
    return [known[run.run] for run in wanted if run.run in known]


def answers(recorded: Recorded, plan: PlannedRun) -> bool:
    """Whether the scores of a published run are what the plan asks for."""
    record = recorded.record
    asked = [("scores", plan.features, plan.metrics)]
    if plan.second is not None:
        asked.append(
            ("second", plan.second.features, {plan.second.metric: metrics.get(plan.second.metric).card.version})
        )
    return all(
        part in record
        and record[part]["protocol"]["features"]["id"] == features.describe(extractor)["id"]
        and versions == {name: record[part]["metrics"].get(name, {}).get("version") for name in versions}
        for part, extractor, versions in asked
    )


def processors(recorded: Recorded) -> set[str]:
    """The models of processor that trained a run and drew its samples."""
    manifest = recorded.record["samples"]
    parts = (manifest.get("provenance"), manifest.get("run"))
    return {part.get("processor", "unknown") for part in parts if part is not None}


def paint(name: str, recorded: Sequence[Recorded], out: Path) -> None:
    """Write the poster of each dataset of a board into the folder `out`.

    The first run of each row has a panel: from its samples, or from the published poster if the samples are not here.
    """
    old = paths.results() / grid.title(name)
    here = {run.run: run for run in grid.runs(name)}
    for dataset, track in grid.board(name).datasets.items():
        firsts: dict[str, Recorded] = {}
        for run in sorted(recorded, key=lambda run: run.seed):
            if run.dataset == dataset:
                firsts.setdefault(run.row, run)
        order = [row for row in (*track.rows, *controls.ORDER) if row in firsts]
        sets = {row: paths.runs() / firsts[row].run / f"samples-{here[firsts[row].run].n}.npz" for row in order}
        panels = published_panels(old, dataset) | painted({row: path for row, path in sets.items() if path.is_file()})
        with files.replacing(out / f"samples-{dataset}.png") as file:
            posters.join([panels[row] for row in order if row in panels]).save(file, "PNG")


def published_panels(folder: Path, dataset: str) -> dict[str, Image.Image]:
    """The panels of a published poster, by row; none without one."""
    poster = folder / f"samples-{dataset}.png"
    if not ((folder / MANIFEST).is_file() and poster.is_file()):
        return {}
    board = read(folder)
    scores = board.scores()
    there = set(scores[(scores.dataset == dataset) & scores.run.notna()].row)
    track = board.board.datasets[dataset]
    return posters.panels(poster, [row for row in (*track.rows, *controls.ORDER) if row in there])


def painted(sets: dict[str, Path]) -> dict[str, Image.Image]:
    """Panels of sample sets, by row."""
    if not sets:
        return {}
    with TemporaryDirectory(prefix="ganbench-") as scratch:
        poster = Path(scratch) / "samples.png"
        pictures.overview({row: samples.read(path) for row, path in sets.items()}, poster)
        return posters.panels(poster, list(sets))
