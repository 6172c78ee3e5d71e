"""The errors that a user can cause, and the exit code of each."""

from __future__ import annotations

import codecs
import difflib
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT = "\n\xa0"  # between lines, and between a number and its unit
NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "storage size calculation overflowed",
    "failed to map segment",  # of a library, by the import of torch
)


def plain(text: str) -> str:
    """The same text; characters that do not print are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def readable(text: str) -> str:
    r"""The same lines; characters that do not print are written as escapes. A foreign name cannot steer the terminal.

    >>> readable("a\x1b[2J\nb")
    'a\\x1b[2J\nb'
    """
    return "".join(c if c in KEPT else plain(c) for c in text)


SUBSTITUTES = {
    "─": "-", "–": "-", "…": "...", "≥": ">=", "→": "->", "↑": "^", "↓": "v", "✓": "+", "✗": "x", "±": "+-", "∞": "inf",
    "·": ".", "•": "*", "×": "x", "\xa0": " ",
}  # fmt: skip
ENCODABLE = "ganbench.encodable"  # the name of the rule for characters that an encoding does not have


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(SUBSTITUTES.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), error.end


codecs.register_error(ENCODABLE, _substitute)


def printable(text: str) -> str:
    """The same text in characters that stdout can take: others are written in ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, ENCODABLE).decode(encoding)


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


class Interrupted(BaseException):
    """A signal asked the process to end; the message says what was kept. Exit code 130 after Ctrl-C, else 143."""

    def __init__(self, number: int, message: str = "interrupted") -> None:
        super().__init__(message)
        self.number = number
        self.exit_code = 130 if number == signal.SIGINT else 143


def place(error: BaseException, *files: Path) -> str | None:
    """Where an error passed through one of the files, as FILE:LINE; None if it did not."""
    by_path = {file.resolve(): file for file in files}
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).resolve() in by_path:
        return f"{by_path[Path(error.filename).resolve()]}:{error.lineno}"
    frames = [(Path(frame.filename).resolve(), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    lines = [f"{by_path[path]}:{line}" for path, line in frames if path in by_path]
    return lines[-1] if lines else None


def in_words(error: BaseException) -> str:
    """The kind of an error and the first line of its message; of an error in TorchScript the last line, which says why.

    >>> in_words(ValueError("no number")), in_words(SystemExit(0))
    ('ValueError: no number', 'SystemExit: 0')
    """
    first, *others = str(error).strip().splitlines() or [""]
    last = others[-1].strip() if others and "TorchScript" in first else first
    return last if last.startswith(f"{type(error).__name__}: ") else f"{type(error).__name__}: {last}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine or the device has too little memory. torch, and its import, have no class of errors for it.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 40 bytes"))
    True
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | ImportError) and any(sign in str(error).lower() for sign in NO_MEMORY)
    )


@contextmanager
def blamed(*files: Path, what: str = "") -> Iterator[None]:
    """Report what the code of a user's file raises as one line with its place in the file.

    Args:
        files: the user's files.
        what: the part of a user's program that the code belongs to, for the message.

    Raises:
        UserError: an error, or an exit of the process, passed through one of the files. Other errors pass as they are, and so
            does too little memory.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        where = place(error, *files)
        if where is None or is_out_of_memory(error):
            raise
        raise UserError(": ".join(filter(None, [what, where, in_words(error)]))) from error


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
