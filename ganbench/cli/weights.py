"""The verbs of weights: which files extractors and `lpips` need, where they lie, and how they are fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganbench.cli._common import Json, app, check_files, help_unless_invoked, json_file, show, write_json
from ganbench.errors import Unreachable, UserError

if TYPE_CHECKING:
    from ganbench.features._weights import Weights

weights_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
app.add_typer(weights_app, name="weights", help="List, find or download the weights of the extractors.")
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="names from `ganbench weights list`")]


@weights_app.callback()
def weights_(context: typer.Context) -> None:
    """List, find or download the weights of extractors and of the metric lpips.

    \b
    Examples:
      ganbench weights list
      ganbench weights fetch inception
    """
    help_unless_invoked(context)


@weights_app.command("list")
def list_(json_out: Json = None) -> None:
    """Show each file of weights and who needs it: its size, hash and licence, and where it lies or from where it comes.

    \b
    Example:
      ganbench weights list
    """
    check_files(json_file(json_out))
    entries = [_entry(weights) for weights in _published()]
    if json_out is not None:
        write_json(json.dumps(entries, indent=1), json_out)
    if json_out != "-":
        show("\n\n".join(map(_text, entries)))


@weights_app.command("where")
def where(names: Names) -> None:
    """Print the path of the weights of each extractor. If a file is not on this machine, the exit code is 3.

    \b
    Example:
      ganbench weights where inception
    """
    for weights in _of(names):
        path = _place(weights)
        if path is None:
            entry = _entry(weights)
            raise Unreachable(f"{weights.file} is not on this machine. {entry['fetch']}, or put it into {_folder()}")
        show(str(path))


@weights_app.command("fetch")
def fetch(names: Names) -> None:
    """Download the weights of extractors, or find them on this machine, and check their hash. The paths are printed.

    \b
    Example:
      ganbench weights fetch inception dinov2
    """
    from ganbench.features import _weights, efficientnet

    for weights in _of(names):
        packaged = _place(weights) if weights == efficientnet.WEIGHTS else None
        if weights == efficientnet.WEIGHTS and packaged is None:
            raise Unreachable(f"{weights.file} comes with a package: {efficientnet.INSTALL}")
        show(str(_weights.place(weights, None if packaged is None else str(packaged))))


def _published() -> dict[Weights, list[str]]:
    """The files of weights that do not come with ganbench, each with the extractors, or the metric, that it is for."""
    from ganbench import features
    from ganbench.features import _lpips, efficientnet

    out: dict[Weights, list[str]] = {}
    for name in features.names():
        weights = efficientnet.WEIGHTS if name in efficientnet.NAMES else features.published(name)
        if weights is not None:
            out.setdefault(weights, []).append(name)
    return out | {weights: [_lpips.NAME] for weights in _lpips.FILES}


def _of(names: list[str]) -> list[Weights]:
    """The files of these extractors and metrics, each once.

    Raises:
        UserError: there is no such name, or its weights come with ganbench.
    """
    from ganbench import features
    from ganbench.errors import choose

    published = _published()
    needed = {user for users in published.values() for user in users}
    for name in names:
        if choose(name, sorted({*features.names(), *needed}), "extractor") not in needed:
            raise UserError(f"{name} needs no file: its weights come with its package, or it has none")
    return [weights for weights, users in published.items() if set(users) & set(names)]


def _place(weights: Weights) -> Path | None:
    from ganbench.features import _weights, efficientnet

    if weights == efficientnet.WEIGHTS:
        path = efficientnet.locate()
        return path if path is not None and path.is_file() else None
    return _weights.locate(weights)


def _folder() -> Path:
    from ganbench.features import _weights

    return _weights.folder()


def _entry(weights: Weights) -> dict[str, Any]:
    """The facts about a file of weights."""
    from ganbench.features import _weights, efficientnet

    users, path = _published()[weights], _place(weights)
    packaged = weights == efficientnet.WEIGHTS
    return {
        "file": weights.file,
        "extractors": users,
        "bytes": weights.size,
        "sha256": weights.sha256,
        "licence": _weights.LICENCES[weights.file],
        "source": weights.url,
        "path": None if path is None else str(path),
        "fetch": weights.url if packaged else f"Fetch it: ganbench weights fetch {users[0]}",
    }


def _text(entry: dict[str, Any]) -> str:
    """The facts about a file in lines."""
    lines = [
        entry["file"],
        f"  extractors: {', '.join(entry['extractors'])}",
        f"  size: {entry['bytes']:,} bytes",
        f"  SHA-256: {entry['sha256']}",
        f"  licence: {entry['licence']}",
        f"  source: {entry['source']}",
        f"  place: {entry['path'] or 'not on this machine'}",
    ]
    return "\n".join(lines)
