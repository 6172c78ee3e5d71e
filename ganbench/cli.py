"""The command line: one verb per stage of the pipeline. Results go to stdout, progress and messages to stderr.

Exit codes: 0 done, 2 the input is wrong, 3 data or weights are out of reach, 1 a fault of ours. Every verb imports what it
needs when it runs, so that `--help`, `list` and scoring an embedding never wait for torch.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ganbench.errors import UserError, choose

if TYPE_CHECKING:
    from ganbench.result import Result

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data", help="Build, fetch and check datasets.")
cache_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
app.add_typer(cache_app, name="cache", help="The features that were computed before: show them, or delete them.")

Seed = Annotated[int, typer.Option(help="seed of everything random", min=0)]
Label = Annotated[
    int | None, typer.Option("--class", help="of a conditional GAN: make this class only", metavar="LABEL")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="write the result as JSON to FILE, or - for stdout")
]
Features = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="extractor (see `ganbench list extractors`), or a file of your own: .py, TorchScript .pt, .onnx; auto picks",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="the extractor's weights; FILE#sha256=HEX for others than the published ones"),
]
Range = Annotated[str | None, typer.Option("--range", help="black and white of images in floats: 0,1 or -1,1 or 0,255")]
Layout = Annotated[str | None, typer.Option(help="nhwc or nchw, for arrays that could be either")]
Precision = Annotated[str, typer.Option(help="of the extractor's network: fp32, or bf16, about twice as fast")]


@app.callback()
def root() -> None:
    """Train GANs, score them, and say how far each number can be trusted.

    \b
    Examples:
      ganbench score samples/ --reference mnist
      ganbench train baselines/dcgan.py --dataset mnist --images 300000 --out runs/my-dcgan
      ganbench list baselines
    """


@data_app.command("build")
def data_build(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="datasets (see `ganbench list datasets`)")],
) -> None:
    """Build datasets from their sources into data/NAME and check them against dvc.lock.

    \b
    Example:
      ganbench data build digits mnist
    """
    from ganbench import data

    for name in [choose(n, data.names(), "dataset") for n in names]:
        _say(f"{name}: {data.build(name)}, {data.check(name)}")


@data_app.command("obtain")
def data_obtain(
    name: str,
    version_file: Annotated[Path | None, typer.Option(help="write the version there, for the pipeline")] = None,
) -> None:
    """Put the version of a dataset that dvc.lock pins into data/NAME: from DVC's cache or remote, or built.

    \b
    Example:
      ganbench data obtain digits
    """
    from ganbench import data

    version = data.obtain(choose(name, data.names(), "dataset"))
    if version_file:
        version_file.parent.mkdir(parents=True, exist_ok=True)
        version_file.write_text(version + "\n")
    _say(f"{name}: data/{name} is {version}")


@cache_app.callback()
def cache_show(context: typer.Context) -> None:
    """Say where the features that were computed before are, how many, and how much they take.

    \b
    Examples:
      ganbench cache
      ganbench cache clear
    """
    if context.invoked_subcommand is None:
        from ganbench import cache

        found = cache.entries()
        print(
            f"{cache.home()}: {found.number:,} entries, {found.size / 1e6:,.1f} MB of at most {cache.limit() / 1e6:,.0f} MB\n"
            "(GANBENCH_CACHE is another folder, GANBENCH_CACHE_GB another limit, 0 for none)"
        )


@cache_app.command("clear")
def cache_clear() -> None:
    """Delete them all.

    \b
    Example:
      ganbench cache clear
    """
    from ganbench import cache

    found = cache.clear()
    _say(f"deleted {found.number:,} entries, {found.size / 1e6:,.1f} MB, from {cache.home()}")


@app.command()
def train(
    baseline: Annotated[Path, typer.Argument(help="file of a GAN, ours or your own")],
    dataset: Annotated[str, typer.Option(help="name of a dataset")],
    out: Annotated[
        Path | None, typer.Option(help="folder of the run; by default runs/BASELINE-DATASET-sSEED, here")
    ] = None,
    images: Annotated[int, typer.Option(help="budget: real images seen", min=1)] = 300_000,
    seed: Seed = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting of the GAN")
    ] = None,
    device: Annotated[str | None, typer.Option(help="torch device; by default CUDA if there is one")] = None,
) -> None:
    """Train a GAN. The same command again resumes an interrupted run; a larger --images continues a finished one.

    \b
    Examples:
      ganbench train baselines/dcgan.py --dataset mnist
      ganbench train my_gan.py --dataset ring --set lr_g=1e-4 --set 'betas=[0, 0.9]' --out runs/mine
    """
    from ganbench import data
    from ganbench.config import settings as parse

    overrides = parse(settings or [])
    choose(dataset, data.names(), "dataset")
    from ganbench import train as training

    out = out or Path("runs") / f"{baseline.stem}-{dataset}-s{seed}"
    run = training.train(baseline, dataset, out, seed=seed, images=images, overrides=overrides, device=device)
    if run["diverged"]:
        _say(f"DIVERGED: {run['diverged']}. That is a result, and the board will say so; its run is in {out}")
    else:
        _say(f"{run['seen']:,} images in {run['seconds']:,.0f} s; checkpoint, history.jsonl and run.json are in {out}")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="where the samples go, .npz")],
    n: Annotated[int, typer.Option("--n", help="how many", min=1)] = 10_000,
    seed: Seed = 0,
    truncation: Annotated[
        float | None, typer.Option(help="draw normal inputs within [-T, T] only: less variety", metavar="T")
    ] = None,
    label: Label = None,
) -> None:
    """Draw samples from a trained GAN: arr_0, uint8 NHWC, in an .npz with a manifest beside it.

    Sample i depends on the run, the seed and i alone, however many are drawn.

    \b
    Examples:
      ganbench sample runs/dcgan --n 10000 --out samples.npz
      ganbench sample runs/biggan --n 64 --truncation 0.5 --out clean.npz
      ganbench sample runs/acgan --n 64 --class 3 --seed 1 --out threes.npz
    """
    from ganbench.sample import draw

    draw(folder, n, seed, out, truncation=truncation, label=label)


@app.command()
def interpolate(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="a strip, .png, or an animation that returns to its start, .gif")],
    points: Annotated[str, typer.Option(help="samples to walk through (see `ganbench overview --numbered`)")] = "0,1",
    steps: Annotated[int, typer.Option(help="from one sample to the next", min=1)] = 8,
    seed: Seed = 0,
    classes: Annotated[
        str | None, typer.Option(help="of a conditional GAN, a row each; by default the first ten")
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            help="of a conditional GAN: walk from class to class instead, a row per sample", metavar="CLASSES"
        ),
    ] = None,
) -> None:
    """Walk from sample to sample through the generator's inputs: along an arc if they are normal, else straight.

    The ends are the samples that `ganbench sample` draws from the same seed, by their numbers. A conditional GAN shows the
    same walk in every class, or, with --through, each sample on its way from class to class.

    \b
    Examples:
      ganbench interpolate runs/dcgan --out strip.png
      ganbench interpolate runs/dcgan --points 3,17,20 --steps 16 --out walk.gif
      ganbench interpolate runs/acgan --classes 0,3,8 --out classes.png
      ganbench interpolate runs/biggan --points 3,17 --through 0,3,8 --out morph.gif
    """
    from ganbench import walks

    ways = [None if text is None else walks.numbers(text) for text in (classes, through)]
    walks.interpolate(
        folder, out, seed=seed, points=walks.numbers(points), steps=steps, classes=ways[0], through=ways[1]
    )


@app.command()
def arithmetic(
    folder: Annotated[Path, typer.Argument(help="folder of a trained run")],
    out: Annotated[Path, typer.Option(help="the picture, .png")],
    plus: Annotated[
        list[str], typer.Option(help="samples whose mean is added (see `ganbench overview --numbered`); repeatable")
    ],
    minus: Annotated[list[str] | None, typer.Option(help="samples whose mean is subtracted; repeatable")] = None,
    seed: Seed = 0,
    label: Label = None,
) -> None:
    """Add and subtract the mean inputs of samples, as DCGAN's paper does with three faces per term.

    Each term is a column, its mean at the bottom; the sum is in the middle of eight neighbours.

    \b
    Examples:
      ganbench arithmetic runs/dcgan --plus 3,17,20 --minus 4,9,12 --plus 5,30,41 --out sum.png
      ganbench arithmetic runs/acgan --class 3 --plus 0,1,2 --minus 3,4,5 --plus 6,7,8 --out sum.png
    """
    from ganbench import walks

    terms = [[walks.numbers(text) for text in texts or []] for texts in (plus, minus)]
    walks.arithmetic(folder, out, seed=seed, plus=terms[0], minus=terms[1], label=label)


@app.command()
def control(
    kind: Annotated[str, typer.Argument(help="real, copycat, noise or reference")],
    dataset: Annotated[str, typer.Option(help="name of a dataset")],
    out: Annotated[Path, typer.Option(help="where the samples go, .npz")],
    n: Annotated[int, typer.Option("--n", help="how many", min=1)] = 1000,
    seed: Seed = 0,
) -> None:
    """Write a control set, whose scores show what a metric can see.

    \b
    Example:
      ganbench control copycat --dataset digits --n 398 --out copycat.npz
    """
    from ganbench import controls, data

    controls.write(kind, choose(dataset, data.names(), "dataset"), n, seed, out)


@app.command()
def embed(
    samples: Annotated[str, typer.Argument(help="samples, or a dataset's split such as mnist:train")],
    out: Annotated[Path, typer.Option(help="where the samples with their features go, .npz")],
    features: Features = "auto",
    weights: Weights = None,
    precision: Precision = "fp32",
    disturbed: Annotated[
        bool,
        typer.Option("--disturbed", help="and those of slightly disturbed copies: `support` asks a reference for them"),
    ] = False,
    range_: Range = None,
    layout: Layout = None,
) -> None:
    """Compute the features of a sample set once; `ganbench score` then needs no network.

    \b
    Example:
      ganbench embed samples.npz --features mnist-cnn --out embedding.npz
    """
    from ganbench import samples as files
    from ganbench import scoring
    from ganbench.features import Extractor

    found = scoring.open_set(samples, "train", files.declared(range_, layout))
    extractor, _ = scoring.extractor_for([found], Extractor(features, weights, precision))
    embedded = scoring.embed(found, extractor)
    files.write(out, scoring.embed_disturbed(embedded, extractor) if disturbed else embedded)


@app.command()
def score(
    samples: Annotated[
        str,
        typer.Argument(
            help="a folder, zip or tar of images, .npz, .npy, safetensors, Parquet, or a run's folder; points as float [n, d]"
        ),
    ],
    reference: Annotated[
        str, typer.Option(help="held-out data: a dataset's name (its held-out split), NAME:train, NAME:test or a path")
    ],
    train: Annotated[
        str | None,
        typer.Option(help="training data, for memorisation; with a dataset's name as reference, its training split"),
    ] = None,
    features: Features = "auto",
    weights: Weights = None,
    precision: Precision = "fp32",
    wanted: Annotated[
        str | None, typer.Option("--metrics", help="comma-separated names; by default all that apply")
    ] = None,
    seed: Seed = 0,
    range_: Range = None,
    layout: Layout = None,
    json_out: Json = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a page with samples, nearest neighbours and pairs")
    ] = None,
) -> None:
    """Score samples against held-out data.

    \b
    Examples:
      ganbench score samples/ --reference mnist
      ganbench score samples.npz --reference digits --metrics fid,support --json -
      ganbench score samples/ --reference mnist --html page.html
      ganbench score points.npy --reference ring --features identity
      ganbench score tensor.npy --range=-1,1 --reference mnist
    """
    from ganbench import metrics, preflight, scoring
    from ganbench.features import Extractor
    from ganbench.samples import declared

    names = None if wanted is None else [name.strip() for name in wanted.split(",")]
    sets = scoring.open_sets(samples, reference, train, declared(range_, layout))
    for line in preflight.lines(*(one.manifest for one in sets if one is not None)):
        _say(line)
    least = {name: metrics.get(name).card.minimum for name in names or metrics.names()}
    for line in preflight.few(sets[0].manifest["name"], len(sets[0].x), least):
        _say(line)
    extractor = Extractor(features, weights, precision)
    result = scoring.score(*sets, features=extractor, metrics=names, seed=seed)
    if html is not None:
        from ganbench import page

        _write(page.render(result, *sets), html)
    if json_out is not None:
        _write_json(result.to_json(), json_out)
    if json_out != "-":
        _show_scores(result)


@app.command()
def compare(
    scores: Annotated[
        list[Path], typer.Argument(metavar="A.json B.json...", help="what `ganbench score --json` wrote")
    ],
    json_out: Json = None,
) -> None:
    """Say which result is better, and where the difference is larger than its 95 % interval.

    Results of unlike protocols are not ranked: the fields that differ are named, and the exit code is 2.

    \b
    Examples:
      ganbench compare mine.json theirs.json
      ganbench compare results/quick/runs/gan-digits-19e74b83-s0.json results/quick/runs/wgan-digits-f66b06c7-s0.json
    """
    from ganbench import compare as comparing
    from ganbench import result

    names = comparing.names_of(scores)
    lines = comparing.compare({name: result.read(path) for name, path in zip(names, scores, strict=True)})
    if json_out is not None:
        _write_json(json.dumps(lines, indent=1, allow_nan=False), json_out)
    if json_out != "-":
        _show_comparison(lines)


@app.command()
def spread(
    sets: Annotated[
        list[str], typer.Argument(metavar="[NAME=]SAMPLES...", help="sample sets of one kind, and their names")
    ],
    reference: Annotated[str, typer.Option(help="held-out data, as for `ganbench score`")],
    train: Annotated[str | None, typer.Option(help="training data, as for `ganbench score`")] = None,
    features: Features = "auto",
    others: Annotated[str, typer.Option(help="further extractors, comma-separated")] = "pixels",
    seed: Seed = 0,
    range_: Range = None,
    layout: Layout = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder for README.md, spread.csv and spread.png; by default only the table is shown"),
    ] = None,
) -> None:
    """Score the same samples under many protocols: how far one model's numbers move without the model changing.

    \b
    Examples:
      ganbench spread samples/ --reference mnist
      ganbench spread gan=a.npz wgan=b.npz --reference digits --out runs/spread
    """
    from ganbench import scoring
    from ganbench import spread as spreading
    from ganbench.display import table, wrap
    from ganbench.samples import declared

    how, named = declared(range_, layout), {}
    for one in sets:
        name, equals, path = one.partition("=")
        found = scoring.open_set(path if equals else one, "test", how)
        named[name if equals else found.manifest["name"]] = found
    extra = [name.strip() for name in others.split(",") if name.strip()]
    _, ref, known = scoring.open_sets(found, reference, train, how)
    tables = {
        name: spreading.measure(one, ref, known, features=features, others=extra, seed=seed)
        for name, one in named.items()
    }
    for name, lines in tables.items():
        table(spreading.summary_text(lines), name, ["metric"])
    if out is not None:
        spreading.write(named, tables, out)
        print(wrap(f"The spread is in {_relative(out)}/: README.md, spread.csv and spread.png", ""))


@app.command()
def schema() -> None:
    """Print the JSON schema of what `ganbench score --json` writes.

    \b
    Example:
      ganbench schema > scores.schema.json
    """
    from ganbench import result

    print(result.schema(), end="")


@app.command()
def calibrate(
    dataset: Annotated[str, typer.Argument(help="name of a dataset")],
    n: Annotated[
        int | None, typer.Option("--n", help="samples per set; by default as many as one class can fill", min=2)
    ] = None,
    repeats: Annotated[int, typer.Option(help="draws of every set", min=2)] = 5,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="folder of the tables and pictures; by default results/calibration/DATASET")
    ] = None,
) -> None:
    """Damage real samples in known ways and hold every metric to what its card promises.

    A promise that is not kept is a result and no error; but a metric that fails one cannot enter a board.

    \b
    Examples:
      ganbench calibrate ring
      ganbench calibrate digits --out runs/calibration/digits
    """
    from ganbench import calibrate as calibration
    from ganbench import data, grid
    from ganbench.display import table

    choose(dataset, data.names(), "dataset")
    out = out or grid.calibrations() / dataset
    promises = calibration.run(dataset, n, repeats, seed, out)
    table(calibration.matrix(promises), f"calibration on {dataset}", ["metric"])
    for line in calibration.failures(promises):
        print(f"FAIL: {line}")
    print(f"The calibration is in {_relative(out)}/: README.md, values.csv, promises.csv, matrix.png and levels.png")


@app.command()
def leaderboard(
    board: Annotated[str, typer.Argument(help="name of a board (see `ganbench list boards`)")] = "quick",
) -> None:
    """Aggregate the scores of a board that the pipeline has built, print it and write it as CSV, Parquet and Markdown.

    \b
    Example:
      ganbench leaderboard quick
    """
    from ganbench import grid
    from ganbench import leaderboard as boards
    from ganbench.display import table

    result = boards.build(board)
    for dataset, (lines, reasons) in boards.tables(grid.board(board), result).items():
        table(lines, f"{board}: {dataset}", ["row", "rank"])
        for i, reason in enumerate(reasons, 1):
            print(f"({i}) {reason}")
    print(
        f"The board is in {_relative(boards.folder(board))}/: leaderboard.md, .csv, .parquet, scores.csv and samples-*.png"
    )


@app.command()
def overview(
    out: Annotated[Path, typer.Option(help="the picture, .png")],
    sets: Annotated[list[str], typer.Argument(metavar="NAME=SAMPLES...", help="sample sets and their titles")],
    numbered: Annotated[
        bool, typer.Option("--numbered", help="with their numbers beside the first 64 samples")
    ] = False,
    range_: Range = None,
    layout: Layout = None,
) -> None:
    """Draw sample sets side by side: images as contact sheets, points as clouds in the frame of the last set.

    \b
    Examples:
      ganbench overview gan=runs/a/samples.npz real=mnist:test --out samples.png
      ganbench overview gan=runs/a/samples.npz --numbered --out numbered.png
    """
    from ganbench import pictures, scoring
    from ganbench.samples import declared

    how = declared(range_, layout)
    named = dict(s.partition("=")[::2] for s in sets)
    for name, path in named.items():
        if not path:
            raise UserError(f"'{name}': write each set as TITLE=SAMPLES, for example gan=samples.npz")
    pictures.overview({name: scoring.open_set(path, "test", how) for name, path in named.items()}, out, numbered)


@app.command()
def publish(board: Annotated[str, typer.Argument(help="name of a board")]) -> None:
    """Copy a built board from runs/ to results/BOARD/: tables, pictures, and the scores and manifest of every run.

    \b
    Example:
      ganbench publish quick
    """
    from ganbench.publish import publish as copy

    _say(f"published {board} to {_relative(copy(board))}/")


KINDS = ("baselines", "datasets", "metrics", "extractors", "boards")


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """List what there is.

    \b
    Example:
      ganbench list metrics --json
    """
    from ganbench import catalogue

    entries = getattr(catalogue, choose(kind, KINDS, "kind"))()
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    width = max(len(e["name"]) for e in entries)
    for entry in entries:
        print(f"{entry['name']:<{width}}  {entry['about']}")


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _write_json(text: str, where: str) -> None:
    if where == "-":
        print(text)
        return
    _write(text + "\n", Path(where))


def _write(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _show_scores(result: Result) -> None:
    from ganbench import metrics
    from ganbench.display import interval, table, value, wrap
    from ganbench.verdict import HALVES, MARKS, floor, protocol_line, verdicts

    arrows = {"lower": " ↓", "higher": " ↑", "target": ""}
    lines, reasons = [], []
    for name, m in result.metrics.items():
        if m.reason is not None:
            reasons.append(m.reason)
        lines.append(
            {
                "metric": name + arrows[metrics.get(name).card.better],
                "value": f"– ({len(reasons)})" if m.value is None else value(m.value),
                "95 % interval": interval(m.interval),
                "perfect": floor(m),
                "n": f"{m.n:,}",
            }
        )
    table(lines, f"{result.samples.name} against {result.protocol.reference.name}", ["metric"])
    _footnotes(reasons)
    if any(floor(m).startswith("~") for m in result.metrics.values()):
        print(wrap(HALVES, "  "))
    print()
    for verdict in verdicts(result):
        print(wrap(f"{MARKS[verdict.level]} {verdict.gate}: {verdict.text}.", "  "))
    print(wrap(f"protocol: {protocol_line(result)}", "  "))


def _show_comparison(lines: list[dict[str, Any]]) -> None:
    from ganbench.display import interval, table, value, wrap

    for other in dict.fromkeys(line["b"] for line in lines):
        rows, reasons = [], []
        for line in (line for line in lines if line["b"] == other):
            if line["reason"]:
                reasons.append(line["reason"])
            rows.append(
                {
                    "metric": line["metric"],
                    "a": value(line["value_a"]),
                    "b": value(line["value_b"]),
                    "a - b": value(line["difference"]),
                    "95 % interval": interval(line["interval"]),
                    "verdict": f"– ({len(reasons)})" if line["reason"] else line["verdict"],
                }
            )
        table(rows, f"a: {lines[0]['a']}, b: {other}", ["metric"])
        _footnotes(reasons)
    note = (
        "The intervals are for independent samples against one reference: too wide where a metric's own holds the "
        "reference's noise, silent on another draw of the samples where it holds nothing else (docs/scoring.md)."
    )
    print(wrap(note, ""))


def _footnotes(reasons: list[str]) -> None:
    from ganbench.display import wrap

    for i, reason in enumerate(reasons, 1):
        print(wrap(f"({i}) {reason}", "    "))


def main() -> NoReturn:
    """Run the command line; what the user did wrong is one line and an exit code, never a traceback."""
    warnings.filterwarnings("ignore", "Image size .* exceeds limit")  # PIL's, of images that the readers refuse
    try:
        sys.exit(app(standalone_mode=False))
    except UserError as error:
        _say(f"ganbench: {error}")
        sys.exit(error.exit_code)
    except typer.Exit as exit_:
        sys.exit(exit_.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _say("ganbench: interrupted; the same command again resumes")
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer vendors click and does not export its exceptions
            raise
        _say(f"ganbench: {error.format_message()} (see --help)")
        sys.exit(2)
