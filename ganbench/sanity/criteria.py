"""What a curve must look like, as signed margins: at least 0 where the curve passes.

The predicates and their tolerances are those of arXiv:2505.22450. A curve is an array `[..., k]`: the values at the k places
of a sweep, with any number of axes before. A margin has the shape `[...]`, in units of the metric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

NEAR = 0.05  # "is 1" and "is 0" mean so near
FLAT = 0.05  # largest range of a flat curve
DIFFERENT = 0.2  # least difference of two ends
CLOSE = 0.1  # "is the highest" and "is the lowest" mean so near

FIDELITY, DIVERSITY = "fidelity", "diversity"


class Margins(NamedTuple):
    """The margins of a curve under the two readings of diversity.

    A generator that is wider than the data either keeps a low diversity or gets a high diversity. A metric may choose, but
    its choice must be the same in all sweeps of a check. For fidelity both readings are equal.
    """

    bounds: tuple[np.ndarray, np.ndarray]  # read as low, read as high
    shape: tuple[np.ndarray, np.ndarray]


# From the half (fidelity or diversity), the group, the places `[k]` and the values `[..., k]`.
Criterion = Callable[[str, str, np.ndarray, np.ndarray], Margins]
# The same for a distance, without the half: how it is least at equal sets (None: no equal sets), and its shape.
Rule = Callable[[str, np.ndarray, np.ndarray], tuple[np.ndarray | None, np.ndarray]]


def value_is(y: np.ndarray, wanted: float) -> np.ndarray:
    """Whether values are `wanted`."""
    return np.asarray(NEAR - np.abs(y - wanted))


def flat(y: np.ndarray) -> np.ndarray:
    """Whether the range of a curve is small."""
    return np.asarray(FLAT - np.ptp(y, axis=-1))


def falling(y: np.ndarray) -> np.ndarray:
    """Whether the first value is the highest, the last one the lowest, and they differ."""
    first, last = y[..., 0], y[..., -1]
    return worst(first - last - DIFFERENT, CLOSE - (y.max(-1) - first), CLOSE - (last - y.min(-1)))


def bell(y: np.ndarray, middle: int) -> np.ndarray:
    """Whether the value at `middle` is the highest, both ends are lower, and one of the ends is the lowest."""
    top, low, high = y[..., middle], *_ordered(y[..., 0], y[..., -1])
    return worst(top - high - DIFFERENT, CLOSE - (y.max(-1) - top), CLOSE - (low - y.min(-1)))


def worst(*margins: np.ndarray) -> np.ndarray:
    """All of the conditions together: the smallest margin."""
    return np.asarray(np.minimum.reduce(np.broadcast_arrays(*margins)))


def _ordered(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.minimum(a, b), np.maximum(a, b)


def _at(x: np.ndarray, place: float) -> int:
    return int(np.abs(x - place).argmin())


def _both(margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return margin, margin


def _ends(y: np.ndarray, first: float, last: float) -> np.ndarray:
    return worst(value_is(y[..., 0], first), value_is(y[..., -1], last))


def bell_at(place: float) -> Criterion:
    """1 where both sets have one law, at `place`; 0 at both ends; a bell."""

    def criterion(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
        middle = _at(x, place)
        return Margins(_both(worst(value_is(y[..., middle], 1), _ends(y, 0, 0))), _both(bell(y, middle)))

    return criterion


def spread(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """Narrow samples are all typical and not diverse; wide samples are not typical, and their diversity is low or high."""
    middle = _at(x, 1)
    equal = value_is(y[..., middle], 1)
    if half == FIDELITY:
        return Margins(_both(worst(equal, _ends(y, 1, 0))), _both(falling(y)))
    low, high = worst(equal, _ends(y, 0, 0)), worst(equal, _ends(y, 0, 1))
    return Margins((low, high), (bell(y, middle), falling(y[..., ::-1])))


def dropping(halfway: int) -> Criterion:
    """Lost modes leave the fidelity at 1 and lower the diversity, by a tenth at the place number `halfway`."""

    def criterion(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
        first = y[..., 0]
        if half == FIDELITY:
            return Margins(_both(_ends(y, 1, 1)), _both(flat(y)))
        drop = first - y[..., halfway] - CLOSE
        return Margins(_both(value_is(first, 1)), _both(worst(falling(y), drop)))

    return criterion


def lost_or_invented(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """Invented modes lower the fidelity, and every further mode of the data raises the diversity."""
    equal = value_is(y[..., _at(x, 5)], 1)
    if half == FIDELITY:
        return Margins(_both(worst(equal, value_is(y[..., 0], 1))), _both(falling(y)))
    return Margins(_both(worst(equal, value_is(y[..., -1], 1))), _both(falling(y[..., ::-1])))


def overlapping(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """The value settles as the sets grow (printed with the bounds), at the volume 0.2 that the two laws share."""
    return Margins(_both(_settled(x, y)), _both(value_is(y[..., -1], 0.2)))


def apart_and_converged(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """The laws share nothing: the value is 0 and settles."""
    return Margins(_both(value_is(y[..., -1], 0)), _both(_settled(x, y)))


def _settled(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return flat(y[..., x >= np.median(x)])


def merging(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """One wide mode in the place of two: the fidelity falls, and the diversity falls or stays."""
    equal = _both(value_is(y[..., 0], 1))
    return Margins(equal, _both(falling(y)) if half == FIDELITY else (falling(y), flat(y)))


def apart_and_flat(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """The laws share nothing, and what changes is no concern of theirs."""
    return Margins(_both(_ends(y, 0, 0)), _both(flat(y)))


def discrete(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """Between rounded and unrounded numbers: the continuous law has all of the rounded one, and not the reverse."""
    nothing, everything = _ends(y, 0, 0), _ends(y, 1, 1)
    if half == FIDELITY:
        bounds = _both(nothing if group == "real rounded" else everything)
    else:
        bounds = (nothing, everything) if group == "real rounded" else _both(nothing)
    return Margins(bounds, _both(flat(y)))


def contaminated_columns(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """Rows that cannot be data lower the fidelity from 1 to 0; the diversity is 1 at the start, and falls or stays."""
    if half == FIDELITY:
        return Margins(_both(_ends(y, 1, 0)), _both(falling(y)))
    return Margins(_both(value_is(y[..., 0], 1)), (falling(y), flat(y)))


def linear(half: str, group: str, x: np.ndarray, y: np.ndarray) -> Margins:
    """The value reads as the share of good samples, within 0.05 everywhere. The bounds: 1 without junk, 0 with nothing else."""
    return Margins(_both(_ends(y, 1, 0)), _both(NEAR - deviation(x, y)))


def deviation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Largest deviation of `y` `[..., k]` from the straight line 1 - x."""
    return np.asarray(np.abs(y - (1 - x)).max(-1))


