"""Everything that can be wrong with a board. It is checked before anything trains.

`problems` needs no torch. `problems_before_training` builds each GAN once, because only the constructor of a GAN knows
which data the GAN treats. If possible, the weights get no memory.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from ganbench import baseline, config, data, features, metrics, paths
from ganbench.boards import controls
from ganbench.boards.board import Board, Row, Track
from ganbench.boards.document import Document, Place
from ganbench.config import TrainConfig
from ganbench.data import Facts
from ganbench.data.mixture import Mixture
from ganbench.errors import UserError, choose
from ganbench.metrics import Metric
from ganbench.training.run import MOST_IMAGES

if TYPE_CHECKING:
    from ganbench.gan import Gan

Part = TypeVar("Part", bound=BaseModel)

TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.+-]{0,63}")
ROW_NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,63}")
NAMES = (
    "a name starts with a letter or digit and goes on with lower-case letters, digits and _ . + -, 64 in all at most"
)
TAKEN = (*controls.KINDS, "train")
TRIED = 200  # samples of random numbers that a metric is tried on, or what it needs at least
FEATURES, PIXELS, CLASSES = 8, 16, 10  # of such a sample
LONGEST = 20  # digits of a number that a message writes out
PLUG_IN = "; if another package brings it, install that package first"
WORD = re.compile(r"[A-Za-z0-9_-]+")  # a name that needs no quotes between the dots of a place
PLAIN = {"value", "interval", "perfect", "n", "version", "reason"}  # what every result has


class Problem(NamedTuple):
    """Something wrong in a board's file, and where."""

    place: Place
    text: str

    def __str__(self) -> str:
        names = [str(key) if WORD.fullmatch(str(key)) else f"'{key}'" for key in self.place]
        return f"{'.'.join(names)}: {self.text}" if names else self.text


def of_file(document: Document) -> list[Problem]:
    """The mistakes in the form of a file: in the names and types of its fields."""
    if not isinstance(document.content, dict):
        return [Problem((), "a board is a mapping with about, seeds and datasets")]
    return list(_of_form(Board, document.content))


def _of_form(model: type[BaseModel], values: Mapping[str, Any]) -> Iterator[Problem]:
    """The mistakes in values of a model. A number that is written in another way is named as YAML writes it."""
    for place, text in config.faults(model, values):
        whole = _whole_number(_at(values, place)) if text.startswith("must be a whole number") else None
        yield Problem(place, text if whole is None else f"{text}; write {whole}")


def _at(content: Any, place: Place) -> Any:
    """The value at a place; None if there is no such place."""
    for key in place:
        if isinstance(content, dict):
            content = content.get(key)
        elif isinstance(content, list) and isinstance(key, int) and key < len(content):
            content = content[key]
        else:
            return None
    return content


def _whole_number(value: Any) -> int | None:
    """The whole number that a text such as 2e3 or a number such as 2000.0 means; None if it means none.

    >>> _whole_number("2e3"), _whole_number(2000.0), _whole_number("many"), _whole_number(0.5)
    (2000, 2000, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > LONGEST or number != number.to_integral_value():
        return None
    return int(number)


def of_title(path: Path, builtin: Iterable[str], folder: Path) -> list[Problem]:
    """What is wrong with the name of a board's file. The board, its folders and its files have this name."""
    if not TITLE.fullmatch(path.stem):
        what = "letters, digits, spaces and _ . + -, 64 in all at most"
        return [Problem((), f"'{path.stem}' cannot be the name of a board; rename the file: {what}")]
    if path.stem in builtin and path.resolve().parent != folder.resolve():
        return [Problem((), f"'{path.stem}' is the name of a built-in board; rename the file")]
    return []


def problems(content: Mapping[str, Any], base: Path) -> list[Problem]:
    """The mistakes in the meaning of a board. Parts that have the wrong form are left out.

    Args:
        content: of the file. It names its datasets by names or paths.
        base: the folder that relative paths start from.
    """
    seeds, datasets = content.get("seeds"), content.get("datasets")
    out = list(_of_seeds(seeds)) if isinstance(seeds, list) else []
    for name, given in datasets.items() if isinstance(datasets, dict) else ():
        place: Place = ("datasets", name)
        try:
            dataset = data.resolve(name, base)
            facts = data.facts(dataset)
            data.version(dataset)
        except UserError as error:
            out.append(Problem(place, _with_hint(error)))
            continue
        track = _of_kind(Track, given)
        inner = _of_rows(given, base) if track is None else _of_track(dataset, facts, track, base)
        out += [Problem((*place, *where), text) for where, text in inner]
    return out


