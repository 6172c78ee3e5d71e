"""Integrated alpha-precision and beta-recall (IAP, IBR): Alaa, van Breugel, Saveliev & van der Schaar 2022, arXiv:2102.08921.

A network maps the real points near to one centre. The real points in the ball around the centre that holds a share alpha of
them are the alpha-support. If both laws are equal, the share of synthetic points in this ball is alpha. For the recall, the
share of real points that have a synthetic neighbour as near as their nearest real one is counted, by the distance of this
neighbour from the mean synthetic point. Both curves are compared with the diagonal.

The network and its training have the settings of the authors' code, which arXiv:2505.22450 used too: two hidden layers of 200
units without biases, the output has the dimension of the data, the centre is (1, ..., 1), 100 steps of AdamW over all points.
One change keeps the time in bounds: at most the first 1,000 real points train it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ganbench.metrics._neighbours import knn_self
from ganbench.metrics.robust import integrated

UNITS = 200
STEPS, RATE, DECAY = 100, 1e-3, 1e-2
WEIGHT = 100.0  # of the loss: 1 / nu
TRAINED = 1000  # real points that train the network, at most
CENTRE = 1.0


class Embedding:
    """A network that was trained on real points `[n, d]`, and the images of these points."""

    def __init__(self, real: np.ndarray, seed: int) -> None:
        d = real.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = [nn.Linear(a, b, bias=False) for a, b in ((d, UNITS), (UNITS, UNITS), (UNITS, d))]
        self.network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        x = torch.as_tensor(real[:TRAINED], dtype=torch.float32)
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=RATE, weight_decay=DECAY)
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = WEIGHT * (self.network(x) - CENTRE).square().sum(1).mean()
            loss.backward()
            optimiser.step()
        self.real = self(real)
        self.nearest = knn_self(self.real, 1)[0][:, 0]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The images of points `[n, d]`, float64 `[n, d]`."""
        with torch.inference_mode():
            return np.asarray(self.network(torch.as_tensor(x, dtype=torch.float32)).double())

    def scores(self, synthetic: np.ndarray) -> tuple[float, float]:
        """IAP and IBR of synthetic points `[m, d]`."""
        return integrated(self.real, self.nearest, self(synthetic), CENTRE)
