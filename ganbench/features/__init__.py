"""Extractors: from samples to the feature space in which they are compared.

Each module of this folder is a family of extractors, and follows `ExtractorFamily`. To add a family, add such a file; nothing
else has to change. A family imports torch only inside `load`. A module of another package is a family too if entry points of
the group `ganbench.features` name its extractors (docs/plugins.md).

Images are uint8 `[n, H, W, C]`. The channel axis is always there: grey images have C = 1, and `[n, H, W]` is refused. A
network for colour images gets a grey image with its values in all three channels.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from ganbench import code, data, plugins
from ganbench.display.progress import progress
from ganbench.errors import Unreachable, UserError, choose
from ganbench.features import _cache, _devices, _team
from ganbench.samples import Rows, amount, content_hash

if TYPE_CHECKING:
    from ganbench.features._weights import Weights

PATIENCE = 2.0  # seconds after which progress is shown

AUTO = "auto"
PRECISIONS = ("fp32", "bf16")
Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]


class Extractor(NamedTuple):
    """An extractor and how it is run. A function that takes an extractor also takes its name."""

    name: str  # one of `names()`, or the path of a user's own extractor
    weights: str | None = None  # file of the published weights, or FILE#sha256=HEX for other weights
    precision: str = "fp32"  # or "bf16"
    device: str = "cpu"  # torch device of the network, such as "cuda:1" or "mps"; `ganbench.scoring.devices` chooses it


class Embedding(NamedTuple):
    """The features and logits that an extractor computes from n samples."""

    features: np.ndarray  # float32 [n, d]
    logits: np.ndarray | None  # float32 [n, classes], or [n, 3, classes] for stacked MNIST; None: not a classifier


class ExtractorFamily(Protocol):
    """A module with one or more extractors. The entry points of a plug-in give its names."""

    @property
    def NAMES(self) -> Collection[str]:
        """The names of its extractors."""

    @property
    def BATCH(self) -> int:
        """Samples per call. The last batch is filled up, so no result depends on how many samples there are."""

    @property
    def CACHED(self) -> bool:
        """Whether the features are worth keeping in the cache."""

    def describe(self, extractor: Extractor, /) -> dict[str, Any]:
        """The facts that pin an extractor: see `ganbench.features.describe`."""

    def load(self, extractor: Extractor, /) -> Run:
        """A function from a batch of samples to features float32 `[n, d]` and logits, or None without logits."""


@cache
def _families() -> dict[str, ExtractorFamily]:
    files = [f"{__name__}.{m.name}" for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    own = [cast(ExtractorFamily, importlib.import_module(file)) for file in files]
    families = {name: family for family in own for name in family.NAMES}
    for name, module in plugins.find("ganbench.features", families).items():
        families[name] = cast(ExtractorFamily, plugins.load(module, ("BATCH", "CACHED", "describe", "load")))
    return families


def names() -> tuple[str, ...]:
    """The names of all extractors."""
    return tuple(_families())


def default(dataset: str) -> str:
    """The extractor for a dataset: its own classifier, or else an extractor that suits the shape of its samples.

    Raises:
        UserError: there is no such dataset.
        Unreachable: for such images a general network is needed, and no general network is on this machine.
    """
    facts = data.facts(dataset)
    return _suited(dataset, facts.shape[-1] if facts.is_image else None, facts.is_wave)[0]


def classifier(dataset: str) -> str | None:
    """The classifier that ganbench brings for a dataset: the one that was shown damage, if there are two; None without any."""
    of = data.base(dataset)
    return next((name for name in (f"{of}-exposed", f"{of}-cnn") if name in names()), None)


def pick(
    asked: str | Extractor | None, dataset: str | None, channels: int | None, waves: bool = False
) -> tuple[Extractor, str | None]:
    """The extractor that the user asked for. For None or `auto`: the extractor that suits the reference, and why.

    Args:
        asked: an extractor, or its name.
        dataset: the built-in dataset that the reference is from, if any.
        channels: 1 for grey images, 3 for colour images, else None: see `ganbench.samples.common_channels`.
        waves: whether the reference has waves.

    Raises:
        Unreachable: such images need a general network, and none is installed.
    """
    extractor = _extractor(asked or AUTO)
    if extractor.name != AUTO:
        return extractor, None
    name, why = _suited(dataset, channels, waves)
    return extractor._replace(name=name), why


def _suited(dataset: str | None, channels: int | None, waves: bool) -> tuple[str, str]:
    from ganbench.features import _weights, efficientnet, inception, spectrogram

    if waves:
        return spectrogram.NAMES[0], "the reference has waves"
    if channels is None:
        return "identity", "the reference has points"
    own = classifier(dataset or "")
    if own is not None:
        return own, f"it is the classifier of {data.base(dataset or '')}"
    language = data.language(dataset) if dataset is not None and data.is_name(dataset) else None
    if language is not None:
        return language.extractor, f"its space has the captions of {dataset} too"
    kind = "colour images" if channels == 3 else "grey images that are not from a built-in dataset"
    if _weights.locate(inception.WEIGHTS) is not None:
        return "inception", f"the reference has {kind}, and the weights of the literature's FID are on this machine"
    if efficientnet.locate() is not None:
        name = efficientnet.NAMES[0]
        return name, f"the reference has {kind}; {name} is installed, and Inception's weights are not on this machine"
    raise Unreachable(
        f"which extractor? The reference has {kind}, and no general network is installed: {efficientnet.INSTALL}, or "
        f"pass `features='inception'` (downloads {inception.WEIGHTS.size / 1e6:.0f} MB), or `features='pixels'`"
    )


def is_auto(asked: str | Extractor | None) -> bool:
    """Whether the choice of the extractor is left to ganbench."""
    return _extractor(asked or AUTO).name == AUTO


def require(asked: str | Extractor | None) -> None:
    """Refuse a wrong extractor before any sample is read: its name, its precision, and the file of its weights.

    For None and `auto`, checks that depend on the samples come later, when the extractor is chosen.

    Raises:
        UserError: there is no such extractor, precision or file, or the extractor takes no weights or precision; or the
            limit of the cache is no number.
    """
    from ganbench.features import _weights

    extractor = _extractor(asked or AUTO)
    _cache.limit()  # a wrong limit is named at once, and not by the first features that are kept
    _check_precision(extractor)
    if extractor.name != AUTO:
        describe(extractor)
    if extractor.weights is not None:
        _weights.given_file(extractor.weights)


def published(name: str) -> Weights | None:
    """The published weights of an extractor; None if it has none."""
    from ganbench.features import fidelity, inception

    if name in inception.NAMES:
        return inception.WEIGHTS
    return fidelity.CARDS[name].weights if name in fidelity.CARDS else None


def require_weights(extractor: Extractor, *sources: str | None) -> None:
    """Read the published weights, and download them if they are not on this machine, before any image is decoded.

    Args:
        extractor: see `embed`.
        sources: the paths of the sets. Files of embeddings (.npz) carry their features. If all sets are such files, no
            weights are needed.

    Raises:
        Unreachable: the weights are not on this machine and cannot be downloaded.
        UserError: the file of weights has another hash.
    """
    from ganbench.features import _weights

    weights = published(extractor.name)
    embedded = all(Path(source).suffix == ".npz" for source in sources if source is not None)
    if weights is not None and not embedded:
        _weights.read(weights, extractor.weights)


def describe(extractor: str | Extractor) -> dict[str, Any]:
    """The facts that pin an extractor, for a protocol: equal on every machine, and unchanged by writing and reading JSON.

    Returns:
        `id` is the extractor's name and the first eight digits of its weights' hash. `input` is the shape of one sample
        and `d` the number of features; both are None if the extractor takes any shape. `sha256` is the hash of the
        weights, None without weights. `of` is "waves" if the extractor takes waves. `test_accuracy` is the share of the
        test split that a classifier gets right (of single digits, for stacked MNIST), else None. A network with published
        weights also has `resize`, `grey` (what it does with grey images), `precision` and `logits` (what they are).

    Raises:
        UserError: there is no such extractor or precision, or the extractor takes no weights or precision.
    """
    extractor = _extractor(extractor)
    about = _family(extractor).describe(extractor)
    if (extractor.weights is not None or extractor.precision != "fp32") and "precision" not in about:
        raise UserError(
            f"weights and precision are for networks with published weights; {extractor.name} is not such a network"
        )
    _check_precision(extractor)
    return about


def edited(extractor: str | Extractor) -> dict[str, str]:
    """The files of an extractor whose code is not the pinned code: see `ganbench.code`."""
    family = Path(str(cast(ModuleType, _family(_extractor(extractor))).__file__))
    return code.edited([family, *code.used(family)])


def _check_precision(extractor: Extractor) -> None:
    choose(extractor.precision, PRECISIONS, "precision")


def _extractor(extractor: str | Extractor) -> Extractor:
    return extractor if isinstance(extractor, Extractor) else Extractor(extractor)


def _family(extractor: Extractor) -> ExtractorFamily:
    from ganbench.features import custom

    return custom if custom.takes(extractor.name) else _families()[choose(extractor.name, names(), "extractor")]


def kinds(about: Mapping[str, Any], x: np.ndarray) -> np.ndarray | None:
    """Logits of the kinds of damage, float64 `[n, K]`, of features `[n, d]`. `about` is from `describe` for their extractor.

    The first kind is "undamaged". None if the extractor was shown no damage.
    """
    from ganbench.features import cnn

    return cnn.kinds(about, x)


def resized_otherwise(extractor: str | Extractor) -> list[Extractor]:
    """The extractors that differ from `extractor` only in how they resize images to the same size.

    Raises:
        UserError: see `describe`.
    """

    def rest(sibling: Extractor) -> dict[str, Any]:
        facts = describe(sibling)
        same = {key: value for key, value in facts.items() if key not in ("id", "resize")}
        return same | {"size": facts.get("resize", "").rpartition(" to ")[2]}

    extractor = _extractor(extractor)
    if "resize" not in describe(extractor):
        return []
    own = _family(extractor)
    siblings = [extractor._replace(name=name) for name, family in _families().items() if family is own]
    return [sibling for sibling in siblings if sibling != extractor and rest(sibling) == rest(extractor)]


def embed(extractor: str | Extractor, x: Rows) -> Embedding:
    """Features, and logits if the extractor is a classifier. Samples that were embedded before come from the cache.

    A network runs on the device of the extractor. The cache keeps the features of each kind of device apart.

    Args:
        extractor: one of `names()`, the path of a user's own extractor (see `custom`), or an `Extractor`.
        x: images, uint8 [n, H, W, C]; for `identity` points, floating [n, d]; for `spectrogram` waves, floating [n, T, C].

    Raises:
        UserError: unknown extractor, or a shape or dtype that it does not take.
        Unreachable: its weights are not on this machine and cannot be downloaded.
    """
    extractor = _extractor(extractor)
    about, family = describe(extractor), _family(extractor)
    _check(extractor.name, taken(about), about["input"], x)
    if not family.CACHED:
        return _run(extractor, family, x)
    place = () if extractor.device == "cpu" else (_devices.kind(extractor.device),)
    key = _cache.key(about, content_hash(x), _code(), version("torch"), *place)
    kept = _cache.get(key)
    if kept is not None:
        return Embedding(kept["features"], kept.get("logits"))
    embedding = _run(extractor, family, x)
    _cache.put(key, {name: array for name, array in embedding._asdict().items() if array is not None})
    return embedding


def taken(about: Mapping[str, Any]) -> str:
    """The kind of samples that an extractor takes: points, waves or images. `about` is from `describe`."""
    return "points" if about["id"] == "identity" else str(about.get("of", "images"))


def _check(name: str, kind: str, needs: list[int] | None, x: Rows) -> None:
    floats = np.issubdtype(x.dtype, np.floating)
    fits = {
        "points": floats and x.ndim == 2,
        "waves": floats and x.ndim == 3,
        "images": x.dtype == np.uint8 and x.ndim == 4,
    }
    if fits[kind] and (needs is None or list(x.shape[1:]) == needs):
        return
    if any(fits.values()):
        wanted = kind if needs is None else amount(None, needs)
        raise UserError(f"{name} needs {wanted}; these samples are {amount(None, x.shape[1:])}")
    shape = "H, W, C" if needs is None else ", ".join(map(str, needs))
    forms = {"points": "floats [n, d]", "waves": "floats [n, T, C]", "images": f"uint8 [n, {shape}]"}
    wanted = f"{kind}, {forms[kind]}"
    raise UserError(f"{name} needs {wanted}; these samples are {x.dtype} [{', '.join(map(str, ('n', *x.shape[1:])))}]")


@cache
def _code() -> str:
    """SHA-256 of the code of all extractors. Features that other code computed are not taken from the cache."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def help_leader(place: Callable[[str], str]) -> None:
    """Embed batches for the first process of a team, until it ends: see `_team`. `place` gives this process's own device."""

    def load(extractor: Extractor) -> Run:
        own = extractor._replace(device=place(extractor.device))
        return _family(own).load(own)

    with torch_by_default():
        _team.help_leader(load)


