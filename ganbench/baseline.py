"""Finding a GAN. A baseline is a file that is loaded by its path. Built-in files and user's files are loaded alike."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ganbench import code, paths, plugins
from ganbench.config import TrainConfig, validate
from ganbench.errors import UserError, blamed, choose, in_words, place

if TYPE_CHECKING:  # torch is imported only when a GAN is built
    from ganbench.gan import DataSpec, Gan, Unsupported


LIGHT = ("__future__", "typing", "pydantic", "math", "enum", "collections")  # what a Config may import without torch
GROUP = "ganbench.baselines"  # of the entry points that name the baselines of other packages


def folder() -> Path:
    """The folder of the built-in baselines."""
    return paths.definitions() / "baselines"


def names() -> tuple[str, ...]:
    """The names of all baselines: the files of the folder, and the plug-ins."""
    return tuple(sorted({*_builtin(), *_plugins()}))


def _builtin() -> list[str]:
    return [path.stem for path in folder().glob("*.py")]


def _plugins() -> dict[str, str]:
    """Name and module of the baselines that other packages bring."""
    return plugins.find(GROUP, _builtin())


def resolve(what: str | Path, base: Path | None = None) -> Path:
    """The file of a baseline that is given by its name or by the path of its file.

    Args:
        what: a name, or a path: it has a slash in it or ends with .py.
        base: the folder that a relative path starts from; by default the current folder.

    Raises:
        UserError: no baseline has this name, or there is no such file.
    """
    name = str(what)
    if "/" not in name and not name.endswith(".py"):
        choose(name, names(), "baseline")
        module = _plugins().get(name)
        return folder() / f"{name}.py" if module is None else _file(name, module)
    path = (base or Path()) / Path(what).expanduser()
    if not path.is_file():
        nearest = choose(path.stem, names(), f"file {path}, and no baseline")
        raise UserError(f"{path}: no such file; write the name alone for ganbench's own baseline: {nearest}")
    return path


def _file(name: str, module: str) -> Path:
    """The file of a plug-in's module. The module is not imported."""
    try:
        spec = importlib.util.find_spec(module)
    except Exception as error:
        raise UserError(f"the plug-in {module} cannot be imported: {type(error).__name__}: {error}") from error
    if spec is None or spec.origin is None:
        raise UserError(f"the plug-in {module} has no file; the entry point '{name}' must name a module")
    return Path(spec.origin)


def load(path: Path) -> tuple[type[Gan], type]:
    """Import a baseline's file and return its `Gan` subclass and its `Config`."""
    from ganbench.gan import Gan

    if not path.is_file():
        raise UserError(f"{path}: no such baseline; there are {', '.join(f'baselines/{n}.py' for n in names())}")
    text = hashlib.sha256(bytes(path.resolve()) + path.read_bytes()).hexdigest()  # an error names its file and line
    name = f"ganbench_baseline_{path.stem}_{text[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise UserError(f"{path}: not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise UserError(f"{place(error, path) or path}: cannot be imported: {in_words(error)}") from error
    module = sys.modules[name]
    gans = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Gan) and v.__module__ == name]
    if len(gans) != 1 or not hasattr(module, "Config"):
        raise UserError(f"{path}: a baseline defines one subclass of Gan and a Config, see 'Add a GAN' in the README")
    return gans[0], _checked(path, module.Config)


def config(path: Path) -> type[TrainConfig]:
    """The `Config` of a baseline's file. If the class needs only its own imports, torch is not imported."""
    return _config(path, code.source_hash(path))


@lru_cache(maxsize=256)
def _config(path: Path, source: str) -> type[TrainConfig]:
    body = code.parse(path, path.read_bytes()).body
    light = [node for node in body if _is_light(node)]
    module = ModuleType(f"ganbench_config_{path.stem}_{source[:8]}")
    sys.modules[module.__name__] = module  # where pydantic looks for the names in annotations
    try:
        exec(compile(ast.Module(light, []), path, "exec"), vars(module))
        made = vars(module)["Config"]
        made.model_rebuild()  # fails if an annotation needs more
    except (Exception, SystemExit):  # the class needs more of its file: the import of the whole file says what is wrong
        made = load(path)[1]
    return _checked(path, made)


def _checked(path: Path, config: object) -> type[TrainConfig]:
    if not isinstance(config, type) or not issubclass(config, TrainConfig):
        raise UserError(f"{path}: the Config of a baseline is a subclass of ganbench.config.TrainConfig")
    return config


def _is_light(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        return node.name == "Config"
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in LIGHT or node.module == "ganbench.config"
    return isinstance(node, ast.Import) and all(alias.name.partition(".")[0] in LIGHT for alias in node.names)


def file_of(gan: Gan) -> Path:
    """The file of a GAN that `create` has built."""
    return Path(str(sys.modules[type(gan).__module__].__file__))


def is_ours(path: Path) -> bool:
    """Whether a file is a baseline of ganbench or of an installed package: code that the user has installed."""
    return path.resolve() in {resolve(name).resolve() for name in names()}


def create(path: Path, spec: DataSpec, overrides: dict[str, Any]) -> Gan:
    """Build the GAN of `path` for this data, its `Config` with `overrides`. Its weights come from torch's generator."""
    kind, config = load(path)
    with blamed(path):
        return kind(spec, validate(config, overrides, path.stem))


def refusal(path: Path, dataset: str, shape: tuple[int, ...], why: Unsupported) -> str:
    """The message that a baseline cannot train on a dataset.

    Args:
        path: of the baseline.
        dataset: its name.
        shape: of one sample, its channels last. The message has the shape in this form.
        why: the reason, as the GAN gives it: the channels are first.
    """
    first = str((shape[-1], *shape[:-1]))
    text = str(why).replace(first, str(list(shape))) if len(shape) > 1 else str(why)
    others = "choose another dataset (`ganbench list datasets`) or another baseline (`ganbench list baselines`)"
    return f"{path.stem} cannot train on {dataset}: {text}; {others}"