def least_at(place: float) -> Rule:
    """A distance is least where both sets have one law, and does not fall on the way from there to the ends.

    Least: each end lies above the value there, by a fifth of the sum of their sizes; no value lies below it by more than a
    tenth of the rise to the nearer end. The shape: on each side, no step back is larger than a tenth of the rise of that
    side.
    """

    def rule(group: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        middle = _at(x, place)
        sides = [side for side in (y[..., middle::-1], y[..., middle:]) if side.shape[-1] > 1]
        rises = np.stack([_share(side[..., -1] - side[..., 0], np.abs(side[..., [0, -1]]).sum(-1)) for side in sides])
        nearer = np.min([side[..., -1] - side[..., 0] for side in sides], axis=0)
        dip = _share(y[..., middle] - y.min(-1), np.maximum(nearer, 0.0))
        least = worst(rises.min(0) - DIFFERENT, CLOSE - dip)
        return least, worst(*(_rising(side) for side in sides))

    return rule


def _rising(y: np.ndarray) -> np.ndarray:
    """Whether no value lies below an earlier one by more than a tenth of the whole rise."""
    back = (np.maximum.accumulate(y, -1) - y).max(-1)
    return np.asarray(CLOSE - _share(back, np.maximum(y[..., -1] - y[..., 0], 0.0)))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; 1 where the whole is 0 and the part is not, 0 where both are 0. At most 1 in size."""
    ratio = np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.sign(part))
    return np.asarray(np.clip(ratio, -1.0, 1.0))


def unchanged(group: str, x: np.ndarray, y: np.ndarray) -> tuple[None, np.ndarray]:
    """The laws stay as far apart as they are: the range of a distance is a twentieth of its largest value. No set is equal."""
    return None, np.asarray(FLAT - _share(np.ptp(y, axis=-1), np.abs(y).max(-1)))


def settled(group: str, x: np.ndarray, y: np.ndarray) -> tuple[None, np.ndarray]:
    """As `unchanged`, over the upper half of the set sizes."""
    return unchanged(group, x, y[..., x >= np.median(x)])


def finer(group: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """The distance of rounded from unrounded numbers shrinks as the grid becomes finer."""
    return least_at(x[-1])(group, x, y)


def silent(y: np.ndarray) -> np.ndarray:
    """Whether a detector reports nothing along the whole curve: there is nothing to report."""
    return np.asarray(NEAR - np.abs(y).max(-1))
