"""What two sets have in common before they are compared: sizes, classes and statistics."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ganbench import data, features
from ganbench.data import own
from ganbench.errors import UserError, counted
from ganbench.features import Extractor
from ganbench.samples import SampleSet, amount
from ganbench.samples.preflight import several
from ganbench.samples.sets import content_hash

SPATIAL = "inception-spatial"  # the extractor of sFID, whose statistics have names of their own


class Aligned(NamedTuple):
    """A set whose classes are those of the reference."""

    samples: SampleSet
    why: str | None = None  # why the set has no labels any more


def align(given: SampleSet, reference: SampleSet) -> Aligned:
    """The same set with its labels in the reference's numbers. Classes are compared by name.

    If the set has a class that the reference does not have, its labels are dropped.
    """
    if given.y is None or reference.y is None or not len(given.y):
        return Aligned(given)
    theirs = {name: number for number, name in _names(reference).items()}
    if not theirs:
        return Aligned(given)
    given_names = _names(given)
    unknown = [name for name in given_names.values() if name not in theirs]
    if unknown:
        classes = f"{'class' if len(unknown) == 1 else 'classes'} {several(unknown, len(unknown))}"
        known = several(list(theirs), len(theirs))
        why = f"its labels are not used, because {reference.manifest['name']} has no {classes}; it has {known}"
        return Aligned(given.with_(y=None), why)
    numbers = np.array([theirs[name] for name in given_names.values()], np.int64)
    place = np.searchsorted(np.array(list(given_names)), given.y)
    y = np.where(given.y < 0, given.y, numbers[np.minimum(place, len(numbers) - 1)]) if given_names else given.y
    return Aligned(given.with_(y=y))


def _names(samples: SampleSet) -> dict[int, str]:
    """The names of the classes of a set, by their sorted numbers. A class without another name is named by its number."""
    assert samples.y is not None
    numbers = set(np.unique(samples.y[samples.y >= 0]).tolist())
    dataset = samples.manifest.get("dataset", "")
    if data.is_name(dataset):
        numbers |= set(range(data.facts(dataset).classes))
    names = samples.manifest.get("found", {}).get("classes", {})
    if own.exists(dataset):
        names = data.card(dataset).get("class_names", {})
    return {number: names.get(str(number), str(number)) for number in sorted(numbers)}


def require_alike(given: SampleSet, reference: SampleSet, extractor: Extractor) -> None:
    """Refuse sets of another kind, and images of another size unless the extractor resizes all images to one size.

    Grey and colour images are alike: see `ganbench.samples.common_channels`.

    Raises:
        UserError: the sets cannot be compared.
    """
    images = given.x.ndim == reference.x.ndim == 4
    one, other = (x.shape[1:3] if images else x.shape[1:] for x in (given.x, reference.x))
    if (one == other or (images and resizes(extractor))) and given.x.dtype == reference.x.dtype:
        return
    (name, this), (other_name, that) = ((s.manifest["name"], amount(None, s.x.shape[1:])) for s in (given, reference))
    rule = "have the same width and height; resize one set" if images else "be alike"
    points = given.x.ndim != reference.x.ndim and 2 in (given.x.ndim, reference.x.ndim)
    declare = "; images in floats need `range=`" if points else ""
    raise UserError(f"{name} has {this}, but {other_name} has {that}; they must {rule}{declare}")


def resizes(extractor: Extractor) -> bool:
    """Whether an extractor resizes images of any size to one size."""
    return "resize" in features.describe(extractor)


def sizes(given: SampleSet, reference: SampleSet, extractor: Extractor) -> list[str]:
    """A warning where two sets of images have different sizes."""
    images = given.x.ndim == reference.x.ndim == 4
    if not images or given.x.shape[1:3] == reference.x.shape[1:3] or not resizes(extractor):
        return []
    (height, width), (other_height, other_width) = given.x.shape[1:3], reference.x.shape[1:3]
    name, other = given.manifest["name"], reference.manifest["name"]
    return [
        f"{name}: warning: images of {width} x {height} pixels against {other_width} x {other_height} pixels in {other}; "
        f"{extractor.name} resizes both. Real images against the same images at another size have an FID above 0 "
        "(arXiv:2104.11222). To measure the generator alone, resize the larger set with an antialiased filter. Metrics of "
        "pixels are not computed"
    ]


def moments_of(reference: SampleSet, extractor: Extractor) -> np.ndarray | None:
    """Mean and covariance that the file of a reference has of these features, as far as their number shows; else None."""
    given = reference.spatial if extractor.name == SPATIAL else reference.moments
    width = _width(reference, extractor)
    if given is None or given.shape[1] == width or (width is None and reference.is_statistics):
        return given
    return None


def _width(reference: SampleSet, extractor: Extractor) -> int | None:
    """The number of features of the reference; None if only the extractor knows it."""
    about = features.describe(extractor)
    if about["id"] == "pixels":
        return math.prod(reference.x.shape[1:])
    d: int | None = about["d"]
    return d


def statistics(reference: SampleSet, others: list[SampleSet], extractors: list[Extractor]) -> list[str]:
    """What the statistics of a file are used for. The numbers of the first extractor are `fid` and all but `sfid`."""
    lines = []
    if reference.moments is not None:
        name, d, first = reference.manifest["name"], reference.moments.shape[1], extractors[0]
        of_spatial = any(e.name == SPATIAL and moments_of(reference, e) is not None for e in extractors[1:])
        against = "mu and sigma of this file" + (", sfid against mu_s and sigma_s" if of_spatial else "")
        if reference.is_statistics:
            lines.append(
                f"{name}: statistics of {counted(d, 'feature')} without images; fid is measured against {against}, and no "
                f"other metric is computed; mu and sigma must be of {first.name}"
            )
        elif moments_of(reference, first) is not None:
            lines.append(
                f"{name}: fid is measured against {against}, and all other metrics against its "
                f"{counted(len(reference.x), 'image')}; mu and sigma must be of {first.name}"
            )
        else:
            lines.append(
                f"{name}: its mu and sigma of {counted(d, 'feature')} are not used, because {first.name} has "
                f"{_width(reference, first) or 'another number'}; all metrics are measured against its images"
            )
    lines += [
        f"{given.manifest['name']}: its images are read, and its mu and sigma are not used"
        for given in others
        if given.moments is not None
    ]
    return lines


def fingerprint(reference: SampleSet, extractors: list[Extractor]) -> dict[str, Any]:
    """The hashes of the statistics beside images, and of spatial statistics, where they are used; else empty."""
    hashes = {}
    for extractor in extractors:
        moments = moments_of(reference, extractor)
        if moments is not None and (extractor.name == SPATIAL or not reference.is_statistics):
            hashes["spatial_statistics" if extractor.name == SPATIAL else "statistics"] = content_hash(moments)
    return hashes
