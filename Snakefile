"""The pipeline: data -> train -> sample -> embed -> score -> leaderboard.

  ganbench run quick                                  the board `quick`, with a line of progress per stage
  snakemake --cores 8 leaderboard                     the same, with the log of the scheduler
  snakemake --cores 8 leaderboard --config board=NAME  another one: baselines/boards/NAME.yaml, or any FILE.yaml
  snakemake --cores 8 rows --config rows=gan,wgan      only these rows
  ganbench run quick --profile slurm                   the jobs run on a cluster: docs/clusters.md

Everything goes to runs/, which git ignores; `ganbench publish BOARD` copies a finished board to results/. A run's name holds
the hash of its settings, of its baseline's source and of its dataset (from dvc.lock), so a change of one of them is a new
run, and nothing else is.
"""

import atexit
import functools
import json
import os
import re
import shlex
import sys
from pathlib import Path

from ganbench import code, data, features, metrics, paths
from ganbench.boards import costs, damage, grid
from ganbench.cli import client, worker
from ganbench.errors import UserError
from ganbench.training.run import TRUSTED

# A job is one process with one thread, so it asks for one core of this machine, or for one CPU of a cluster.
ONE_THREAD = "OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"
# Its process is forked from the worker, which has imported torch; without a worker it is `python -m ganbench`.
GANBENCH = f"{ONE_THREAD} {shlex.quote(sys.executable)} -I -S {shlex.quote(client.__file__)}"
WORKER = worker.Worker()
PLANS = {"-n", "-np", "--dry-run", "--dryrun"}
CLUSTER = workflow.nodes is not None or not workflow.is_main_process  # a job of a cluster reads this file again
CORES = workflow.resource_settings.cores  # None without --cores
if CLUSTER:
    workflow.global_resources["_cores"] = 1  # so the jobs of a group run one after the other
else:
    # Two jobs at a time are faster than eight that evict each other.
    workflow.global_resources["_cores"] = CORES and min(CORES, os.cpu_count() or 1)
    os.environ[client.DEVICES] = ",".join(client.devices(os.environ))  # for the jobs
    if "gpu" not in workflow.global_resources:  # --resources gpu=N sets another limit
        workflow.global_resources["gpu"] = max(1, len(client.devices(os.environ)))
try:
    BOARD = grid.named(config) if CLUSTER and not workflow.is_main_process else grid.check_config(config)
    RUNS = {run.run: run for run in grid.runs(BOARD)}
    CHOSEN = grid.select(RUNS.values(), config.get("rows"))
    grid.check_targets(BOARD, RUNS, sys.argv[1:])
    # A plan deletes nothing. A job of a cluster reads this file too, while other jobs write.
    if workflow.is_main_process and not PLANS.intersection(sys.argv):
        for line in damage.mend(RUNS, grid.title(BOARD)):
            print(f"ganbench: {line}", file=sys.stderr)
except UserError as error:
    sys.exit(f"ganbench: {error}")
TITLE = grid.title(BOARD)
TRACKS = grid.board(BOARD).datasets
# A board names the files of its rows, so their code may run when their runs are sampled.
SOURCES = {paths.definitions() / run.path for run in RUNS.values() if run.path}
os.environ[TRUSTED] = ",".join(sorted(map(code.source_hash, SOURCES)))
SCORED = [run for run in RUNS.values() if run.scored]


def pattern(*kinds):
    """A regular expression of the names of runs that are not trained; it stays short on a board of a thousand runs."""
    rows = {run.row for run in RUNS.values() if run.kind in kinds}
    return rf"(?:{'|'.join(map(re.escape, sorted(rows)))})-(?:{'|'.join(map(re.escape, TRACKS))})-[0-9a-f]+-s\d+"


UNTRAINED = pattern("control", "reference", "train")
TRAINED = rf"(?!{UNTRAINED}/)[^/]+"  # all other names


def run(wildcards):
    """The planned run that a job belongs to."""
    return RUNS[wildcards.run]


