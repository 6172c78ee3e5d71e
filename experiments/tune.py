"""The settings of a board's rows, chosen by the same number of trials for each row, on data that the board does not report.

\b
    python -m experiments tune mnist

The trials stand in experiments/tuning/NAME.yaml. Each trial trains one GAN on five sixths of the training split with a seed
that no board has, and its samples are scored against the last sixth. If the modes of the data are known, the samples are
scored against the truth, and nothing is held back. So neither the held-out split nor a seed of the board has a part in the
choice (Lucic et al. 2018, arXiv:1711.10337: a comparison needs equal budgets for the search). The command writes NAME.csv, a
line for each trial, and README.md. A trial that NAME.csv has is not repeated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
import yaml

from ganbench import Scorer, baseline, data
from ganbench.errors import counted
from ganbench.metrics import get
from ganbench.training import loop
from ganbench.training.sampling import Drawing, sample

FOLDER = Path("experiments/tuning")
HELD_BACK = 6  # one training sample in so many is scored against
BESIDE = "recall"  # shown beside the score that decides, unless the search names another number


def plans(folder: Path = FOLDER) -> list[str]:
    """The names of all searches."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def plan(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """A search: dataset, features, samples, seed, rank, a number beside it, and the trials of each row."""
    content: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def data_of(search: dict[str, Any], runs: Path) -> str:
    """The dataset that a search trains on and scores against."""
    if data.facts(search["dataset"]).mixture:
        return str(search["dataset"])
    return data.resolve(str(held_back(search["dataset"], runs)))


def held_back(dataset: str, runs: Path) -> Path:
    """A folder with the training split of a dataset, parted into `train.npz` and `test.npz`."""
    folder = runs / f"held-back-{dataset}"
    if not (folder / "test.npz").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        split = data.load(dataset, "train")
        cut = len(split.x) - len(split.x) // HELD_BACK
        for part, rows in (("train", slice(0, cut)), ("test", slice(cut, None))):
            np.savez(folder / f"{part}.npz", arr_0=split.x[rows], arr_1=split.y[rows])
    return folder


def attempt(search: dict[str, Any], row: str, trial: int, runs: Path) -> dict[str, Any]:
    """Train and score one trial of a row: a line of the table."""
    torch.set_num_threads(1)  # as in the pipeline
    wanted = search["rows"][row][trial]
    dataset, beside = data_of(search, runs), search.get("beside", BESIDE)
    folder = runs / f"{row}-{trial}"
    run = loop.train(
        baseline.resolve(wanted.get("baseline", row)), dataset, folder,
        seed=search["seed"], images=wanted["images"], overrides=wanted["set"], device="cpu",
    )  # fmt: skip
    scorer = Scorer.of(dataset, features=search["features"], metrics=[search["rank"], beside], device="cpu")
    metrics = scorer(sample(folder, Drawing(search["samples"], search["seed"]))).metrics if not run.diverged else {}
    scores = {name: metrics[name].value if name in metrics else None for name in (search["rank"], beside)}
    facts = {"images": run.seen, "CPU s": round(run.cpu_seconds), "diverged": run.diverged}
    return {"row": row, "trial": trial, **facts, **scores, "settings": json.dumps(wanted["set"])}


def trials(search: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """All trials of a search; each row's first trial goes first."""
    most = max(map(len, search["rows"].values()))
    return ((row, i) for i in range(most) for row, tried in search["rows"].items() if i < len(tried))


def best(table: pd.DataFrame, rank: str) -> pd.DataFrame:
    """The trial of each row with the best score."""
    sign = 1 if get(rank).card.better == "lower" else -1
    order = table.assign(key=(sign * table[rank]).fillna(np.inf)).sort_values(["row", "key", "trial"])
    return order.groupby("row", sort=True).head(1).drop(columns="key")


def page(folder: Path = FOLDER) -> str:
    """The page of all searches."""
    text = (
        "# How the settings of the boards were chosen\n\nThe trials trained on five "
        "sixths of the training split, and they were scored against\nthe last sixth, with a seed that no board has. The "
        "held-out split had no part in the choice. The best trial of a row is\nmarked. One "
        "seed per trial is little: neighbours may owe their order to chance.\n"
    )
    for name in plans(folder):
        search = plan(name, folder)
        if not (folder / f"{name}.csv").is_file():
            continue  # no trial was run yet
        table = pd.read_csv(folder / f"{name}.csv").sort_values(["row", "trial"])
        chosen = best(table, search["rank"]).index
        table.insert(2, "best", ["yes" if i in chosen else "" for i in table.index])
        table["diverged"] = table["diverged"].fillna("")
        tried = {row: len(settings) for row, settings in search["rows"].items()}
        planned, usual = sum(tried.values()), Counter(tried.values()).most_common(1)[0][0]
        more = "".join(f"; {row} had {number}" for row, number in tried.items() if number != usual)
        left = "" if len(table) == planned else f" {planned - len(table)} of {planned} trials were not run yet."
        text += (
            f"\n## {name}\n\n{search['about']} Each row had {counted(usual, 'trial')}{more}. "
            f"{search['samples']:,} samples, seed {search['seed']}.{left}\n\n"
            f"{table.to_markdown(index=False, floatfmt='.3g')}\n"
        )
    return text + "\n`python -m experiments tune NAME` wrote this page.\n"


def main(
    name: Annotated[str, typer.Argument(help="a file of experiments/tuning, without .yaml")],
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs/tuning"),
    jobs: Annotated[int, typer.Option(help="trials at a time")] = 2,
    folder: Annotated[Path, typer.Option(help="folder of the searches")] = FOLDER,
) -> None:
    """Run the trials that the table does not have yet, and write the table and the page."""
    search, path, runs = plan(name, folder), folder / f"{name}.csv", runs / name
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["row", "trial"])
    done = set(zip(table["row"], table["trial"], strict=True))
    data_of(search, runs)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(attempt, search, *which, runs) for which in trials(search) if which not in done]
        for count, future in enumerate(as_completed(waiting), 1):
            table = pd.concat([table, pd.DataFrame([future.result()])], ignore_index=True)
            table.astype({"images": int, "CPU s": int}).sort_values(["row", "trial"]).to_csv(path, index=False)
            print(f"{count}/{len(waiting)}: {future.result()}", flush=True)
    (folder / "README.md").write_text(page(folder), encoding="utf-8")