def _of_kind(model: type[Part], content: Any) -> Part | None:
    """A part of a board; None if its form is wrong."""
    try:
        return model.model_validate(content)
    except ValidationError:
        return None


def _of_rows(track: Any, base: Path) -> Iterator[Problem]:
    """The mistakes in the rows of a track that has a wrong form somewhere."""
    rows = track.get("rows") if isinstance(track, dict) else None
    for name, given in rows.items() if isinstance(rows, dict) else ():
        row = _of_kind(Row, {} if given is None else given)
        if row is not None:
            yield from (Problem(("rows", name, *inner), text) for inner, text in _of_row(name, row, base)[0])


def _with_hint(error: UserError) -> str:
    """The text of an error. If no name is near to an unknown name, a plug-in may be missing."""
    text = str(error)
    return f"{text}{PLUG_IN}" if re.match("no [a-z]+( or file)? '", text) and "did you mean" not in text else text


def _of_seeds(seeds: list[Any]) -> Iterator[Problem]:
    whole = {i: seed for i, seed in enumerate(seeds) if isinstance(seed, int) and not isinstance(seed, bool)}
    for i, seed in whole.items():
        if not 0 <= seed < 2**63:
            yield Problem(("seeds", i), f"a seed is a whole number from 0 to 2**63 - 1, not {_short(seed)}")
    for seed, count in Counter(whole.values()).items():
        if count > 1:
            yield Problem(("seeds",), f"the seed {seed} appears {count} times; every run needs its own seed")


def _short(number: int) -> str:
    """A whole number as text, a very long one shortened."""
    return f"{number:,}" if abs(number) < 10**LONGEST else f"{Decimal(number):.2e}"


def _of_track(dataset: str, facts: Facts, track: Track, base: Path) -> Iterator[Problem]:
    yield from _of_sizes(dataset, facts, track)
    extractor, wrong = _extractor(dataset, facts, track)
    yield from wrong
    yield from _of_metrics(dataset, facts, extractor, track)
    if not track.rows:
        yield Problem(("rows",), "must have at least one row")
    steps: dict[str, int] = {}
    for name, row in track.rows.items():
        wrong, step = _of_row(name, row, base)
        yield from (Problem(("rows", name, *inner), text) for inner, text in wrong)
        if step is not None:
            steps[name] = step
    yield from _of_budgets(track, steps)


def _of_sizes(dataset: str, facts: Facts, track: Track) -> Iterator[Problem]:
    if facts.condition:  # the reference is all of the held-out split
        if track.samples > facts.test:
            yield Problem(
                ("samples",),
                f"{dataset} has {facts.test:,} held-out samples: samples must be at most {facts.test:,}, not {track.samples:,}",
            )
    elif 2 * track.samples > facts.test:
        yield Problem(
            ("samples",),
            f"{dataset} has {facts.test:,} held-out samples, for the reference and the row 'real': samples must be at "
            f"most {facts.test // 2:,}, not {track.samples:,}",
        )
    if track.samples > facts.train:
        yield Problem(
            ("samples",),
            f"{dataset} has {facts.train:,} training samples, for the row 'copycat': samples must be at most "
            f"{facts.train:,}, not {track.samples:,}",
        )


def _of_budgets(track: Track, steps: Mapping[str, int]) -> Iterator[Problem]:
    """Budgets that no run reaches, or that end within the first step of the training.

    Args:
        track: the budgets.
        steps: the real images in one step of the training, by the name of the row; for rows without a mistake.
    """
    shared = [name for name, row in track.rows.items() if row.images is None]
    budgets: list[tuple[Place, int, list[str]]] = [(("images",), track.images, shared)]
    budgets += [(("rows", name, "images"), row.images, [name]) for name, row in track.rows.items() if row.images]
    for place, images, names in budgets:
        if images > MOST_IMAGES:
            yield Problem(place, f"a run can see at most {MOST_IMAGES:,} images, not {_short(images)}")
        step, name = max(((steps[name], name) for name in names if name in steps), default=(0, ""))
        if images < step:
            yield Problem(
                place,
                f"one step of {name} takes {step:,} images (`batch` times `n_critic`), so images must be at least "
                f"{step:,}, not {images:,}",
            )