def embedding(name):
    return f"runs/{name}/embedding-{RUNS[name].n}-{RUNS[name].features}.npz"


def samples(name):
    return f"runs/{name}/samples-{RUNS[name].n}.npz"


@functools.cache
def earlier():
    """The records of earlier trainings: they say how long a training may take."""
    return costs.records()


def minutes(rule):
    """The time limit of a rule's jobs on a cluster; a job that is tried again gets more."""
    if not CLUSTER:
        return costs.UNKNOWN
    return lambda wildcards, attempt: attempt * costs.minutes(rule, run(wildcards), earlier())


def megabytes(rule):
    """The memory of a rule's jobs, where memory is limited; a job that is tried again gets more."""
    if not CLUSTER and not {"mem", "mem_mb", "mem_mib"}.intersection(workflow.global_resources):
        return costs.START
    return lambda wildcards, attempt: attempt * costs.megabytes(rule, run(wildcards))


# Without a track that asks for a GPU, no job names this resource.
GPU = {"gpu": lambda wildcards: int(run(wildcards).gpu)} if any(run.gpu for run in RUNS.values()) else {}


def together(wildcards):
    """What a cluster runs as one job: all that belongs to a trained run, or the controls and the reference of a seed."""
    planned = run(wildcards)
    if planned.kind == "baseline":
        return planned.run
    return f"controls-{planned.dataset}-s{planned.seed}" if planned.kind != "train" else f"train-{planned.dataset}"


def alone_on_gpu(wildcards):
    """A training on a GPU is a job of its own, so that the GPU is free while the CPU scores."""
    return f"{wildcards.run}-train" if run(wildcards).gpu else together(wildcards)


def source(wildcards):
    """A baseline's file, relative to the current folder where it lies in it."""
    path = paths.definitions() / run(wildcards).path
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


wildcard_constraints:
    run="[^/]+",
    n=r"\d+",


if not workflow.is_main_process and not any("jobstep" in argument for argument in sys.argv):
    # The node of a cluster runs the jobs of a group here. The first Snakemake on the node (jobstep) only starts this one.
    WORKER.start()
    atexit.register(WORKER.stop)


localrules:
    leaderboard,
    rows,
    data,


rule leaderboard:
    input:
        expand("runs/{run}/scores-{board}.json", run=[run.run for run in SCORED], board=TITLE),
        expand("runs/{run}/curve-{board}.json", run=[run.run for run in SCORED if run.kind == "baseline"], board=TITLE),
        expand("runs/{run}/second-{board}.json", run=[run.run for run in SCORED if run.second], board=TITLE),
        expand("runs/boards/{board}/samples-{dataset}.png", board=TITLE, dataset=TRACKS),
    output:
        multiext(f"runs/boards/{TITLE}/", "leaderboard.csv", "leaderboard.parquet", "leaderboard.md", "scores.csv"),
    log:
        f"runs/logs/leaderboard-{TITLE}.log",
    params:
        grid=grid.board(BOARD).model_dump_json(),
    shell:
        "{GANBENCH} leaderboard {BOARD:q} > {log:q} 2>&1"


rule rows:
    """All scores of the rows that --config rows=ROW,ROW names, and no table: a table needs all rows."""
    input:
        expand("runs/{run}/scores-{board}.json", run=[run.run for run in CHOSEN], board=TITLE),
        expand("runs/{run}/curve-{board}.json", run=[run.run for run in CHOSEN if run.kind == "baseline"], board=TITLE),
        expand("runs/{run}/second-{board}.json", run=[run.run for run in CHOSEN if run.second], board=TITLE),


onstart:
    if not CLUSTER:
        WORKER.start()
        # To keep a limit of 100 jobs a second, Snakemake 9 looks for new jobs once a second for every job that it ever
        # started: after a few hundred jobs that takes a tenth of a core, after a few thousand a whole one. This limit is
        # not needed.
        workflow.scheduler.job_rate_limiter = None


onerror:
    WORKER.stop()


