"""From sample sets to scores: read, embed, measure, and say under which protocol.

`Scorer` holds the real data and the protocol, `score` is one call of it, and `Monitor` calls it in a training loop. Modules:
`sources` opens sets, `devices` chooses where networks run, `embedding` computes features, `inputs` hands them to metrics,
`result` is what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ganbench.features import Extractor
from ganbench.samples import Range
from ganbench.scoring import comparison
from ganbench.scoring.embedding import announce, choose_extractor, disturbed, embed, embed_disturbed, identity
from ganbench.scoring.inputs import real_vs_real
from ganbench.scoring.monitor import Monitor
from ganbench.scoring.result import Result
from ganbench.scoring.scorer import Scorer, require_values
from ganbench.scoring.sources import Source

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "Monitor",
    "Result",
    "Scorer",
    "Source",
    "announce",
    "choose_extractor",
    "compare",
    "disturbed",
    "embed",
    "embed_disturbed",
    "identity",
    "real_vs_real",
    "require_values",
    "score",
]


def compare(a: Result, b: Result) -> DataFrame:
    """Which of two results is better, metric by metric, as a pandas table: see `ganbench.scoring.comparison.compare`.

    Raises:
        UserError: the protocols of the two results differ; the message names the fields.
    """
    import pandas as pd

    return pd.DataFrame(comparison.compare({"a": a, "b": b})).set_index("metric")


def score(
    samples: Source,
    reference: Source,
    train: Source | None = None,
    *,
    features: str | Extractor | None = None,
    metrics: Iterable[str] | None = None,
    seed: int = 0,
    range: Range | Mapping[str, Range] | None = None,
    layout: str | None = None,
    protocol: str | None = None,
    device: str | None = None,
    pairs: bool = False,
) -> Result:
    """Score one sample set. Each set is a path, a dataset's name, an array, a tensor, or a set that was read before.

    Args:
        samples: the generated samples: see `ganbench.samples`; points are float `[n, d]`.
        reference, train, features, metrics, seed, range, layout, protocol, device, pairs: see `Scorer.of`.

    Returns:
        Protocol, samples and `metrics[name]` with value, interval, n, version and reason: see `ganbench.scoring.result`.

    Raises:
        UserError: sets that cannot be read or compared, or an unknown metric or extractor.

    >>> result = score("digits:train", "digits", metrics=["fid", "memorisation"])
    >>> result.metrics["memorisation"].value
    1.0
    """
    scorer = Scorer.of(
        reference,
        train,
        features=features,
        metrics=metrics,
        seed=seed,
        range=range,
        layout=layout,
        protocol=protocol,
        device=device,
        pairs=pairs,
    )
    return scorer(samples)
