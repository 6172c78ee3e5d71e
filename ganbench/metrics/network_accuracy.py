"""Classification accuracy score by a network: train it on generated images, test it on real images.

Ravuri & Vinyals 2019, arXiv:1905.10887. As in the paper, a convolutional network learns from the pixels. It is small: two
convolutions and a hidden layer, 300 steps. So its numbers do not compare with those of the paper's ResNet-50. Beside it,
`classification_accuracy` fits logistic regression on the features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._classes import CLASSES, check_labels
from ganbench.metrics._order import shuffled
from ganbench.metrics._rows import take
from ganbench.statistics import share

if TYPE_CHECKING:
    from torch import Tensor

CARD = Card(
    answers="How well does a small network that was trained on generated images classify held-out images?",
    better="higher",
    range=(0.0, 1.0),
    minimum=20,
    paper="Ravuri & Vinyals 2019, arXiv:1905.10887",
    version=1,
    responds={"copies": "0"},
    on_request=True,
)

SIDE = 32  # pixels; larger images are averaged down to this side
CHANNELS = (16, 32)  # of the two convolutions
UNITS = 64  # of the hidden layer
STEPS, BATCH, RATE = 300, 64, 2e-3
FITTED = 10_000  # images at most that the network learns from
AT_ONCE = 1000  # images that are classified together


def network_accuracy(
    gen_pixels: np.ndarray,
    gen_labels: np.ndarray,
    ref_pixels: np.ndarray,
    ref_labels: np.ndarray,
    image_shape: tuple[int, int, int],
    rng: np.random.Generator,
    train_pixels: np.ndarray | None = None,
    train_labels: np.ndarray | None = None,
) -> Score:
    """Accuracy on `ref_pixels` `[m, H*W*C]` of a network trained on `gen_pixels` `[n, H*W*C]` and their labels.

    The networks learn from at most 10,000 images. `perfect` is the accuracy of the same network trained on n random training
    images. The interval is Clopper-Pearson's over the held-out images, given the network: other samples, or another start of
    the training, give another network.
    """
    check_labels(gen_labels, ref_labels)
    if not 2 <= len(np.unique(ref_labels)) <= CLASSES:
        raise NotApplicable(f"is for references of 2 to {CLASSES} classes")
    if math.prod(image_shape) != gen_pixels.shape[1]:
        raise NotApplicable("needs all values of every image")
    seed, n = int(rng.integers(2**31)), min(len(gen_labels), FITTED)
    images = _Images(image_shape)

    def right(pixels: Any, labels: np.ndarray) -> int:
        rows = shuffled(pixels, rng)[:n]
        predict = _fit(images(take(pixels, rows)), labels[rows], seed)
        parts = [predict(images(ref_pixels[i : i + AT_ONCE])) for i in range(0, len(ref_labels), AT_ONCE)]
        return int((np.concatenate(parts) == ref_labels).sum())

    correct, perfect = right(gen_pixels, gen_labels), None
    if train_pixels is not None and train_labels is not None and len(train_labels) >= n and train_labels.min() >= 0:
        perfect = right(train_pixels, train_labels) / len(ref_labels)
    return Score(correct / len(ref_labels), share(correct, len(ref_labels)), perfect)


class _Images(NamedTuple):
    """The form of images, and how their pixels become the network's input."""

    shape: tuple[int, int, int]  # height, width, channels

    def __call__(self, pixels: Any) -> Tensor:
        """Pixels `[n, H*W*C]` in [0, 1] to float32 `[n, C, side, side]` of at most 32 rows and columns, around 0."""
        import torch
        from torch.nn.functional import adaptive_avg_pool2d

        x = torch.from_numpy(np.asarray(pixels, np.float32).reshape(-1, *self.shape)).permute(0, 3, 1, 2)
        height, width, _ = self.shape
        return adaptive_avg_pool2d(x, (min(height, SIDE), min(width, SIDE))) - 0.5


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """One thread and a seed of its own for torch. The caller's threads, random numbers and grad mode come back."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums depend on the number of threads, and a training on every sum
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _fit(x: Tensor, y: np.ndarray, seed: int) -> Callable[[Tensor], np.ndarray]:
    """A network that was trained on the images `x` with classes `y` `[n]`: from images to classes."""
    import torch
    from torch import nn

    names, place = np.unique(y, return_inverse=True)
    classes = torch.from_numpy(place.ravel())
    with _alone(seed):
        (a, b), size = CHANNELS, 4
        network = nn.Sequential(
            *(nn.Conv2d(x.shape[1], a, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(2 * size)),
            *(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(size)),
            *(nn.Flatten(), nn.Linear(b * size * size, UNITS), nn.ReLU(), nn.Linear(UNITS, len(names))),
        )
        optimiser = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(STEPS):
            rows = torch.randint(len(x), (min(BATCH, len(x)),))
            loss = nn.functional.cross_entropy(network(x[rows]), classes[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def predict(images: Tensor) -> np.ndarray:
        with _alone(seed), torch.no_grad():
            return np.asarray(names[network(images).argmax(1).numpy()])

    return predict