def _extractor(dataset: str, facts: Facts, track: Track) -> tuple[str | None, list[Problem]]:
    """The extractor of a track, or None; and what is wrong with the extractor."""
    try:
        name = choose(track.features or features.default(dataset), features.names(), "extractor")
        needs = features.describe(name)["input"]
    except UserError as error:
        return None, [Problem(("features",), _with_hint(error))]
    shape = f"the samples of {dataset} have the shape {list(facts.shape)}"
    kind = "images" if facts.is_image else "waves" if facts.is_wave else "points"
    takes = features.taken(features.describe(name))
    if takes != kind:
        use = {"images": "", "waves": "; use spectrogram", "points": "; use identity"}[kind]
        return None, [Problem(("features",), f"{name} is for {takes}, and {shape}{use}")]
    if needs is not None and tuple(needs) != facts.shape:
        return None, [Problem(("features",), f"{name} is for images of the shape {list(needs)}, and {shape}")]
    if track.second is not None:
        return name, list(_of_second(track.second, facts, shape))
    return name, []


def _of_second(name: str, facts: Facts, shape: str) -> Iterator[Problem]:
    """What is wrong with the second extractor of a track."""
    try:
        needs = features.describe(choose(name, features.names(), "extractor"))["input"]
    except UserError as error:
        yield Problem(("second",), _with_hint(error))
        return
    if not facts.is_image or features.taken(features.describe(name)) != "images":
        yield Problem(("second",), f"{name} cannot be the second extractor, because {shape}; leave `second` out")
    elif needs is not None and tuple(needs) != facts.shape:
        yield Problem(("second",), f"{name} is for images of the shape {list(needs)}, and {shape}")


def _of_metrics(dataset: str, facts: Facts, extractor: str | None, track: Track) -> Iterator[Problem]:
    for column, count in Counter(track.metrics).items():
        if count > 1:
            yield Problem(("metrics",), f"the column '{column}' appears {count} times")
    names = [column.partition(".")[0] for column in track.metrics]
    for i, column in enumerate(track.metrics):
        if (
            names[i] in metrics.names() or names[i] not in names[:i]
        ):  # an unknown metric is one fault, in all its columns
            yield from (Problem(("metrics", i), why) for why in _of_column(column, dataset, facts, extractor, track))
    for i, name in enumerate(track.uncalibrated):
        if name not in track.metric_names:
            yield Problem(("uncalibrated", i), f"'{name}' is not a metric of this board")
    existing = [name for name in track.metric_names if name in metrics.names()]
    for name in existing:
        wrong = calibration_problem(metrics.get(name), dataset, name in track.uncalibrated)
        if wrong:
            yield Problem(("metrics",), wrong)
    yield from _of_rank(track)


def _of_column(column: str, dataset: str, facts: Facts, extractor: str | None, track: Track) -> Iterator[str]:
    name, dot, number = column.partition(".")
    try:
        metric = metrics.get(name)
    except UserError as error:
        yield _with_hint(error)
        return
    if track.samples < metric.card.minimum:
        yield f"{name} needs at least {metric.card.minimum} samples, and this board has {track.samples} per set"
    if extractor is None:
        return
    tried = _tried(name, dataset, facts, extractor)
    if isinstance(tried, str):
        yield f"{tried}, so this column would be empty"
    elif dot and number not in tried:
        yield (
            f"{name} has no number '{number}' here; "
            + (f"its further numbers are {', '.join(sorted(tried))}" if tried else "it has no further numbers")
        )


def _of_rank(track: Track) -> Iterator[Problem]:
    if track.rank not in track.metrics:
        yield Problem(("rank",), f"'{track.rank}' is not among the metrics of this board: {', '.join(track.metrics)}")
    elif "." in track.rank:
        yield Problem(("rank",), f"'{track.rank}' has no better direction; rank by the metric itself")
    elif track.rank in metrics.names() and metrics.get(track.rank).card.better == "target":
        yield Problem(
            ("rank",), f"'{track.rank}' has no better direction, neither lower nor higher; rank by another metric"
        )


