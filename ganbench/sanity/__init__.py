"""The field's own examination: 15 checks on drawn points, a harder set, and what every metric does on them.

Raisa, van Breugel & van der Schaar, "Position: All Current Generative Fidelity and Diversity Metrics are Flawed", ICML 2025,
arXiv:2505.22450. `ganbench calibrate sanity` runs it.
"""
