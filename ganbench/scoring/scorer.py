"""A scorer: the real data and the protocol of a scoring. It scores any number of sample sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ganbench._version import __version__
from ganbench.display.progress import progress
from ganbench.errors import UserError, choose, plain
from ganbench.features import AUTO, Extractor, describe, published, require, without_callers_torch
from ganbench.metrics import INPUTS, Kept, Metric, asks_for, compute, get, names, not_computed, usual, watched
from ganbench.metrics.memorisation import per_image
from ganbench.samples import (
    UNDECLARED,
    Declared,
    Range,
    SampleSet,
    common_channels,
    content_hash,
    declared,
    in_channels,
    preflight,
)
from ganbench.scoring import devices, pairing, perceptual, protocols, remarks
from ganbench.scoring.copies import embed_copies
from ganbench.scoring.embedding import announce, choose_extractor, embed, embed_disturbed, identity
from ganbench.scoring.inputs import ASKED, gather, gather_real, one_size, real_vs_real, without_pixels
from ganbench.scoring.result import Result
from ganbench.scoring.sources import Source, default_train, open_set

ROLES = ("samples", "reference", "train")
CHANGED = ("ref_disturbed", "ref_disturbed_pixels"), ("train_copies", "train_copies_pixels")  # inputs of one origin
MANY = 20_000  # largest reference whose halves are scored against each other
ON_PIXELS = ("parzen", "ms_ssim", "lpips")  # metrics that measure the pixels of images, whatever the extractor is
PATIENCE = 5.0  # seconds of work after which a metric shows its progress


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores sample sets under one protocol: `Scorer.of("mnist")(samples)`.

    The real data are opened once, and embedded once, at the first call. What a metric computes from the real data alone is
    computed once too.
    """

    reference: SampleSet
    train: SampleSet | None
    extractor: Extractor
    why: str | None  # why this extractor, where none was asked for
    metrics: tuple[str, ...]
    seed: int = 0
    declarations: Mapping[str, Declared] = field(default_factory=dict)  # how arrays are read, by the role of their set
    protocol: str | None = None  # of another evaluator, by name: see `ganbench.scoring.protocols`
    device: str | None = None  # that was asked for; that of the extractor is the device which is used
    pairs: bool = False  # whether each sample belongs to one image of the reference: see `ganbench.scoring.pairing`
    _ready: dict[Any, Any] = field(default_factory=dict, repr=False)  # real sets, by channels and what was computed

    @classmethod
    def of(
        cls,
        reference: Source,
        train: Source | None = None,
        *,
        features: str | Extractor | None = None,
        metrics: Iterable[str] | None = None,
        seed: int = 0,
        range: Range | Mapping[str, Range] | None = None,
        layout: str | None = None,
        trust: bool = False,
        protocol: str | None = None,
        device: str | None = None,
        pairs: bool = False,
    ) -> Scorer:
        """A scorer against a reference. Names are checked first, then the real data are opened.

        Args:
            reference: held-out real samples; a dataset's name alone is its held-out split.
            train: real samples that the generator was trained on, for memorisation; by default the training split of
                the dataset that `reference` names.
            features: the extractor, or its name. By default, or for `auto`, the reference decides: see
                `ganbench.scoring.choose_extractor`.
            metrics: names of metrics, a list or a text with commas; by default all but those on request. Metrics that do not
                apply give their reason.
            seed: of every random choice inside a metric.
            range: black and white of images in floats: "0,1", "-1,1" or "0,255". For sets of different ranges a mapping from
                "samples", "reference" and "train".
            layout: "nhwc" or "nchw", for arrays that could be either.
            trust: whether a run that is scored may execute a GAN that neither ganbench nor a plug-in brings.
            protocol: the name of another evaluator, whose extractors and numbers are used: see
                `ganbench.scoring.protocols`. `metrics` are then names of its numbers.
            device: torch device of the networks, such as "cuda:1"; by default, or for "auto", the accelerator where there is
                an accelerator.
            pairs: whether each sample belongs to one image of the reference, by the name of its file or by its order.

        Raises:
            UserError: an unknown name, a device that is not there, or real data that cannot be read.
            Unreachable: the images need a general network, and none is on this machine.
        """
        features, wanted = cls.check(features=features, metrics=metrics, protocol=protocol)
        _check_seed(seed)
        devices.check(device)
        ranges = range if isinstance(range, Mapping) else dict.fromkeys(ROLES, range)
        for role in ranges:
            choose(role, ROLES, "set with a range")
        declarations = {role: declared(ranges.get(role), layout, trust) for role in ROLES}
        train = default_train(reference) if train is None else train
        real = open_set(reference, "test", declarations["reference"], "reference")
        training = None if train is None else open_set(train, "train", declarations["train"], "training set")
        extractor, why = choose_extractor(real, training, features)
        _check_real(real, training, extractor)
        extractor = extractor._replace(device=devices.choose(device, extractor.name))
        return cls(real, training, extractor, why, wanted, seed, declarations, protocol, device, pairs)

    @staticmethod
    def check(
        *, features: str | Extractor | None = None, metrics: Iterable[str] | None = None, protocol: str | None = None
    ) -> tuple[str | Extractor | None, tuple[str, ...]]:
        """The extractor and the names of the wanted metrics, after a check of the arguments. Nothing is opened.

        Raises:
            UserError: an unknown metric, extractor, precision or protocol, a file of weights that is not there, or arguments
                that contradict the protocol.
        """
        require(features)
        metrics = [name.strip() for name in metrics.split(",")] if isinstance(metrics, str) else metrics
        if protocol is not None:
            return protocols.settle(protocols.get(protocol), features, metrics)
        return features, tuple(choose(name, names(), "metric") for name in metrics or usual())

    @classmethod
    def extractors(cls, asked: Extractor, metrics: Iterable[str] | None, protocol: str | None) -> list[Extractor]:
        """The extractors that a scoring will use: those of the protocol, or the one that the user asked for."""
        if protocol is None:
            return [asked]
        first, wanted = protocols.settle(protocols.get(protocol), asked, metrics)
        return [extractor for extractor, _ in protocols.groups(protocols.get(protocol), wanted, first)]

    def under(self, protocol: str) -> Scorer:
        """A scorer of the same real data under the protocol of another evaluator."""
        same = published(self.extractor.name) == published(protocols.get(protocol).extractors[0])
        file = self.extractor.weights if same else None
        return Scorer.of(
            self.reference,
            self.train,
            features=Extractor(AUTO, file),
            seed=self.seed,
            protocol=protocol,
            device=self.device,
        )

    def with_(
        self,
        *,
        reference: Source | None = None,
        train: Source | None = None,
        features: str | Extractor | None = None,
        metrics: Iterable[str] | None = None,
        seed: int | None = None,
    ) -> Scorer:
        """The same scorer with other values for the given fields. Features that are still valid are used again."""
        changes: dict[str, Any] = {}
        if features is not None or metrics is not None:
            wanted = self.metrics if metrics is None else metrics
            features, changes["metrics"] = self.check(features=features, metrics=wanted, protocol=self.protocol)
        if reference is not None:
            changes["reference"] = open_set(
                reference, "test", self.declarations.get("reference", UNDECLARED), "reference"
            )
        if train is not None:
            changes["train"] = open_set(train, "train", self.declarations.get("train", UNDECLARED), "training set")
        real = changes.get("reference", self.reference), changes.get("train", self.train)
        if features is not None:
            extractor, changes["why"] = choose_extractor(*real, features)
            changes["extractor"] = extractor._replace(device=devices.choose(self.device, extractor.name))
        _check_real(*real, changes.get("extractor", self.extractor))
        if seed is not None:
            _check_seed(seed)
            changes["seed"] = seed
        if changes.keys() & {"reference", "train", "extractor"}:
            changes["_ready"] = {}
        return replace(self, **changes)

    def open(self, samples: Source) -> SampleSet:
        """The set of generated samples, read like the real data. A set that was already read is not changed."""
        return open_set(samples, "test", self.declarations.get("samples", UNDECLARED))

    def check_size(self, samples: SampleSet) -> None:
        """Refuse generated samples that are too few for every metric, before anything is embedded.

        The empty set of a diverged run passes, because its manifest says why it is empty.

        Raises:
            UserError: no samples, a single sample, or fewer samples than each of the metrics needs.
        """
        if samples.manifest.get("reason"):
            return
        _refuse_statistics(samples)
        _refuse_single(samples)
        least = min(self.least().values(), default=0)
        if len(samples.x) < least:
            raise UserError(
                f"{samples.manifest['name']}: too few samples ({len(samples.x):,}); every metric needs at least {least:,}"
            )

    def least(self) -> dict[str, int]:
        """The least number of samples of each metric."""
        return {metric.name: metric.card.minimum for _, group in self._groups() for metric in group}

    def remarks(self, samples: SampleSet) -> list[str]:
        """What is not alike in the sets, and sets that are smaller than the protocol's."""
        if samples.manifest.get("reason"):
            return []
        real = [given for given in (samples, self.train) if given is not None]
        lines = remarks.statistics(self.reference, real, [extractor for extractor, _ in self._groups()])
        for given in real:
            lines += remarks.sizes(given, self.reference, self.extractor)
            why = remarks.align(given, self.reference).why
            lines += [f"{given.manifest['name']}: warning: {why}"] if why else []
        if self.protocol is not None:
            m = None if self.reference.is_statistics else len(self.reference.x)
            lines += protocols.few(protocols.get(self.protocol), len(samples.x), m)
        return [plain(line) for line in lines]

    def _groups(self) -> list[tuple[Extractor, list[Metric]]]:
        """The metrics by the extractor in whose features they are measured."""
        if self.protocol is None:
            return [(self.extractor, [get(name) for name in self.metrics])]
        pinned = protocols.groups(protocols.get(self.protocol), self.metrics, self.extractor)
        return [(extractor, [number.measure for number in numbers]) for extractor, numbers in pinned]

    def __call__(self, samples: Source) -> Result:
        """Score one sample set.

        Returns:
            Protocol, samples and `metrics[name]` with value, interval, n, version and reason.

        Raises:
            UserError: samples that cannot be read or compared with the reference, or that are too few for every metric.
        """
        opened = self.open(samples)
        gen, unlabelled, channels = self._prepared(opened)
        said = self.remarks(opened)
        ref, train = self._real(channels)
        by = {"pairs": pairing.pair(gen, ref).how} if self.pairs and not gen.manifest.get("reason") else {}
        results, embeddings = self._results(gen, channels)
        for name, result in results.items():
            if unlabelled and result["reason"] == f"{name} {INPUTS['gen_labels'].absent}":
                result["reason"] = f"{name} needs the classes of the reference: {unlabelled}"
        return Result.model_validate(
            {
                "protocol": {
                    "name": self.protocol,
                    "ganbench": __version__,
                    "features": describe(self.extractor),
                    "reference": identity(ref)
                    | remarks.fingerprint(ref, [extractor for extractor, _ in self._groups()]),
                    "train": None if train is None else identity(train),
                    "seed": self.seed,
                    **by,
                },
                "features_why": self.why,
                "samples": identity(gen),
                "preflight": [
                    *preflight.lines(*(s.manifest for s in (gen, ref, train) if s is not None)),
                    *said,
                ],
                "metrics": results,
                "embeddings": embeddings,
            }
        )

    def embedded(self, samples: Source) -> dict[str, SampleSet]:
        """The sets of a scoring with their features and logits, by role: "samples", "reference" and "train".

        A reference of statistics, and a training set that there is not, are left out.

        Raises:
            UserError: see `__call__`.
        """
        gen, _, channels = self._prepared(self.open(samples))
        sets = dict(zip(ROLES, (gen, *self._real(channels)), strict=True))
        return {
            role: embed(given, self.extractor)
            for role, given in sets.items()
            if given is not None and not given.is_statistics
        }

    def copies(self, samples: Source) -> dict[str, Any]:
        """What `memorisation` found for each sample: see `ganbench.metrics.memorisation.per_image`.

        Raises:
            UserError: see `__call__`; or `memorisation` does not apply.
        """
        gen, _, channels = self._prepared(self.open(samples))
        metric = get("memorisation")._replace(function=per_image)
        inputs, kept, _ = self._inputs(gen, self.extractor, [metric], channels)
        with watched(partial(progress, unit="samples", patience=PATIENCE)):
            result = compute([metric], inputs, self.seed, kept)[metric.name]
        if result["reason"] is not None:
            raise UserError(f"there is no table of copies: {result['reason']}")
        return result

    def _prepared(self, gen: SampleSet) -> tuple[SampleSet, str | None, int | None]:
        """The samples in the classes and channels of the real data, why they have no classes, and the channels."""
        self.check_size(gen)
        if not self.reference.is_statistics:
            remarks.require_alike(gen, self.reference, self.extractor)
        gen, unlabelled = remarks.align(gen, self.reference)
        channels = common_channels([given for given in (gen, self.reference, self.train) if given is not None])
        return in_channels(gen, channels), unlabelled, channels

    def _results(self, gen: SampleSet, channels: int | None) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The result of every metric, and the hashes of the features."""
        groups = self._groups()
        if reason := gen.manifest.get("reason"):
            return {metric.name: not_computed(metric, 0, reason) for _, group in groups for metric in group}, {}
        results: dict[str, dict[str, Any]] = {}
        hashes: dict[str, str] = {}
        for extractor, group in groups:
            measured, of_features = self._measured(gen, extractor, group, channels)
            results |= measured
            hashes |= of_features if extractor == self.extractor else {}
        return {name: results[name] for name in self.metrics}, hashes

    def _measured(
        self, gen: SampleSet, extractor: Extractor, group: list[Metric], channels: int | None
    ) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The results of metrics in the features of one extractor, and the hashes of the features."""
        if self.reference.is_statistics and remarks.moments_of(self.reference, extractor) is None:
            pair = "mu_s and sigma_s" if extractor.name == remarks.SPATIAL else "mu and sigma"
            reason = f"needs the images of the reference, or {pair} of {extractor.name}: its file has none"
            return {m.name: not_computed(m, len(gen.x), f"{m.name} {reason}") for m in group}, {}
        inputs, kept, hashes = self._inputs(gen, extractor, group, channels)
        unequal = self._unequal(gen, channels)
        with watched(partial(progress, unit="samples", patience=PATIENCE)), without_callers_torch():
            results = compute(group, inputs, self.seed, kept)
            if len(self.reference.x) <= MANY:
                open_ended = [
                    m
                    for m in group
                    if results[m.name]["value"] is not None
                    and results[m.name]["perfect"] is None
                    and not ("ref_moments" in inputs and asks_for(m, "ref_moments"))
                ]
                for name, halves in self._halves(open_ended, inputs, channels, extractor).items():
                    results[name]["halves"] = halves
        if unequal:
            reason = "measures pixels, and the sets have images of different sizes"
            results |= {m.name: not_computed(m, len(gen.x), f"{m.name} {reason}") for m in group if m.name in ON_PIXELS}
        if self.reference.is_statistics:
            why = f"needs the samples of a reference, and {self.reference.manifest['name']} has only statistics"
            for name, result in results.items():
                if result["reason"] == f"{name} {INPUTS['ref'].absent}":
                    result["reason"] = f"{name} {why}"
        if self.protocol is not None:
            results = {name: r | {"extractor": describe(extractor)["id"]} for name, r in results.items()}
        return results, hashes

    def _unequal(self, gen: SampleSet, channels: int | None) -> bool:
        """Whether the images of the sets differ in their size."""
        return not one_size([given for given in (gen, *self._real(channels)) if given is not None])

    def _inputs(
        self, gen: SampleSet, extractor: Extractor, group: list[Metric], channels: int | None
    ) -> tuple[dict[str, Any], Kept, dict[str, str]]:
        """All inputs of these metrics, what metrics have computed from the real data, and the hashes of the features."""
        generated = embed(gen, extractor, hold=False)
        real, kept, hashes = self._real_inputs(channels, extractor, group)
        conditional = any(asks_for(metric, part) for metric in group for part in ASKED)
        ref = self._real(channels)[0]
        partners = pairing.pair(gen, ref).rows if self.pairs else None
        inputs = gather(generated, real, ref if conditional else None, partners)
        if self._unequal(gen, channels):
            inputs = without_pixels(inputs)
        elif any(asks_for(metric, "gen_lpips") for metric in group):
            inputs |= self._perceptual(gen, channels)
        return inputs, kept, _hashes(samples=generated) | hashes

    def _perceptual(self, gen: SampleSet, channels: int | None) -> dict[str, Any]:
        """The inputs of `lpips`, without those that are missing. The distances of the reference are computed once."""
        key = "lpips", channels, self.seed
        if key not in self._ready:
            self._ready[key] = perceptual.distances(self._real(channels)[0], self.seed)
        distances = {"gen_lpips": perceptual.distances(gen, self.seed), "ref_lpips": self._ready[key]}
        return {name: array for name, array in distances.items() if array is not None}

    def _halves(
        self, wanted: list[Metric], inputs: dict[str, Any], channels: int | None, extractor: Extractor
    ) -> dict[str, dict[str, Any]]:
        """The scores of one half of the reference against the other half, without the metrics that do not apply."""
        scores = self._ready.setdefault(("halves", channels, extractor, self.seed), {})
        missing = [metric for metric in wanted if metric.name not in scores]
        scores |= {metric.name: None for metric in missing} | real_vs_real(missing, inputs, self.seed)
        return {metric.name: scores[metric.name] for metric in wanted if scores[metric.name] is not None}

    def _real(self, channels: int | None) -> tuple[SampleSet, SampleSet | None]:
        """Reference and training set with this number of channels."""
        if channels not in self._ready:
            train = (
                None if self.train is None else in_channels(remarks.align(self.train, self.reference).samples, channels)
            )
            self._ready[channels] = in_channels(self.reference, channels), train
        real: tuple[SampleSet, SampleSet | None] = self._ready[channels]
        return real

    def _real_inputs(
        self, channels: int | None, extractor: Extractor, group: list[Metric]
    ) -> tuple[dict[str, Any], Kept, dict[str, str]]:
        """The inputs of metrics that the real data give, what metrics have computed from them, and their features' hashes."""
        disturbed, copied = (any(asks_for(metric, part) for metric in group for part in parts) for parts in CHANGED)
        key = channels, extractor, disturbed, copied
        if key not in self._ready:
            announce(extractor, self.why)
            ref, train = self._real(channels)
            ref = ref.with_(moments=remarks.moments_of(ref, extractor))
            if not ref.is_statistics:
                ref = embed(ref, extractor, hold=False)
                ref = embed_disturbed(ref, extractor, hold=False) if disturbed else ref
            # A set that carries its features is scored without the network, which may not be on this machine.
            images = train is not None and train.x.ndim == 4 and train.features is None
            copies = embed_copies(train.x, extractor) if train is not None and copied and images else None
            train = None if train is None else embed(train, extractor, hold=False)
            real = gather_real(ref, train, copies)
            self._ready[key] = real, Kept(real.values()), _hashes(reference=ref, train=train)
        inputs: tuple[dict[str, Any], Kept, dict[str, str]] = self._ready[key]
        return inputs