onsuccess:
    # Who asks for one file of a run, and not for the board, may not have a whole board to print. `ganbench run` prints it.
    if "GANBENCH_EVENTS" not in os.environ and all(map(os.path.exists, rules.leaderboard.input)):
        shell("{GANBENCH} leaderboard {BOARD:q}")
    WORKER.stop()


rule data:
    """The only rule that runs DVC: the version of a dataset that dvc.lock pins."""
    output:
        "runs/data/{dataset}.version",
    log:
        "runs/logs/data-{dataset}.log",
    resources:
        dvc=1,
    params:
        version=lambda wildcards: data.version(wildcards.dataset),
    shell:
        "{GANBENCH} data obtain {wildcards.dataset:q} --version-file {output:q} 2> {log:q}"


def version_file(wildcards):
    return f"runs/data/{run(wildcards).dataset}.version"


rule train:
    """runs/RUN/state and history.jsonl are no outputs: Snakemake deletes those of a job that failed, and a run resumes."""
    input:
        version=version_file,
        baseline=ancient(source),  # its code is in the name of the run, and a comment changes no run
    output:
        run="runs/{run}/run.json",
        model="runs/{run}/model.safetensors",
    log:
        "runs/logs/{run}-train.log",
    wildcard_constraints:
        run=TRAINED,
    priority: 1  # the small jobs then fill the gaps that the last trainings leave
    group:
        alone_on_gpu if CLUSTER else None
    resources:
        **GPU,
        mem_mb=megabytes("train"),
        runtime=minutes("train"),
    params:
        dataset=lambda wildcards: run(wildcards).dataset,
        seed=lambda wildcards: run(wildcards).seed,
        images=lambda wildcards: run(wildcards).images,
        settings=lambda wildcards: [
            *(f"--set={k}={json.dumps(v)}" for k, v in run(wildcards).settings.items()),
            *([client.ON_GPU] if run(wildcards).gpu else []),
        ],
    shell:
        "{GANBENCH} train {input.baseline:q} --dataset {params.dataset:q} --seed {params.seed} "
        "--images {params.images} {params.settings:q} --out runs/{wildcards.run:q} 2> {log:q}"


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
    group:
        together if CLUSTER else None
    resources:
        mem_mb=megabytes("sample"),
        runtime=minutes("sample"),
    params:
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} sample runs/{wildcards.run:q} --n {wildcards.n} --seed {params.seed} --out {output.samples:q} 2> {log:q}"


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
        run=pattern("control", "reference"),
    group:
        together if CLUSTER else None
    resources:
        mem_mb=megabytes("control"),
        runtime=minutes("control"),
    params:
        kind=lambda wildcards: run(wildcards).row,
        dataset=lambda wildcards: run(wildcards).dataset,
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} control {params.kind} --dataset {params.dataset:q} --n {wildcards.n} --seed {params.seed} "
        "--out {output.samples:q} 2> {log:q}"


def samples_of(wildcards):
    """What is embedded: a sample set, or the training split itself."""
    if run(wildcards).kind == "train":
        return version_file(wildcards)
    return f"runs/{wildcards.run}/samples-{wildcards.n}.npz"


def extractor(name):
    """What features depend on beside the samples: the extractor, its weights and its code."""
    return json.dumps(features.describe(name) | features.edited(name))


def rank_version(wildcards):
    """The version of the metric in the ranking column."""
    return run(wildcards).metrics[TRACKS[run(wildcards).dataset].rank.partition(".")[0]]


rule embed:
    input:
        samples_of,
    output:
        embedding="runs/{run}/embedding-{n}-{features}.npz",
        manifest="runs/{run}/embedding-{n}-{features}.json",
    log:
        "runs/logs/{run}-embed-{n}-{features}.log",
    group:
        together if CLUSTER else None
    resources:
        mem_mb=megabytes("embed"),
        runtime=minutes("embed"),
    params:
        samples=lambda wildcards, input: (
            f"{run(wildcards).dataset}:train" if run(wildcards).kind == "train" else input[0]
        ),
        extractor=lambda wildcards: extractor(wildcards.features),
        disturbed=lambda wildcards: "--disturbed" if run(wildcards).kind == "reference" else "",
    shell:
        "{GANBENCH} embed {params.samples:q} --features {wildcards.features:q} {params.disturbed} "
        "--out {output.embedding:q} 2> {log:q}"


