"""Results that metrics share: what is kept, for how long, and under which key."""

from __future__ import annotations

import numpy as np

from ganbench.metrics._shared import Kept, remembered, remembering

CALLS: list[str] = []


@remembered
def doubled(x: np.ndarray, n: int = 1) -> np.ndarray:
    CALLS.append("doubled")
    return 2 * x * n


@remembered
def drawn(x: np.ndarray, rng: np.random.Generator) -> float:
    CALLS.append("drawn")
    return float(x.sum() * rng.random())


def calls() -> int:
    number = len(CALLS)
    CALLS.clear()
    return number


def test_without_a_context_nothing_is_kept() -> None:
    x = np.ones(3)
    assert doubled(x) is not doubled(x)
    assert calls() == 2


def test_results_of_fixed_arrays_outlive_the_call_and_others_do_not() -> None:
    real, gen = np.ones(3), np.ones(3)
    kept = Kept([real])
    for _ in range(2):
        with remembering(kept):
            assert doubled(real) is doubled(real)
            assert doubled(doubled(real)) is doubled(doubled(real))  # what comes from fixed arrays is fixed
            assert doubled(gen) is doubled(gen)
            assert doubled(gen) is not doubled(real)
    assert calls() == 4  # twice for `gen`, which is an array of one call


def test_numbers_count_by_value_and_generators_by_their_state() -> None:
    x = np.ones(3)
    with remembering(Kept([x])):
        assert doubled(x, 2) is doubled(x, 2)
        assert doubled(x, 3)[0] == 6
        first = drawn(x, np.random.default_rng(1))
        assert first == drawn(x, np.random.default_rng(1)) == drawn.__wrapped__(x, np.random.default_rng(1))  # type: ignore[attr-defined]
        assert first != drawn(x, np.random.default_rng(2))
    assert calls() == 5