def _hashes(**sets: SampleSet | None) -> dict[str, str]:
    """The hashes of the features of the sets that have features."""
    features = {name: given.features for name, given in sets.items() if given is not None}
    return {name: content_hash(array) for name, array in features.items() if array is not None}


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise UserError(f"seed {seed!r}: a whole number from 0 to 2^63 - 1 is needed")


def _refuse_statistics(given: SampleSet) -> None:
    if given.is_statistics:
        raise UserError(f"{given.manifest['name']} has only statistics, so it can only be a reference")


def _check_real(reference: SampleSet, train: SampleSet | None, extractor: Extractor) -> None:
    """Refuse real data that no sample set can be scored against."""
    if not reference.is_statistics:
        _refuse_single(reference)
    if train is not None:
        _refuse_statistics(train)
        _refuse_single(train)
        if not reference.is_statistics:
            remarks.require_alike(train, reference, extractor)


def _refuse_single(given: SampleSet) -> None:
    name = given.manifest["name"]
    if not len(given.x):
        raise UserError(f"{name} has no samples, but a score needs a set: give at least 2 samples")
    if len(given.x) == 1:
        raise UserError(f"{name} is a single sample, but a score needs a set: give at least 2 samples")


def require_values(result: Result, samples: SampleSet) -> None:
    """Refuse a result without any value. The result of a diverged run is kept: its manifest says why it has no samples.

    Raises:
        UserError: no metric was computed; the message has the first reason.
    """
    if any(measured.value is not None for measured in result.metrics.values()) or samples.manifest.get("reason"):
        return
    if any(measured.extra.get("lower_bound") is not None for measured in result.metrics.values()):
        return
    reason = next(
        (measured.reason for measured in result.metrics.values() if measured.reason), "no metric was asked for"
    )
    raise UserError(f"{samples.manifest['name']}: no metric could be computed ({reason})")
