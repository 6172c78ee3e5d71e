from __future__ import annotations

import numpy as np

from ganbench.metrics.rejected import rejected
from ganbench.statistics import share


def test_rejected_is_the_share_of_samples_that_are_not_called_undamaged() -> None:
    kinds = np.eye(4)[[0, 0, 1, 3, 2, 0]]
    score = rejected(kinds, np.eye(4)[[0, 0, 0, 1]])
    assert score.value == 0.5
    assert score.interval == share(3, 6)
    assert score.perfect == 0.25


def test_a_tie_with_undamaged_is_not_rejected() -> None:
    assert rejected(np.zeros((5, 3))).value == 0
