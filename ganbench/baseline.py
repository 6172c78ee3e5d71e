"""Finding a GAN: a baseline is a file, loaded by its path, one of ours like one of the user's own."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench import paths
from ganbench.config import validate
from ganbench.errors import UserError, choose

if TYPE_CHECKING:  # torch is imported only when a GAN is built
    from ganbench.gan import DataSpec, Gan


def folder() -> Path:
    """Where the baselines lie."""
    return paths.definitions() / "baselines"


def names() -> tuple[str, ...]:
    """The baselines there are: one per file of the folder."""
    return tuple(sorted(p.stem for p in folder().glob("*.py")))


def resolve(name: str) -> Path:
    """The file of a baseline. `name` is one of `names()`, or the path of a file.

    Raises:
        UserError: it is neither; the message has the nearest name.
    """
    if name in names():
        return folder() / f"{name}.py"
    path = Path(name)
    if path.is_file():
        return path
    nearest = choose(path.stem, names(), f"file {path}, and no baseline")
    raise UserError(f"{path}: no such file; write the name alone for ganbench's own baseline: {nearest}")


def source_hash(path: Path) -> str:
    """SHA-256 of the file: a run belongs to the code that made it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path: Path) -> tuple[type[Gan], type]:
    """Import a baseline's file and return its `Gan` subclass and its `Config`."""
    from ganbench.gan import Gan

    if not path.is_file():
        raise UserError(f"{path}: no such baseline; there are {', '.join(f'baselines/{n}.py' for n in names())}")
    name = f"ganbench_baseline_{path.stem}_{source_hash(path)[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise UserError(f"{path}: not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise UserError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    module = sys.modules[name]
    gans = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Gan) and v.__module__ == name]
    if len(gans) != 1 or not hasattr(module, "Config"):
        raise UserError(f"{path}: a baseline defines one subclass of Gan and a Config, see 'Add a GAN' in the README")
    return gans[0], module.Config


def create(path: Path, spec: DataSpec, overrides: dict[str, Any]) -> Gan:
    """Build the GAN of `path` for this data, its `Config` with `overrides`. Its weights come from torch's generator."""
    kind, config = load(path)
    return kind(spec, validate(config, overrides, path.stem))
