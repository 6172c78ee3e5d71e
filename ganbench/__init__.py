"""ganbench: train GANs, score them, and say how far each number can be trusted.

`from ganbench import score, scorer`: what the command line does, for other programs.
"""

from typing import TYPE_CHECKING, Any

from ganbench._version import __version__

if TYPE_CHECKING:
    from ganbench.scoring import score, scorer

__all__ = ["__version__", "score", "scorer"]


def __getattr__(name: str) -> Any:
    """`score` and `scorer` come when they are asked for, so that `import ganbench` costs nothing."""
    if name in ("score", "scorer"):
        from ganbench import scoring

        return getattr(scoring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