def calibration_problem(metric: Metric, dataset: str, uncalibrated: bool = False) -> str | None:
    """Why a metric cannot enter a board: it never kept a promise, or it broke a promise on the board's dataset.

    Args:
        metric: only calibrations of this version count.
        dataset: a metric can respond to damage on one dataset and not on another: in one dimension `coverage` is blind
        to noise.
        uncalibrated: whether the board says that the metric enters without a calibration.
    """
    judged = _promises(paths.calibrations())
    own = judged[(judged.metric == metric.name) & (judged.version == metric.card.version)]
    for broken in own[(own.verdict == "fail") & (own.on == dataset)].itertuples():
        return (
            f"{metric.name} cannot enter a board of {dataset}: it breaks its promise '{broken.promised}' under "
            f"{broken.corruption} in the calibration {_origin(Path(str(broken.folder)))}; correct the metric or its card, "
            f"then run `ganbench calibrate {dataset}`"
        )
    if (own.verdict == "pass").any() or uncalibrated:
        return None
    pages = " and ".join(_origin(Path(folder)) for folder in sorted(set(own.folder)))
    kept = f"; it keeps none in {pages}" if pages else ""
    return (
        f"{metric.name} (version {metric.card.version}) cannot enter a board: no calibration shows that it keeps "
        f"a promise of its card (`responds`){kept}; run `ganbench calibrate {dataset}`, or write "
        f"`uncalibrated: [{metric.name}]`"
    )


def _origin(calibration: Path) -> str:
    """The file of a calibration, and whose it is: users can delete their own."""
    file = paths.shown(calibration / "promises.csv")
    if not paths.is_shipped(calibration):
        return f"{file} (this calibration is your own, and you can delete its folder)"
    if paths.checkout() is None:
        return f"{file} (ganbench brings this calibration)"
    return f"{file} (`git status {file.parent}` shows whether you have changed this calibration; if so, restore it)"


def _promises(folders: tuple[Path, ...]) -> pd.DataFrame:
    """The last verdict on each promise of each metric on each dataset. "Not judged" replaces no verdict."""
    return _read_promises(tuple((folder, (folder / "promises.csv").stat().st_mtime_ns) for folder in folders))


@lru_cache(maxsize=8)
def _read_promises(states: tuple[tuple[Path, int], ...]) -> pd.DataFrame:
    tables = [pd.read_csv(folder / "promises.csv").assign(on=folder.name, folder=str(folder)) for folder, _ in states]
    promise = ["metric", "version", "corruption", "on"]
    verdicts = pd.concat([pd.DataFrame(columns=[*promise, "promised", "verdict", "folder"]), *tables])
    judged = verdicts.assign(judged=verdicts.verdict.isin(["pass", "fail"])).sort_values("judged", kind="stable")
    return judged.drop_duplicates(promise, keep="last")