rule score:
    input:
        samples=lambda wildcards: embedding(wildcards.run),
        reference=lambda wildcards: embedding(run(wildcards).reference),
        train=lambda wildcards: embedding(run(wildcards).train),
    output:
        f"runs/{{run}}/scores-{TITLE}.json",
    log:
        "runs/logs/{run}-score.log",
    group:
        together if CLUSTER else None
    resources:
        mem_mb=megabytes("score"),
        runtime=minutes("score"),
    params:
        features=lambda wildcards: run(wildcards).features,
        metrics=lambda wildcards: ",".join(run(wildcards).metrics),
        versions=lambda wildcards: json.dumps(run(wildcards).metrics),
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} score {input.samples:q} --reference {input.reference:q} --train {input.train:q} "
        "--features {params.features:q} --metrics {params.metrics:q} --seed {params.seed} --json {output:q} > {log:q} 2>&1"


rule second:
    """The score by the second ruler: the ranking column by another extractor, or for points another distance."""
    input:
        samples=lambda wildcards: samples(wildcards.run),
        reference=lambda wildcards: samples(run(wildcards).reference),
    output:
        f"runs/{{run}}/second-{TITLE}.json",
    log:
        "runs/logs/{run}-second.log",
    group:
        together if CLUSTER else None
    resources:
        mem_mb=megabytes("second"),
        runtime=minutes("second"),
    params:
        features=lambda wildcards: run(wildcards).second.features,
        metric=lambda wildcards: run(wildcards).second.metric,
        extractor=lambda wildcards: extractor(run(wildcards).second.features),
        version=lambda wildcards: metrics.get(run(wildcards).second.metric).card.version,
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} score {input.samples:q} --reference {input.reference:q} --features {params.features:q} "
        "--metrics {params.metric:q} --seed {params.seed} --json {output:q} > {log:q} 2>&1"


rule curve:
    """The score of a baseline's run after a quarter and after half of its budget, in the ranking column."""
    input:
        "runs/{run}/run.json",
        "runs/{run}/model.safetensors",
        reference=lambda wildcards: embedding(run(wildcards).reference),
    output:
        f"runs/{{run}}/curve-{TITLE}.json",
    log:
        "runs/logs/{run}-curve.log",
    wildcard_constraints:
        run=TRAINED,
    group:
        together if CLUSTER else None
    resources:
        mem_mb=megabytes("curve"),
        runtime=minutes("curve"),
    params:
        features=lambda wildcards: run(wildcards).features,
        column=lambda wildcards: TRACKS[run(wildcards).dataset].rank,
        extractor=lambda wildcards: extractor(run(wildcards).features),
        version=rank_version,
        n=lambda wildcards: run(wildcards).n,
        seed=lambda wildcards: run(wildcards).seed,
    shell:
        "{GANBENCH} curve runs/{wildcards.run:q} --reference {input.reference:q} --features {params.features:q} "
        "--metric {params.column:q} --n {params.n} --seed {params.seed} --out {output:q} 2> {log:q}"


def shown(dataset):
    """The sample sets of the first seed, by row."""
    paths_of = grid.pictured((run for run in SCORED if run.dataset == dataset), Path("runs"))
    return {row: str(path) for row, path in paths_of.items()}


rule overview:
    input:
        lambda wildcards: shown(wildcards.dataset).values(),
    output:
        f"runs/boards/{TITLE}/samples-{{dataset}}.png",
    log:
        "runs/logs/overview-{dataset}.log",
    resources:
        mem_mb=costs.START,
        runtime=costs.SHORT,
    params:
        sets=lambda wildcards: [f"{row}={samples}" for row, samples in shown(wildcards.dataset).items()],
    shell:
        "{GANBENCH} overview {params.sets:q} --out {output:q} 2> {log:q}"
