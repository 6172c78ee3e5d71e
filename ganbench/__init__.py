"""ganbench: train GANs, score them, and say how far each number can be trusted.

`from ganbench import Scorer, score`: what the command line does, for other programs.
"""

from typing import TYPE_CHECKING, Any

from ganbench._version import __version__

if TYPE_CHECKING:
    from ganbench.scoring import Scorer, score

__all__ = ["Scorer", "__version__", "score"]


def __getattr__(name: str) -> Any:
    """`score` and `Scorer` are imported when they are first used, so that `import ganbench` is fast."""
    if name in ("score", "Scorer"):
        from ganbench import scoring

        return getattr(scoring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
