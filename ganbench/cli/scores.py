"""Verbs of sample sets: embed, score, compare and spread; and the verbs of the cache of features."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench import files
from ganbench.cli._common import (
    Device,
    Features,
    Json,
    Layout,
    Precision,
    Range,
    ReferenceRange,
    Seed,
    TrainRange,
    Trust,
    Weights,
    app,
    as_options,
    check_files,
    check_result,
    check_sample_file,
    extractor_of,
    in_team,
    json_file,
    metrics_of,
    names_of,
    say,
    show,
    write_json,
    write_text,
)
from ganbench.errors import UserError, counted

if TYPE_CHECKING:
    from ganbench.samples import SampleSet

cache_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
app.add_typer(cache_app, name="cache", help="Show or delete the features that ganbench has kept.")


@app.command()
@in_team
def embed(
    samples: Annotated[str, typer.Argument(help="samples, or a split of a dataset, such as mnist:train")],
    out: Annotated[Path, typer.Option(help="file for the samples and their features, .npz")],
    features: Features = "auto",
    weights: Weights = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    disturbed: Annotated[
        bool,
        typer.Option(
            "--disturbed",
            help="also compute the features of slightly changed copies; `support` needs them for a reference",
        ),
    ] = False,
    range_: Range = None,
    layout: Layout = None,
    trust: Trust = False,
) -> None:
    """Compute the features of a sample set once. `ganbench score` then needs no network.

    \b
    Example:
      ganbench embed samples.npz --features mnist-cnn --out embedding.npz
    """
    from ganbench import scoring
    from ganbench.features import require_weights
    from ganbench.samples import arrays, declared
    from ganbench.scoring import devices, sources

    asked = extractor_of(features, weights, precision)
    devices.check(device)
    check_sample_file(out, samples)
    require_weights(asked, samples)
    opened = sources.open_set(samples, "train", declared(range_, layout, trust))
    extractor, why = scoring.choose_extractor(opened, None, asked)
    scoring.announce(extractor, why)
    extractor = extractor._replace(device=devices.choose(device, extractor.name))
    embedded = scoring.embed(opened, extractor)
    arrays.write(out, scoring.embed_disturbed(embedded, extractor) if disturbed else embedded)


@app.command()
@in_team
def score(
    samples: Annotated[
        str,
        typer.Argument(
            help="a folder, zip or tar of images, .npz, .npy, safetensors, Parquet, a folder of a run; points: float [n, d]"
        ),
    ],
    reference: Annotated[
        str,
        typer.Option(
            help="held-out data: a path, NAME:train or NAME:test of a dataset, or its NAME (the held-out split)"
        ),
    ],
    train: Annotated[
        str | None,
        typer.Option(
            help="training data, for memorisation; by default the training split of the dataset that --reference names"
        ),
    ] = None,
    features: Features = "auto",
    weights: Weights = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    wanted: Annotated[
        str | None,
        typer.Option("--metrics", help="names, separated by commas; by default all that apply, but those on request"),
    ] = None,
    seed: Seed = 0,
    range_: Range = None,
    reference_range: ReferenceRange = None,
    train_range: TrainRange = None,
    layout: Layout = None,
    trust: Trust = False,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="score as another evaluator does: torch-fidelity, clean-fid, adm, edm2, dgm-eval or studiogan",
        ),
    ] = None,
    pairs: Annotated[
        bool,
        typer.Option("--pairs", help="each sample belongs to one image of the reference: by file name, else by order"),
    ] = False,
    check_with: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="also run these evaluators on the same images: torch-fidelity,clean-fid (or one of them)",
        ),
    ] = None,
    json_out: Json = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="write a page with the samples, their nearest neighbours and the closest pairs"
        ),
    ] = None,
    latex: Annotated[
        str | None, typer.Option(metavar="FILE", help="write a booktabs table with the protocol; - prints only this")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="write a Markdown table with the protocol; - prints only this")
    ] = None,
    export_features: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="write the features and logits of all sets, float32")
    ] = None,
    copies: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="write the nearest training samples of each sample, and whether it is a copy"
        ),
    ] = None,
) -> None:
    """Score samples against held-out data.

    \b
    Examples:
      ganbench score samples/ --reference mnist
      ganbench score samples.npz --reference digits --metrics fid,support --json -
      ganbench score samples/ --reference mnist --html page.html
      ganbench score samples/ --reference mnist --latex table.tex
      ganbench score samples/ --reference mnist --copies copies.csv --export-features features.npz
      ganbench score points.npy --reference ring --features identity
      ganbench score tensor.npy --range=-1,1 --reference mnist
      ganbench score samples.npz --reference imagenet.npz --protocol adm
      ganbench score translated/ --reference truth/ --pairs
    """
    from ganbench import scoring
    from ganbench.display.text import width
    from ganbench.features import _lpips, require_weights
    from ganbench.samples import preflight
    from ganbench.scoring import devices, exports, paper, report
    from ganbench.training.provenance import Work

    work = Work()
    devices.check(device)
    names = metrics_of(wanted) if protocol is None else names_of(wanted)
    extractor = extractor_of(features, weights, precision)
    read = samples, reference, train
    texts = {"json": json_out, "latex": latex, "markdown": markdown}
    printed = [name for name, where in texts.items() if where == "-"]
    if len(printed) > 1:
        raise UserError(f"--{printed[0]} - and --{printed[1]} - both print to stdout; give one of them a file")
    check_files(html, *map(json_file, texts.values()), export_features, copies, inputs=read)
    check_files(export_features, suffixes=[".npz"])
    extractors = scoring.Scorer.extractors(extractor, names, protocol)
    peers = names_of(check_with) or []
    if peers:
        from ganbench.scoring import second_opinion

        second_opinion.require(peers, extractors[0])
    for needed in extractors:
        require_weights(needed, samples, reference, train)
    if _lpips.NAME in (names or ()):
        _lpips.require()
    scorer = scoring.Scorer.of(
        reference,
        train,
        features=extractor,
        metrics=names,
        seed=seed,
        range=_ranges(range_, reference_range, train_range),
        layout=layout,
        trust=trust,
        protocol=protocol,
        device=device,
        pairs=pairs,
    )
    if copies is not None and scorer.train is None:
        raise UserError("--copies needs the training set: pass --train")
    generated = scorer.open(samples)
    sets = generated, scorer.reference, scorer.train
    for line in preflight.lines(*(opened.manifest for opened in sets if opened is not None)):
        say(line)
    scorer.check_size(generated)
    for line in [
        *preflight.few(generated.manifest["name"], len(generated.x), scorer.least()),
        *scorer.remarks(generated),
    ]:
        say(line)
    checks = {name: scorer.under(name) for name in peers}
    result = scorer(generated)
    scoring.require_values(result, generated)
    try:
        if not printed:
            show(report.text(result, names or (), width(), samples))
    finally:  # a terminal that is gone takes no scores away, nor does a full disk, because the table comes first
        if peers:
            opinions = second_opinion.opinions(checks, result, generated, scorer.reference)
            (say if printed else show)("\n" + second_opinion.text(opinions, width()))
            result = result.model_copy(update={"second_opinion": [line._asdict() for line in opinions]})
        record = work.record() | devices.facts(scorer.extractor.device)
        result = result.model_copy(update={"provenance": record})
        if json_out is not None:
            write_json(result.to_json(), json_out)
        for where, write in ((latex, paper.latex), (markdown, paper.markdown)):
            if where is not None:
                write_text(write(result, samples), where)
        if html is not None:
            from ganbench.scoring import page

            files.write(html, as_options(page.render(result, *sets, samples)))
        if export_features is not None:
            files.write(export_features, exports.features_of(scorer.embedded(generated), scorer.extractor))
        if copies is not None and scorer.train is not None:
            files.write(copies, exports.copies_of(scorer.copies(generated), generated, scorer.train))


@app.command()
def compare(
    scores: Annotated[
        list[Path], typer.Argument(metavar="A.json B.json...", help="what `ganbench score --json` wrote")
    ],
    json_out: Json = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a page with the results side by side")
    ] = None,
) -> None:
    """Say which result is better, metric by metric. A difference counts only if its 95 % interval leaves out 0.

    Results of different protocols are not ranked. The message names the fields that differ, and the exit code is 2.

    \b
    Examples:
      ganbench compare mine.json theirs.json
      ganbench compare mine.json theirs.json --html page.html
      ganbench compare results/quick/runs/gan-digits-55be5392-s0.json results/quick/runs/wgan-digits-89cca4d4-s0.json
    """
    from ganbench.display.text import width
    from ganbench.scoring import comparison, report, result

    check_files(json_file(json_out), html, inputs=scores)
    names = comparison.names_of(scores)
    results = {name: result.read(path) for name, path in zip(names, scores, strict=True)}
    if len(results) < len(scores):
        raise UserError("the same file is given twice; compare different results")
    lines = comparison.compare(results)
    if json_out != "-":
        show(report.comparison(lines, results, width()))
    if json_out is not None:
        write_json(json.dumps(lines, indent=1, allow_nan=False), json_out)
    if html is not None:
        from ganbench.scoring import page

        files.write(html, as_options(page.render_comparison(results)))


@app.command("spread")
@in_team
def spread_(
    sets: Annotated[
        list[str], typer.Argument(metavar="[NAME=]SAMPLES...", help="sample sets of one kind, and their names")
    ],
    reference: Annotated[str, typer.Option(help="held-out data, as for `ganbench score`")],
    train: Annotated[str | None, typer.Option(help="training data, as for `ganbench score`")] = None,
    features: Features = "auto",
    weights: Weights = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    others: Annotated[str, typer.Option(help="further extractors, separated by commas")] = "pixels",
    seed: Seed = 0,
    range_: Range = None,
    reference_range: ReferenceRange = None,
    train_range: TrainRange = None,
    layout: Layout = None,
    trust: Trust = False,
    out: Annotated[
        Path | None,
        typer.Option(help="folder for README.md, spread.csv and spread.png; by default only the table is printed"),
    ] = None,
) -> None:
    """Score the same samples under many protocols.

    The table shows how far a number moves although the model stays the same.

    \b
    Examples:
      ganbench spread samples/ --reference mnist
      ganbench spread gan=a.npz wgan=b.npz --reference digits --out runs/spread
    """
    from ganbench.display.text import width, wrap
    from ganbench.features import require_weights
    from ganbench.paths import shown
    from ganbench.scoring import Scorer, spread

    house = extractor_of(features, weights, precision)
    extra = [extractor_of(name.strip()).name for name in others.split(",") if name.strip()]
    check_result(out, ("spread.csv",), "spread")
    require_weights(house, *(text.partition("=")[2] or text for text in sets), reference, train)
    ranges = _ranges(range_, reference_range, train_range)
    scorer = Scorer.of(
        reference, train, features=house, seed=seed, range=ranges, layout=layout, trust=trust, device=device
    )
    named: dict[str, SampleSet] = {}
    for text in sets:
        name, equals, path = text.partition("=")
        if equals and not (name and path):
            raise UserError(f"'{text}': write NAME=SAMPLES, for example gan=samples.npz")
        opened = scorer.open(path if equals else text)
        title = name if equals else opened.manifest["name"]
        if title in named:
            raise UserError(f"two sample sets are called '{title}'; name each of them: NAME=SAMPLES")
        named[title] = opened
    for opened in named.values():
        scorer.check_size(opened)
    tables = {name: spread.measure(opened, scorer, extra) for name, opened in named.items()}
    for name, lines in tables.items():
        show(spread.report(lines, name, width()) + "\n")
    if out is not None:
        spread.write(named, tables, out)
        show(wrap(f"The spread is in {shown(out)}/: README.md, spread.csv and spread.png", ""))


def _ranges(samples: str | None, reference: str | None, train: str | None) -> dict[str, str]:
    """The declared range of each set. A set without its own option has that of the samples."""
    given = {"samples": samples, "reference": reference or samples, "train": train or samples}
    return {role: text for role, text in given.items() if text is not None}


@app.command()
def schema() -> None:
    """Print the JSON schema of the file that `ganbench score --json` writes.

    \b
    Example:
      ganbench schema > scores.schema.json
    """
    from ganbench.scoring import result

    print(result.schema(), end="")


@cache_app.callback()
def cache_show(context: typer.Context) -> None:
    """Show or delete the features that ganbench has kept: their folder, their number, and their size.

    \b
    Examples:
      ganbench cache
      ganbench cache clear
    """
    if context.invoked_subcommand is None:
        from ganbench.features import _cache

        kept, limit = _cache.entries(), _cache.limit() / 1e6
        print(
            f"{_cache.home()}: {counted(kept.number, 'entry')}, {kept.size / 1e6:,.1f} MB of at most {limit:,.0f} MB\n"
            "(set GANBENCH_CACHE to use another folder, GANBENCH_CACHE_GB to change the limit; 0 keeps nothing)"
        )


@cache_app.command("clear")
def cache_clear() -> None:
    """Delete all features that ganbench has kept.

    \b
    Example:
      ganbench cache clear
    """
    from ganbench.features import _cache

    deleted = _cache.clear()
    say(f"deleted {counted(deleted.number, 'entry')}, {deleted.size / 1e6:,.1f} MB, from {_cache.home()}")