@lru_cache(maxsize=512)
def _tried(name: str, dataset: str, facts: Facts, extractor: str) -> frozenset[str] | str:
    """The further numbers that a metric gives for such data, or why it gives none.

    The metric is run on random numbers.
    """
    n = max(metrics.get(name).card.minimum, TRIED)
    inputs = _random_inputs(n, facts, extractor) | _random_conditions(n, dataset, facts, extractor)
    try:
        result = metrics.compute([name], inputs)[name]
    except Exception as error:  # of a plug-in's code
        return f"{name} fails on random numbers ({type(error).__name__}: {error})"
    numbers = {key for key, value in result.items() if _is_number(value)} - PLAIN
    if result["value"] is None and not numbers:
        return str(result["reason"])
    return frozenset(numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _random_inputs(n: int, facts: Facts, extractor: str) -> dict[str, Any]:
    """What a metric may ask for when it scores a class-conditional GAN on such data."""
    rng = np.random.default_rng(0)
    d = facts.shape[0] if len(facts.shape) == 1 else FEATURES
    out: dict[str, Any] = {kind: rng.normal(size=(n, d)) for kind in ("gen", "ref", "train")}
    if facts.is_image:
        out |= {f"{kind}_pixels": rng.random((n, PIXELS)) for kind in ("gen", "ref", "train")}
        out |= {"ref_disturbed": rng.normal(size=(n, d)), "ref_disturbed_pixels": rng.random((n, PIXELS))}
    if facts.classes:
        out |= {f"{kind}_labels": np.arange(n) % facts.classes for kind in ("gen", "ref", "train")}
    if facts.mixture:
        out["mixture"] = Mixture(np.zeros((1, d)), 1.0)
    if d == 1:
        out["discriminator"] = np.stack([np.linspace(-3, 3, TRIED), np.full(TRIED, 0.5)], 1)
    about = features.describe(extractor)
    if about["test_accuracy"] is not None or about.get("logits"):
        channels = (3,) if facts.is_image and facts.shape[-1] == 3 and about["test_accuracy"] is not None else ()
        out |= {f"{kind}_logits": rng.normal(size=(n, *channels, CLASSES)) for kind in ("gen", "ref")}
    if "kinds" in about:
        out |= {f"{kind}_kinds": rng.normal(size=(n, len(about["kinds"]))) for kind in ("gen", "ref")}
    return out


def _random_conditions(n: int, dataset: str, facts: Facts, extractor: str) -> dict[str, Any]:
    """What a metric may ask for beyond that when the samples were made from conditions of such data."""
    if not facts.condition:
        return {}
    rng = np.random.default_rng(1)
    d = facts.shape[0] if len(facts.shape) == 1 else FEATURES
    out: dict[str, Any] = {"gen_condition": np.arange(n) // 2, "gen_truth": rng.normal(size=(n, d))}
    if facts.is_image:
        out |= {"gen_truth_pixels": rng.random((n, PIXELS)), "image_shape": (1, PIXELS, 1)}
    if facts.classes:
        out["gen_truth_labels"] = np.arange(n) % facts.classes
    language = data.language(dataset)
    if language is not None:
        shape = (n, len(language.names))
        out |= {
            f"{kind}_{part}": rng.integers(2, size=shape)
            for kind in ("gen", "ref")
            for part in ("stated", "attributes")
        }
        out |= {"gen_held_out": np.arange(n) % 2 == 0, "attribute_names": language.names}
        if extractor == language.extractor:
            out |= {f"{kind}_captions": rng.normal(size=(n, d)) for kind in ("gen", "ref")}
    return out


def _of_row(name: str, row: Row, base: Path) -> tuple[list[Problem], int | None]:
    """The mistakes in a row; and if there is none, the number of real images in one step of its training."""
    wrong = []
    if not ROW_NAME.fullmatch(name):
        shown = name if len(name) <= 64 else f"{name[:61]}..."
        wrong.append(Problem((), f"'{shown}' cannot be the name of a row: {NAMES}"))
    if name in TAKEN:
        text = f"'{name}' is the name of a control; choose another name and say `baseline: FILE or NAME`"
        wrong.append(Problem((), text))
    if wrong and row.baseline is None:
        return wrong, None  # a wrong name names no baseline either
    try:
        path = baseline.resolve(row.baseline or name, base)
        model = baseline.config(path)
    except UserError as error:
        return [*wrong, Problem(("baseline",) if row.baseline else (), _with_hint(error))], None
    faults = [Problem(("set", *place), text) for place, text in _of_form(model, row.set)]
    if faults:
        return [*wrong, *faults], None
    settings = model.model_validate(row.set)
    wrong += _texts_for_values(settings, row.set)
    return wrong, None if wrong else settings.batch * settings.n_critic


def _texts_for_values(settings: TrainConfig, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Settings whose value is in quotes, so that it is a text, though the setting is a number, or true or false."""
    for key, value in given.items():
        read = getattr(settings, key)
        pairs: dict[Place, tuple[Any, Any]] = {(key,): (value, read)}
        if isinstance(value, list) and isinstance(read, tuple | list):
            pairs = {(key, i): pair for i, pair in enumerate(zip(value, read, strict=True))}
        for place, (text, meant) in pairs.items():
            if isinstance(text, str) and isinstance(meant, int | float) and not _is_power(text, meant):
                yield Problem(("set", *place), f"must not be a text; write {text} without the quotes of '{text}'")


def _is_power(text: str, meant: float) -> bool:
    """Whether a text is a number such as 1e-4, which YAML takes for a text though it has no quotes."""
    return not isinstance(meant, bool) and "e" in text.lower()


def problems_before_training(board: Board, base: Path) -> list[Problem]:
    """What else would stop a job of a board without mistakes: missing weights, or GANs that cannot be built."""
    out: list[Problem] = []
    built: dict[str, _Built] = {}
    for name, track in board.datasets.items():
        dataset = data.resolve(name, base)
        facts = data.facts(dataset)
        for field, extractor in (("features", track.features or features.default(dataset)), ("second", track.second)):
            absent = _absent_weights(extractor) if extractor is not None else None
            if absent:
                out.append(Problem(("datasets", name, field), absent))
        rows = {}
        for key, row in track.rows.items():
            path = baseline.resolve(row.baseline or key, base)
            made_of = json.dumps([str(path), row.set, dataset], sort_keys=True)
            rows[key] = built[made_of] = built.get(made_of) or _build(path, dataset, facts, row.set)
        out += [Problem(("datasets", name, "rows", key), row.fault) for key, row in rows.items() if row.fault]
        if any(row.conditional or row.fault for row in rows.values()):
            continue
        for i, column in enumerate(track.metrics):
            if _needs_classes(column.partition(".")[0]):
                text = (
                    f"{column} needs a class-conditional GAN, but no row has such a GAN, so this column would be empty"
                )
                out.append(Problem(("datasets", name, "metrics", i), text))
    return out


class _Built(NamedTuple):
    """The outcome of a GAN's constructor."""

    fault: str | None
    conditional: bool = False


def _build(path: Path, dataset: str, facts: Facts, settings: dict[str, Any]) -> _Built:
    from ganbench.gan import DataSpec, Unsupported
    from ganbench.training.hollow import hollow

    shape, cond = ((form[-1], *form[:-1]) if len(form) > 1 else form for form in (facts.shape, facts.condition))
    spec = DataSpec(shape, facts.classes, cond)  # channels first
    try:
        with hollow():
            gan = baseline.create(path, spec, settings)
            return _Built(_misshapen(gan, path, dataset, facts), gan.conditional)
    except Unsupported as error:
        return _Built(baseline.refusal(path, dataset, facts.shape, error))
    except UserError as error:
        return _Built(str(error))
    except Exception:  # a constructor may look at the values of its weights, but there are no values
        pass
    try:
        return _Built(None, baseline.create(path, spec, settings).conditional)
    except Exception as error:
        return _Built(f"the GAN cannot be built: {type(error).__name__}: {error}")


def _misshapen(gan: Gan, path: Path, dataset: str, facts: Facts) -> str | None:
    """Why a GAN cannot make waves or video. Many networks are for points and images alone, and refuse nothing."""
    from ganbench.gan import Unsupported

    if gan.spec.kind not in ("waves", "video"):
        return None
    try:
        made = tuple(gan.sample(2).shape[1:])
    except Exception:  # a sample may look at the values of the weights, but there are no values
        return None
    if made == gan.spec.shape:
        return None
    return baseline.refusal(path, dataset, facts.shape, Unsupported(f"its samples have the shape {list(made)}"))


def _needs_classes(metric: str) -> bool:
    asked = inspect.signature(metrics.get(metric).function).parameters.get("gen_labels")
    return asked is not None and asked.default is asked.empty


def _absent_weights(extractor: str) -> str | None:
    """The reason why a network with published weights cannot run on this machine, and what to do."""
    from ganbench.features import _weights, efficientnet, fidelity, inception

    if extractor in efficientnet.NAMES and efficientnet.locate() is None:
        return f"{extractor} is not installed: {efficientnet.INSTALL}"
    published = dict.fromkeys(inception.NAMES, inception.WEIGHTS) | {n: c.weights for n, c in fidelity.CARDS.items()}
    wanted = []
    if extractor == "clip" and importlib.util.find_spec("torch_fidelity") is None:
        wanted.append("clip needs torch-fidelity: pip install 'ganbench[peers]'")
    weights = published.get(extractor)
    if weights is not None and _weights.locate(weights) is None:
        wanted.append(
            f"the weights of {extractor} are not on this machine: `ganbench embed FOLDER --features {extractor} --out "
            f"x.npz` downloads them ({weights.size / 1e6:,.0f} MB), or put {weights.file} into {_weights.folder()}"
        )
    return "; ".join(wanted) or None