def _run(extractor: Extractor, family: ExtractorFamily, x: Rows) -> Embedding:
    from ganbench.features import custom

    n, out = len(x), Embedding(np.empty(0), None)
    with ExitStack() as opened:
        if family.CACHED or "torch" in sys.modules:
            opened.enter_context(torch_by_default())
        run = family.load(extractor)
        advance = opened.enter_context(progress(f"embed in {extractor.name}", n, "images", patience=PATIENCE))
        starts, batches = range(0, max(n, 1), family.BATCH), _batches(x, family.BATCH)
        shared = _team.size() > 1 and (family.CACHED or custom.takes(extractor.name))
        parts = _team.lead(extractor, run, batches, len(starts)) if shared else map(run, batches)
        for start, part in zip(starts, itertools.starmap(Embedding, parts), strict=True):
            if start == 0:
                logits = None if part.logits is None else np.empty((n, *part.logits.shape[1:]), np.float32)
                out = Embedding(np.empty((n, *part.features.shape[1:]), np.float32), logits)
            out.features[start : start + family.BATCH] = part.features[: n - start]
            if out.logits is not None and part.logits is not None:
                out.logits[start : start + family.BATCH] = part.logits[: n - start]
            advance(min(start + family.BATCH, n))
    return out


@contextmanager
def torch_by_default() -> Iterator[None]:
    """torch with its own settings, whatever the caller has set. Afterwards the caller's settings and generators are as before.

    So features do not depend on what the caller has set: autocast, a default dtype, a default device, a mode of gradients,
    TF32, or a lower precision of products.
    """
    import torch

    dtype = torch.get_default_dtype()
    with ExitStack() as opened:
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                opened.enter_context(torch.autocast(device, enabled=False))
        there = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
        opened.enter_context(torch.random.fork_rng(devices=there))
        opened.enter_context(torch.device("cpu"))
        opened.enter_context(torch.inference_mode(False))
        opened.enter_context(torch.no_grad())
        opened.enter_context(_devices.exact())
        opened.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        yield


@contextmanager
def without_callers_torch() -> Iterator[None]:
    """`torch_by_default` where torch is loaded: only then the caller can have settings. torch is not imported for it."""
    with torch_by_default() if "torch" in sys.modules else nullcontext():
        yield


def _batches(x: Rows, size: int) -> Iterator[np.ndarray]:
    """Batches of exactly `size`; the last batch is filled up with zeros. Without samples there is one batch of zeros."""
    for start in range(0, max(len(x), 1), size):
        part = x[start : start + size]
        batch = np.zeros((size, *x.shape[1:]), x.dtype)
        batch[: len(part)] = part
        yield batch
