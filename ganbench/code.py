"""The code that results come from: the hash of a file's code, and the pins of layers and extractors.

`RECIPE` and the `id` of an extractor say that results have changed. An edit says nothing until somebody raises them. So
`code.json` pins the hash of each of these files, without docstrings and comments. A file with another hash renames the runs
that use it, and its features are computed again. `python -m ganbench.code` pins the present code. Call it when the
edit moves no number, or together with a new `RECIPE` or `id`.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ganbench import files, paths
from ganbench.errors import UserError, in_words, place

PINS = paths.PACKAGE / "code.json"
FOLDERS = ("layers", "features")
NEUTRAL = {
    paths.PACKAGE / "features" / name for name in ("__init__.py", "_cache.py", "_team.py", "_weights.py")
}  # compute nothing
DIGITS = 16  # of a hash
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)  # what can have a docstring


def source_hash(path: Path) -> str:
    """SHA-256 of the file's syntax tree: a run belongs to the code that made it.

    Docstrings, comments and the layout of the text do not count, so better prose never renames a run.

    Raises:
        UserError: the file is not Python.
    """
    return _source_hash(path, path.read_bytes())


@lru_cache(maxsize=256)
def _source_hash(path: Path, source: bytes) -> str:
    return hashlib.sha256(_canonical(parse(path, source)).encode()).hexdigest()


def parse(path: Path, source: bytes) -> ast.Module:
    """The syntax tree of a file.

    Raises:
        UserError: the file is not Python.
    """
    try:
        return ast.parse(source, path)
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{place(error, path) or path}: cannot be imported: {in_words(error)}") from error


def _canonical(node: Any) -> str:
    """A syntax tree without docstrings as text, the same in every version of Python: `ast.dump` is not."""
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = dict(ast.iter_fields(node))
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        parts["body"] = parts["body"][1:]
    if isinstance(node, ast.JoinedStr):  # Python 3.12.0 ends some formats with an empty text
        parts["values"] = [part for part in node.values if not (isinstance(part, ast.Constant) and part.value == "")]
    # A newer Python adds fields that are empty unless newer syntax is used.
    filled = [f"{name}={_canonical(part)}" for name, part in parts.items() if part is not None and part != []]
    return f"{type(node).__name__}({','.join(filled)})"


def used(file: Path) -> list[Path]:
    """The files of `FOLDERS` that a file imports, directly or through another of these files; sorted."""
    out: set[Path] = set()
    waiting = [file]
    while waiting:
        content = waiting.pop()
        new = {path for module in _imported(content.read_bytes()) for path in _file(module)} - out - {file}
        out |= new
        waiting += new
    return sorted(out)


@lru_cache(maxsize=256)
def _imported(source: bytes) -> tuple[str, ...]:
    """The names of all modules that a file imports, or could import: of `from a import b` both a and a.b."""
    named: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            named += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
    return tuple(dict.fromkeys(named))


def _file(module: str) -> Iterator[Path]:
    """The file of a module in `FOLDERS`; none for another name."""
    package, *parts = module.split(".")
    if package != "ganbench" or not parts or parts[0] not in FOLDERS:
        return
    place = paths.PACKAGE.joinpath(*parts)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file() and path not in NEUTRAL:
            yield path


def edited(given: Iterable[Path]) -> dict[str, str]:
    """The files whose code is not the pinned code, and its hash; a file outside of the package is never pinned."""
    pins = json.loads(PINS.read_text(encoding="utf-8"))
    hashes = {_name(path): source_hash(path)[:DIGITS] for path in given}
    return {name: digest for name, digest in sorted(hashes.items()) if pins.get(name) != digest}


def _name(path: Path) -> str:
    return path.relative_to(paths.PACKAGE).as_posix() if path.is_relative_to(paths.PACKAGE) else path.name


def pins() -> str:
    """The content of `code.json` for the present code."""
    present = sorted(path for folder in FOLDERS for path in (paths.PACKAGE / folder).rglob("*.py"))
    hashes = {_name(path): source_hash(path)[:DIGITS] for path in present if path not in NEUTRAL}
    return json.dumps(hashes, indent=1) + "\n"


if __name__ == "__main__":
    files.write(PINS, pins())
