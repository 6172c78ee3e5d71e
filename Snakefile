"""The pipeline: data -> train -> sample -> embed -> score -> leaderboard.

  snakemake --cores 8 leaderboard                     the board `quick`
  snakemake --cores 8 leaderboard --config board=NAME  another one: baselines/boards/NAME.yaml

Everything goes to runs/, which git ignores; `ganbench publish BOARD` copies a finished board to results/. A run's name holds
the hash of its settings, of its baseline's source and of its dataset (from dvc.lock), so a change of one of them is a new
run, and nothing else is.
"""

import json
import os
import shlex
import sys

from ganbench import data, features
from ganbench.boards import grid
from ganbench.errors import UserError

# A job is one process with one thread. Where --cores promises more than the machine has, each takes its share of the
# promise, so that no more run at once than there are cores: two at a time are faster than eight that evict each other.
ONE_THREAD = "OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"
GANBENCH = f"{ONE_THREAD} {shlex.quote(sys.executable)} -m ganbench"
SHARE = max(1, workflow.cores // (os.cpu_count() or 1))
BOARD = config.get("board", "quick")
try:
    RUNS = grid.runs(BOARD)
except UserError as error:
    sys.exit(f"ganbench: {error}")
TRACKS = grid.board(BOARD).datasets
SCORED = RUNS[RUNS.kind.isin(["baseline", "control"])]
TRAINED = "|".join(RUNS[RUNS.kind == "baseline"].run)
DRAWN = "|".join(RUNS[RUNS.kind.isin(["control", "reference"])].run)


def run(wildcards):
    """The line of the grid that a job belongs to."""
    return RUNS.loc[wildcards.run]


def embedding(name):
    return f"runs/{name}/embedding-{RUNS.n[name]}-{RUNS.features[name]}.npz"


wildcard_constraints:
    run="[^/]+",
    n=r"\d+",


localrules:
    leaderboard,
    data,


rule leaderboard:
    input:
        expand("runs/{run}/scores-{board}.json", run=SCORED.run, board=BOARD),
        expand("runs/boards/{board}/samples-{dataset}.png", board=BOARD, dataset=TRACKS),
    output:
        multiext(f"runs/boards/{BOARD}/", "leaderboard.csv", "leaderboard.parquet", "leaderboard.md", "scores.csv"),
    log:
        f"runs/logs/leaderboard-{BOARD}.log",
    threads: SHARE
    params:
        grid=grid.board(BOARD).model_dump_json(),
    shell:
        "{GANBENCH} leaderboard {BOARD} > {log} 2>&1"


onsuccess:
    # Who asks for one file of a run, and not for the board, may not have a whole board to print.
    if all(map(os.path.exists, rules.leaderboard.input)):
        shell("{GANBENCH} leaderboard {BOARD}")


rule data:
    """The only rule that runs DVC: the version of a dataset that dvc.lock pins."""
    output:
        "runs/data/{dataset}.version",
    log:
        "runs/logs/data-{dataset}.log",
    threads: SHARE
    resources:
        dvc=1,
    params:
        version=lambda wildcards: data.version(wildcards.dataset),
    shell:
        "{GANBENCH} data obtain {wildcards.dataset} --version-file {output} 2> {log}"


def version_file(wildcards):
    return f"runs/data/{run(wildcards).dataset}.version"


rule train:
    """runs/RUN/state and history.jsonl are no outputs: Snakemake deletes those of a job that failed, and a run resumes."""
    input:
        version=version_file,
        baseline=lambda wildcards: run(wildcards).path,
    output:
        run="runs/{run}/run.json",
        model="runs/{run}/model.safetensors",
    log:
        "runs/logs/{run}-train.log",
    benchmark:
        "runs/{run}/train.benchmark.tsv"
    wildcard_constraints:
        run=TRAINED,
    threads: SHARE
    resources:
        mem_mb=1500,
    params:
        dataset=lambda wildcards: run(wildcards).dataset,
        seed=lambda wildcards: run(wildcards).seed,
        images=lambda wildcards: int(run(wildcards).images),
        settings=lambda wildcards: " ".join(
            f"--set '{k}={json.dumps(v)}'" for k, v in json.loads(run(wildcards)["set"]).items()
        ),
    shell:
        "{GANBENCH} train {input.baseline} --dataset {params.dataset} --seed {params.seed} "
        "--images {params.images} {params.settings} --out runs/{wildcards.run} 2> {log}"


rule sample:
    input:
        "runs/{run}/run.json",
        "runs/{run}/model.safetensors",
    output:
        samples="runs/{run}/samples-{n}.npz",
        manifest="runs/{run}/samples-{n}.json",
    log:
        "runs/logs/{run}-sample-{n}.log",
    wildcard_constraints:
        run=TRAINED,
    threads: SHARE
    params:
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} sample runs/{wildcards.run} --n {wildcards.n} --seed {params.seed} --out {output.samples} 2> {log}"


