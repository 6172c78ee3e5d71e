"""The 360 verdicts that arXiv:2505.22450 printed, from one run whose seeds nobody can set again."""

from __future__ import annotations

from ganbench.sanity.criteria import DIVERSITY, FIDELITY
from ganbench.sanity.pairs import HALF, PAIRS

BOUNDS, SHAPE = "bounds", "shape"
PARTS = (BOUNDS, SHAPE)

# By check: bounds and shape of fidelity, bounds and shape of diversity. The letters belong to the six pairs of `PAIRS`.
# T: pass, F: fail; H and L: pass, because the diversity is high or low.
LETTERS = {
    "1": "FTFTFF TTTTTT FTFTFF TTTTTT",
    "2": "FFFTFF FTTTFT FTFTFF FTTTTT",
    "3": "FFFFFF TTFFFT FFFFFF HFLFFH",
    "4": "FTFFFF TFFFFT FTFTFF FTFTFT",
    "5": "FTFFFF TTFFFT FTFTFF TTFFTT",
    "6": "TTFFFF TTFFFT TFFFFF TFFFFT",
    "7": "FFFFTF FFTFTF FFFFTF FFFFTF",
    "8": "FFFFFF FFFFFF FFFFFF FFFFFF",
    "9": "TTTFFT FFFFFF FFFFFF FFFFFF",
    "10": "TTFFTT TTTFTT TFTTFT FFTFFF",
    "11": "FTFTFF TTTTTT FTFTFF FFFFFF",
    "12": "FTTTTT FTTTTT TTTTTT FTTTTT",
    "13": "FTTTTF TTTTTT TTFTTF TTTTTT",
    "14": "FFTFFF FFFFFF FFTFFF FFFFFF",
    "15": "FFFFFF FFFFFF FFFFFF FFFFFF",
}
COLUMNS = tuple((half, part) for half in (FIDELITY, DIVERSITY) for part in PARTS)
NUMBER = {name: number for number, pair in enumerate(PAIRS[:6]) for name in pair}


def passed(check: str, metric: str, part: str) -> bool | None:
    """Whether a metric passes a part of a check according to the paper; None if the paper does not say."""
    if check not in LETTERS or metric not in NUMBER:
        return None
    letters = LETTERS[check].split()[COLUMNS.index((HALF[metric], part))]
    return letters[NUMBER[metric]] != "F"
