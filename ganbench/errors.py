"""The errors that a user can cause, and the exit code of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def plain(text: str) -> str:
    """The same text; characters that do not print are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(n: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1. Thousands have a comma.

    >>> counted(1, "image"), counted(2000, "image"), counted(2, "exact copy"), counted(0, "class")
    ('1 image', '2,000 images', '2 exact copies', '0 classes')
    """
    if n != 1:
        noun = (
            f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith(("s", "x", "ch")) else f"{noun}s"
        )
    return f"{n:,} {noun}"


class UserError(Exception):
    r"""The user's input is wrong; the message says what is wrong and what to do. Exit code 2.

    The message is one line that any terminal can show, whatever the names of the user's files are made of. It names an
    argument of Python as `name=` or `name='value'` in backquotes. The command line prints such a name as its option:
    see `ganbench.cli._common.as_options`.

    >>> print(UserError("a\nb.png: no image"))
    a\nb.png: no image
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(plain(message))


class Unreachable(UserError):
    """Data or weights cannot be reached; the message says how to get them by hand. Exit code 3."""

    exit_code = 3


def choose(name: str, names: Iterable[str], kind: str) -> str:
    """Return `name` if it is one of `names`, else raise a `UserError` that names the nearest one, whatever its case.

    >>> choose("dgits", ["digits", "ring"], "dataset")
    Traceback (most recent call last):
    ganbench.errors.UserError: no dataset 'dgits'; did you mean 'digits'? (known: digits, ring)
    >>> choose("FID", ["fid", "kid"], "metric")
    Traceback (most recent call last):
    ganbench.errors.UserError: no metric 'FID'; did you mean 'fid'? (known: fid, kid)
    """
    there = sorted(names)
    if name in there:
        return name
    lower = {other.lower(): other for other in there}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"; did you mean '{lower[near[0]]}'?" if near else ""
    raise UserError(f"no {kind} '{name}'{hint} (known: {', '.join(there)})")