rule control:
    """Real, copied and noise samples, and the half of the held-out split that a seed's rows are scored against."""
    input:
        version=version_file,
    output:
        samples="runs/{run}/samples-{n}.npz",
        manifest="runs/{run}/samples-{n}.json",
    log:
        "runs/logs/{run}-sample-{n}.log",
    wildcard_constraints:
        run=DRAWN,
    threads: SHARE
    params:
        kind=lambda wildcards: run(wildcards).row,
        dataset=lambda wildcards: run(wildcards).dataset,
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} control {params.kind} --dataset {params.dataset} --n {wildcards.n} --seed {params.seed} "
        "--out {output.samples} 2> {log}"


def samples_of(wildcards):
    """What is embedded: a sample set, or the training split itself."""
    if run(wildcards).kind == "train":
        return version_file(wildcards)
    return f"runs/{wildcards.run}/samples-{wildcards.n}.npz"


rule embed:
    input:
        samples_of,
    output:
        embedding="runs/{run}/embedding-{n}-{features}.npz",
        manifest="runs/{run}/embedding-{n}-{features}.json",
    log:
        "runs/logs/{run}-embed-{n}-{features}.log",
    threads: SHARE
    params:
        samples=lambda wildcards, input: (
            f"{run(wildcards).dataset}:train" if run(wildcards).kind == "train" else input[0]
        ),
        extractor=lambda wildcards: json.dumps(features.describe(wildcards.features)),
        disturbed=lambda wildcards: "--disturbed" if run(wildcards).kind == "reference" else "",
    shell:
        "{GANBENCH} embed {params.samples} --features {wildcards.features} {params.disturbed} --out {output.embedding} "
        "2> {log}"


rule score:
    input:
        samples=lambda wildcards: embedding(wildcards.run),
        reference=lambda wildcards: embedding(run(wildcards).reference),
        train=lambda wildcards: embedding(run(wildcards).train),
    output:
        f"runs/{{run}}/scores-{BOARD}.json",
    log:
        "runs/logs/{run}-score.log",
    threads: SHARE
    params:
        features=lambda wildcards: run(wildcards).features,
        metrics=lambda wildcards: ",".join(json.loads(run(wildcards).metrics)),
        versions=lambda wildcards: run(wildcards).metrics,
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} score {input.samples} --reference {input.reference} --train {input.train} "
        "--features {params.features} --metrics {params.metrics} --seed {params.seed} --json {output} > {log} 2>&1"


def shown(dataset):
    """The sample sets of the first seed, by row: the baselines in the grid's order, then the controls."""
    first = SCORED[(SCORED.dataset == dataset) & (SCORED.seed == SCORED.seed.min())]
    return first.sort_values("kind", kind="stable")


rule overview:
    input:
        lambda wildcards: [f"runs/{r.run}/samples-{r.n}.npz" for r in shown(wildcards.dataset).itertuples()],
    output:
        f"runs/boards/{BOARD}/samples-{{dataset}}.png",
    log:
        "runs/logs/overview-{dataset}.log",
    threads: SHARE
    params:
        sets=lambda wildcards: " ".join(
            f"{r.row}=runs/{r.run}/samples-{r.n}.npz" for r in shown(wildcards.dataset).itertuples()
        ),
    shell:
        "{GANBENCH} overview {params.sets} --out {output} 2> {log}"
