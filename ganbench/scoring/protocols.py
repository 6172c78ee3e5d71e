"""Protocols of other evaluators by name: what each one pins, as data.

A protocol fixes everything that moves a number: the extractor with its weights and its resize, the rule of each number, the
neighbours, the splits, the subsets and the seeds. `docs/protocols.md` is this table as a page, with the measured agreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from ganbench import features, metrics
from ganbench.errors import UserError, choose, counted
from ganbench.features import Extractor
from ganbench.metrics import Card, Metric, _literature


@dataclass(frozen=True)
class Number:
    """One number of a protocol."""

    name: str  # its name in a result
    metric: str  # the metric of ganbench whose question, direction and range it has
    features: str  # the extractor, with its resize
    states: str  # its rule, for readers
    rule: str | None = None  # a function of `ganbench.metrics._literature`; None: the metric itself
    options: Mapping[str, Any] = field(default_factory=dict)  # of the rule
    most: int | None = None  # samples of each set that it is computed on; None: all

    @property
    def measure(self) -> Metric:
        """The number as a metric, for `ganbench.metrics.compute`."""
        own = metrics.get(self.metric)
        function = own.function if self.rule is None else partial(getattr(_literature, self.rule), **self.options)
        return Metric(self.name, own.card, function if self.most is None else _literature.capped(function, self.most))


class Source(NamedTuple):
    """Where a fact stands: a file of a public repository, and the commit of the version that was read."""

    repository: str
    file: str
    commit: str


@dataclass(frozen=True)
class Protocol:
    """What an evaluator pins."""

    name: str
    about: str
    n: int  # generated samples in papers
    reference: str  # in papers
    numbers: tuple[Number, ...]
    sources: tuple[Source, ...]
    apart: tuple[str, ...]  # where its own numbers can differ from the numbers of ganbench under this protocol

    @property
    def extractors(self) -> tuple[str, ...]:
        """The extractors, in the order in which they are used first."""
        return tuple(dict.fromkeys(number.features for number in self.numbers))


FRECHET = "Frechet distance, means and covariances (n - 1) in float64"
CLOSED = "k = 3, closed balls, all samples of both sets"
OPEN = "k = 5, open balls"
SUBSETS = "kernel (x . y / d + 1)^3 on the features as they are"
EXPECTED = f"{SUBSETS}; the expected value of 100 random subsets of 1,000"
ROUNDING = "It computes means, kernels or distances in float32."

TABLE = (
    Protocol(
        "torch-fidelity",
        "The package torch-fidelity 0.4 with `--isc --fid --kid --prc` and the extractor `inception-v3-compat`",
        50_000, "the training split, for example `cifar10-train`",
        (
            Number(
                "inception_score", "classifier_score", "inception",
                "logits without bias, 10 splits after a shuffle with seed 2020, no correction of bias",
                "inception_score", {"splits": 10, "seed": 2020},
            ),
            Number("fid", "fid", "inception", FRECHET),
            Number(
                "kid", "kid", "inception", f"{SUBSETS}; mean of 100 subsets of 1,000 with seed 2020",
                "kernel_distance", {"subsets": 100, "size": 1000, "seed": 2020},
            ),
            Number("precision", "precision", "inception", CLOSED),
            Number("recall", "recall", "inception", CLOSED),
        ),
        (
            Source("toshas/torch-fidelity", "torch_fidelity/metric_kid.py", "5b1e99c3c474"),
            Source("toshas/torch-fidelity", "torch_fidelity/metric_isc.py", "13766cc72549"),
            Source("toshas/torch-fidelity", "torch_fidelity/metric_prc.py", "5b1e99c3c474"),
        ),
        (
            ROUNDING,
            "With `--prc` alone, it takes VGG-16 in the place of Inception.",
            "Code before 0.4 takes the first set for the real one in `--prc`, so precision and recall change places.",
            "It refuses sets of fewer than 1,000 samples for KID; ganbench then takes subsets of the size of the smaller set.",
        ),
    ),
    Protocol(
        "clean-fid", "The package clean-fid 0.1.35 in its mode `clean`",
        50_000, "the file of statistics of the training split, which the authors host",
        (
            Number("fid", "fid", "inception-clean", FRECHET),
            Number("kid", "kid", "inception-clean", EXPECTED, "kernel_distance"),
        ),
        (Source("GaParmar/clean-fid", "cleanfid/fid.py", "01ff74816bcf"),),
        (
            ROUNDING,
            "Its subsets of KID are drawn without a seed, so its KID is another one each time.",
            "Its network is a TorchScript file of the same weights, downloaded without a hash.",
        ),
    ),
    Protocol(
        "adm", "The evaluator of ADM, `guided-diffusion/evaluations`, which most papers on ImageNet use",
        50_000,
        "the `.npz` of the data set and image size, which the authors host; its `mu` and `sigma` are used for FID, its `mu_s` "
        "and `sigma_s` for sFID, its images for precision and recall",
        (
            Number(
                "inception_score", "classifier_score", "inception",
                "logits without bias, parts of 5,000 in the order of the file, no correction of bias",
                "inception_score", {"size": 5000},
            ),
            Number("fid", "fid", "inception", FRECHET),
            Number("sfid", "fid", "inception-spatial", f"{FRECHET}; 7 channels of `mixed_6/conv`, 2,023 numbers"),
            Number("precision", "precision", "inception", CLOSED),
            Number("recall", "recall", "inception", CLOSED),
        ),
        (
            Source("openai/guided-diffusion", "evaluations/evaluator.py", "1b61a432f50d"),
            Source("toshas/torch-fidelity", "utils/util_convert_inception_weights.py", "ca69a1016419"),
        ),
        (
            "Its distances for precision and recall are in float16, without a centre. Neighbours change places, so both shares "
            "differ.",
            "Its softmax is in float32. A class probability of 0 makes its Inception Score NaN.",
        ),
    ),
    Protocol(
        "edm2", "The script `calculate_metrics.py` of EDM2",
        50_000, "the `.pkl` of statistics of the training split, which the authors host",
        (
            Number("fid", "fid", "inception", FRECHET),
            Number("fd_dinov2", "fid", "dinov2-edm2", FRECHET),
        ),
        (Source("NVlabs/edm2", "calculate_metrics.py", "32ecad3f756d"),),
        (
            "It sums x and x x' without a centre, in float64.",
            "Papers quote the least of three sets of 50,000 samples.",
            "`dinov2` comes from the current code of its authors.",
        ),
    ),
    Protocol(
        "dgm-eval", "The package dgm-eval with its default encoder, DINOv2 ViT-L/14",
        50_000, "the training split; for precision, recall, density and coverage 10,000 random images of it",
        (
            Number("fd_dinov2", "fid", "dinov2-dgm-eval", FRECHET),
            Number("kd_dinov2", "kid", "dinov2-dgm-eval", EXPECTED, "kernel_distance"),
            Number("precision", "precision", "dinov2-dgm-eval", OPEN, "open_precision", most=10_000),
            Number("recall", "recall", "dinov2-dgm-eval", OPEN, "open_recall", most=10_000),
            Number("density", "density", "dinov2-dgm-eval", OPEN, most=10_000),
            Number("coverage", "coverage", "dinov2-dgm-eval", OPEN, most=10_000),
        ),
        (
            Source("layer6ai-labs/dgm-eval", "dgm_eval/__main__.py", "064a94e2eaff"),
            Source("layer6ai-labs/dgm-eval", "dgm_eval/models/dinov2.py", "d57a6d2d6bd6"),
            Source("layer6ai-labs/dgm-eval", "dgm_eval/metrics/mmd.py", "d57a6d2d6bd6"),
            Source("layer6ai-labs/dgm-eval", "dgm_eval/metrics/prdc.py", "d57a6d2d6bd6"),
        ),
        (
            "Its subsets of KD are drawn without a seed, so its KD is another one each time.",
            "Above 10,000 samples it draws 10,000 of each set at random for precision, recall, density and coverage. ganbench "
            "draws its own 10,000.",
            "Where more than five held-out images are equal, its balls are empty, also for density and coverage.",
        ),
    ),
    Protocol(
        "studiogan",
        "The script `evaluate.py` of PyTorch-StudioGAN with its defaults: backbone `InceptionV3_tf`, resizer `legacy`",
        50_000, "the training or the validation split: each paper says which",
        (
            Number(
                "inception_score", "classifier_score", "inception-studiogan",
                "logits with their bias, one part, no correction of bias", "inception_score", {"splits": 1},
            ),
            Number("fid", "fid", "inception-studiogan", FRECHET),
            Number("precision", "precision", "inception-studiogan", OPEN, "open_precision"),
            Number("recall", "recall", "inception-studiogan", OPEN, "open_recall"),
            Number("density", "density", "inception-studiogan", OPEN),
            Number("coverage", "coverage", "inception-studiogan", OPEN),
        ),
        (
            Source("POSTECH-CVLab/PyTorch-StudioGAN", "src/evaluate.py", "14820c412aa1"),
            Source("POSTECH-CVLab/PyTorch-StudioGAN", "src/metrics/inception_net.py", "db239202f00f"),
            Source("POSTECH-CVLab/PyTorch-StudioGAN", "src/utils/resize.py", "d251d6906133"),
        ),
        (
            "Its resizers `clean` and `friendly` are other protocols, which ganbench does not have.",
            "Where more than five held-out images are equal, its balls are empty, also for density and coverage.",
        ),
    ),
)  # fmt: skip
PROTOCOLS = {protocol.name: protocol for protocol in TABLE}


def get(name: str) -> Protocol:
    """The protocol of this name; a `UserError` if there is none."""
    return PROTOCOLS[choose(name, tuple(PROTOCOLS), "protocol")]


def card(name: str) -> Card | None:
    """The card of a metric, or of the metric that a number of a protocol stands for; None if there is no such number."""
    stands_for = {number.name: number.metric for protocol in TABLE for number in protocol.numbers}
    metric = name if name in metrics.names() else stands_for.get(name)
    return None if metric is None else metrics.get(metric).card


def better(name: str) -> str | None:
    """The better direction of a metric, or of a number of a protocol; None if there is no such number."""
    about = card(name)
    return None if about is None else about.better


def settle(
    protocol: Protocol, asked: str | Extractor | None, wanted: Iterable[str] | None
) -> tuple[Extractor, tuple[str, ...]]:
    """The first extractor of a protocol and the names of the wanted numbers, after a check against what the user gave.

    Args:
        protocol: the protocol.
        asked: the user's extractor, whose file of weights is kept; None or `auto` for none.
        wanted: names of numbers; None for all.

    Raises:
        UserError: the user's extractor, precision, weights or numbers contradict the protocol.
    """
    extractor = asked if isinstance(asked, Extractor) else Extractor(asked or features.AUTO)
    pins = f"the protocol {protocol.name} pins"
    if extractor.name != features.AUTO and extractor.name not in protocol.extractors:
        raise UserError(
            f"{pins} the extractor {' and '.join(protocol.extractors)}: leave out `features='{extractor.name}'`"
        )
    if extractor.precision != "fp32":
        raise UserError(f"{pins} the precision fp32: leave out `precision='{extractor.precision}'`")
    first = extractor._replace(name=protocol.extractors[0])
    files = {features.published(name) for name in protocol.extractors}
    if extractor.weights is not None and len(files) > 1:
        raise UserError(
            f"{pins} {len(files)} files of weights: leave out `weights=`, and put them into GANBENCH_WEIGHTS"
        )
    if features.describe(first)["sha256"] != features.describe(first.name)["sha256"]:
        raise UserError(f"{pins} the published weights of {first.name}: leave out `weights='{extractor.weights}'`")
    names = [number.name for number in protocol.numbers]
    kind = f"number in the protocol {protocol.name}:"
    return first, tuple(names if wanted is None else [choose(name, names, kind) for name in wanted])


def groups(protocol: Protocol, wanted: Iterable[str], first: Extractor) -> list[tuple[Extractor, list[Number]]]:
    """The wanted numbers of a protocol by extractor. `first` is the first extractor with the user's file of weights."""
    kept = [number for number in protocol.numbers if number.name in set(wanted)]
    return [
        (first._replace(name=name), [number for number in kept if number.features == name])
        for name in protocol.extractors
        if any(number.features == name for number in kept)
    ]


def few(protocol: Protocol, n: int, m: int | None) -> list[str]:
    """Warnings for sets that are smaller than the sets in papers: n generated samples, m held-out samples or None."""
    lines = []
    if n < protocol.n:
        lines.append(
            f"the protocol {protocol.name}: papers use {protocol.n:,} samples, and there are {n:,}; compare these values only "
            f"with values of {counted(n, 'sample')}"
        )
    for number in protocol.numbers:
        size, least = number.options.get("size"), min(n, n if m is None else m)
        if number.rule == "kernel_distance" and size is not None and least < size:
            lines.append(
                f"the protocol {protocol.name}: {number.name} takes subsets of {least:,} samples, not of {size:,}"
            )
    return lines
