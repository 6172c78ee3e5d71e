"""What the metrics of class-conditional generators share: a metric within each class, and a classifier on features."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ganbench.metrics import NotApplicable, Score
from ganbench.metrics._order import shuffled
from ganbench.statistics import Interval, student

CLASSES = 100  # with more of them the fit takes minutes
STEPS = 200  # of L-BFGS; if a collapsed set is not fitted by then, the classifier is used as it is

Predict = Callable[[np.ndarray], np.ndarray]  # rows `[n, d]` to classes int64 `[n]`
Within = Callable[[np.ndarray, np.ndarray, np.ndarray | None], Score]  # gen, ref and train of a class


def check_labels(gen_labels: np.ndarray, ref_labels: np.ndarray) -> None:
    """Refuse sets in which a sample has no class.

    Raises:
        NotApplicable: a label is below 0, or the reference is empty.
    """
    if gen_labels.min() < 0:
        raise NotApplicable("needs labelled samples, of a class-conditional generator")
    if not len(ref_labels) or ref_labels.min() < 0:
        raise NotApplicable("needs a labelled reference")


def classifier(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Predict:
    """Multinomial logistic regression on the standardised features `x` `[n, d]` with the classes `y` `[n]`, fitted."""
    if (y == y[0]).all():
        return lambda held: np.full(len(held), y[0])
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    order = shuffled(x, rng)  # sums depend on the order of the rows, and a borderline prediction on the sums
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=STEPS)).fit(x[order], y[order])
    predict: Predict = fitted.predict
    return predict


def within_classes(
    measure: Within,
    least: int,
    most: float,
    gen: Any,
    gen_labels: np.ndarray,
    ref: Any,
    ref_labels: np.ndarray,
    train: Any = None,
    train_labels: np.ndarray | None = None,
) -> Score:
    """The mean of a metric over the classes of the reference, and its value within each class in `classes`.

    Args:
        measure: the metric, on samples that all have one class.
        least: samples of a class that the metric needs in each set.
        most: the largest value of the metric.

    The classes are independent, so the half widths of their intervals add up as roots of sums of squares. If a class has no
    interval, the interval is Student's over the classes. The classes differ, so that interval is too wide, not too narrow.

    Raises:
        NotApplicable: unlabelled sets, fewer than two classes, or samples of a class that the reference does not have.
    """
    check_labels(gen_labels, ref_labels)
    labels = np.unique(ref_labels)
    if len(labels) < 2:
        raise NotApplicable("is for references of at least 2 classes")
    if unknown := set(gen_labels.tolist()) - set(labels.tolist()):
        raise NotApplicable(f"has no reference for class {min(unknown)}: the reference has no sample of this class")
    gen, ref = np.asarray(gen), np.asarray(ref)
    of_train = None
    if train is not None and train_labels is not None and len(train_labels) and train_labels.min() >= 0:
        of_train = np.asarray(train)
    lines: list[dict[str, Any]] = []
    for label in labels:
        own, real = gen[gen_labels == label], ref[ref_labels == label]
        line: dict[str, Any] = {"class": int(label), "n": len(own), "m": len(real)}
        line |= dict.fromkeys(("value", "interval", "perfect"))
        if min(len(own), len(real)) >= least:
            score = measure(own, real, None if of_train is None else of_train[train_labels == label])
            interval = None if score.interval is None else [float(end) for end in score.interval]
            line |= {"value": score.value, "interval": interval, "perfect": score.perfect}
        lines.append(line)
    extra = {"classes": lines}
    few = [line["class"] for line in lines if line["value"] is None]
    if few:
        which = f"class {few[0]} has" if len(few) == 1 else f"{len(few)} classes have"
        reason = f"needs at least {least} samples of every class in each set; {which} too few"
        return Score(None, extra=extra, reason=reason)
    perfect = [line["perfect"] for line in lines]
    value = float(np.mean([line["value"] for line in lines]))
    return Score(value, _interval(value, lines, most), None if None in perfect else float(np.mean(perfect)), extra)


def _interval(value: float, lines: list[dict[str, Any]], most: float) -> Interval:
    """The interval of the mean of the classes' values, within [0, most]."""
    values = np.array([line["value"] for line in lines])
    if any(line["interval"] is None for line in lines):
        low, high = student(values)
    else:
        low_ends, high_ends = np.array([line["interval"] for line in lines]).T
        low = value - float(np.sqrt(np.square(values - low_ends).sum())) / len(lines)
        high = value + float(np.sqrt(np.square(high_ends - values).sum())) / len(lines)
    return max(low, 0.0), min(high, most)
