"""What a scoring was computed from, as files for other programs: features and logits, and the nearest training samples."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganbench import features
from ganbench.features import Extractor
from ganbench.samples import SampleSet, content_hash

COPIES = (
    *(
        "sample",
        "sample_name",
        "train",
        "train_name",
        "distance",
        "distance_2",
        "distance_3",
        "space",
        "ratio",
        "score",
    ),
    *("threshold", "flagged", "copy"),
)  # columns of the table of copies


def features_of(sets: Mapping[str, SampleSet], extractor: Extractor) -> bytes:
    """Features and logits of embedded sets as `.npz`, without pickles.

    Args:
        sets: from `Scorer.embedded`, by role.
        extractor: the extractor that embedded them.

    Returns:
        A file with float32 arrays: `samples`, `reference` and `train` `[n, d]`, `samples_logits` and so on `[n, K]`. The text
        `about` is JSON: the extractor with its hash, and of each set its name, its n, the SHA-256 of its samples and of its
        features, and the names of its images if they are files.
    """
    arrays: dict[str, Any] = {}
    about: dict[str, Any] = {"features": features.describe(extractor), "sets": {}}
    for role, given in sets.items():
        arrays[role] = np.asarray(given.features, np.float32)
        if given.logits is not None:
            arrays[f"{role}_logits"] = np.asarray(given.logits, np.float32)
        about["sets"][role] = {
            "name": given.manifest["name"],
            "n": len(given.x),
            "sha256": content_hash(given.x),
            "features_sha256": content_hash(arrays[role]),
            "images": None if given.names is None else list(given.names),
        }
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
    return out.getvalue()


def copies_of(found: Mapping[str, Any], generated: SampleSet, train: SampleSet) -> str:
    """The nearest training samples of each sample as CSV, one line per sample, in the order of the samples.

    Args:
        found: from `Scorer.copies`.
        generated, train: the sets; the names of their images stand in the table if they are files.

    Returns:
        The columns `COPIES`. `distance` belongs to `train`, the nearest training sample in `space`; `distance_2` and
        `distance_3` to the next two. `flagged` is 1 for a score below `threshold`. `copy` is exact, near or empty.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COPIES)
    for row, entry in enumerate(found["rows"]):
        nearest = entry["nearest"][0]
        names = _name(generated, row), nearest, _name(train, nearest)
        numbers = *entry["distances"], entry["space"], entry["ratio"], entry["score"], found["threshold"]
        table.writerow([row, *names, *numbers, int(entry["flagged"]), entry["copy"]])
    return out.getvalue()


def _name(given: SampleSet, row: int) -> str:
    return "" if given.names is None else given.names[row]
