"""Splits by group: near copies stay on one side, so that memorisation is not found where there is none."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ganbench.data import draws


def groups(keys: Sequence[Sequence[Hashable]]) -> np.ndarray:
    """The group of each sample, int64 `[n]`: two samples are in one group if a chain of shared keys joins them.

    >>> groups([["a"], ["b", "c"], ["a", "d"], ["c"]]).tolist()
    [0, 1, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places = {key: i for i, key in enumerate(dict.fromkeys(key for of in keys for key in of))}
    rows = np.repeat(np.arange(len(keys)), [len(of) for of in keys])
    columns = len(keys) + np.array([places[key] for of in keys for key in of])
    size = len(keys) + len(places)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][: len(keys)], np.int64)


def held_out(seed: str, group: np.ndarray, category: Sequence[str], share: float) -> np.ndarray:
    """Which samples are held out, bool `[n]`: a random `share` of the groups of each category, whole groups only."""
    out: list[int] = []
    for name in dict.fromkeys(category):
        own = _shuffled(seed, group, category, name)
        out += own[: round(share * len(own))].tolist()
    return np.isin(group, out)


def held_out_by_size(seed: str, group: np.ndarray, category: Sequence[str], share: float) -> np.ndarray:
    """Which samples are held out, bool `[n]`: whole groups in a random order, while they fit into `share` of the samples.

    For groups whose sizes differ much: the categories have nearly equal shares on both sides.
    """
    out = np.zeros(len(group), bool)
    for name in dict.fromkeys(category):
        room = round(share * category.count(name))
        for member in (group == i for i in _shuffled(seed, group, category, name)):
            if member.sum() <= room:
                out |= member
                room -= member.sum()
    return out


def _shuffled(seed: str, group: np.ndarray, category: Sequence[str], name: str) -> np.ndarray:
    """The groups that have a sample of a category, int64 `[k]`, in a random order."""
    own = np.unique(group[np.array(category) == name])
    return own[np.argsort(draws.uniform(f"{seed} {name}", len(own)))]
