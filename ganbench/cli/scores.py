"""Verbs of sample sets: embed, score, compare and spread them; the features that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganbench.cli._common import (
    Features,
    Json,
    Layout,
    Precision,
    Range,
    Seed,
    Weights,
    app,
    relative,
    say,
    write,
    write_json,
)

if TYPE_CHECKING:
    from ganbench.scoring.result import Result

cache_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
app.add_typer(cache_app, name="cache", help="The features that were computed before: show them, or delete them.")


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
    from ganbench.scoring import sources

    found = sources.open_set(samples, "train", files.declared(range_, layout))
    extractor, why = scoring.choose_extractor(found, None, Extractor(features, weights, precision))
    scoring.announce(extractor, why)
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
    from ganbench import metrics, scoring
    from ganbench.features import Extractor
    from ganbench.samples import preflight

    names = None if wanted is None else [name.strip() for name in wanted.split(",")]
    extractor = Extractor(features, weights, precision)
    scorer = scoring.Scorer.of(
        reference, train, features=extractor, metrics=names, seed=seed, range=range_, layout=layout
    )
    sets = scorer.open(samples), scorer.reference, scorer.train
    for line in preflight.lines(*(one.manifest for one in sets if one is not None)):
        say(line)
    scorer.check_size(sets[0])
    least = {name: metrics.get(name).card.minimum for name in scorer.metrics}
    for line in preflight.few(sets[0].manifest["name"], len(sets[0].x), least):
        say(line)
    result = scorer(sets[0])
    scoring.require_values(result, sets[0])
    if html is not None:
        from ganbench.scoring import page

        write(page.render(result, *sets), html)
    if json_out is not None:
        write_json(result.to_json(), json_out)
    if json_out != "-":
        _show_scores(result)


def _show_scores(result: Result) -> None:
    from ganbench import metrics
    from ganbench.display.text import interval, table, value, wrap
    from ganbench.scoring.verdict import HALVES, MARKS, floor, protocol_line, verdicts

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
      ganbench compare results/quick/runs/gan-digits-623b2c21-s0.json results/quick/runs/wgan-digits-9a95a79f-s0.json
    """
    from ganbench.scoring import comparison as comparing
    from ganbench.scoring import result

    names = comparing.names_of(scores)
    lines = comparing.compare({name: result.read(path) for name, path in zip(names, scores, strict=True)})
    if json_out is not None:
        write_json(json.dumps(lines, indent=1, allow_nan=False), json_out)
    if json_out != "-":
        _show_comparison(lines)


def _show_comparison(lines: list[dict[str, Any]]) -> None:
    from ganbench.display.text import interval, table, value, wrap

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
    from ganbench.display.text import wrap

    for i, reason in enumerate(reasons, 1):
        print(wrap(f"({i}) {reason}", "    "))


@app.command()
def spread(
    sets: Annotated[
        list[str], typer.Argument(metavar="[NAME=]SAMPLES...", help="sample sets of one kind, and their names")
    ],
    reference: Annotated[str, typer.Option(help="held-out data, as for `ganbench score`")],
    train: Annotated[str | None, typer.Option(help="training data, as for `ganbench score`")] = None,
    features: Features = "auto",
    weights: Weights = None,
    precision: Precision = "fp32",
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
    from ganbench.display.text import table, wrap
    from ganbench.features import Extractor
    from ganbench.scoring import Scorer
    from ganbench.scoring import spread as spreading

    house = Extractor(features, weights, precision)
    scorer = Scorer.of(reference, train, features=house, seed=seed, range=range_, layout=layout)
    named = {}
    for argument in sets:
        name, equals, path = argument.partition("=")
        samples = scorer.open(path if equals else argument)
        named[name if equals else samples.manifest["name"]] = samples
    extra = [name.strip() for name in others.split(",") if name.strip()]
    tables = {name: spreading.measure(samples, scorer, extra) for name, samples in named.items()}
    for name, lines in tables.items():
        table(spreading.summary_text(lines), name, ["metric"])
    if out is not None:
        spreading.write(named, tables, out)
        print(wrap(f"The spread is in {relative(out)}/: README.md, spread.csv and spread.png", ""))


@app.command()
def schema() -> None:
    """Print the JSON schema of what `ganbench score --json` writes.

    \b
    Example:
      ganbench schema > scores.schema.json
    """
    from ganbench.scoring import result

    print(result.schema(), end="")


@cache_app.callback()
def cache_show(context: typer.Context) -> None:
    """Say where the features that were computed before are, how many, and how much they take.

    \b
    Examples:
      ganbench cache
      ganbench cache clear
    """
    if context.invoked_subcommand is None:
        from ganbench.features import _cache as cache

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
    from ganbench.features import _cache as cache

    found = cache.clear()
    say(f"deleted {found.number:,} entries, {found.size / 1e6:,.1f} MB, from {cache.home()}")
