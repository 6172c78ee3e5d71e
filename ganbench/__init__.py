"""ganbench: train GANs, score them, and say how far each number can be trusted.

`from ganbench import Scorer, compare, score`: what the command line does, for other programs.
`Monitor` scores a generator in a training loop.
"""

from typing import TYPE_CHECKING, Any

from ganbench._version import __version__

if TYPE_CHECKING:
    from ganbench.scoring import Monitor, Scorer, compare, score

__all__ = ["Monitor", "Scorer", "__version__", "compare", "score"]


def __getattr__(name: str) -> Any:
    """`score`, `compare`, `Scorer` and `Monitor` are imported when they are first used, so that `import ganbench` is fast."""
    if name in ("score", "compare", "Scorer", "Monitor"):
        from ganbench import scoring

        return getattr(scoring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
