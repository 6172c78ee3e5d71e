"""The verb that turns published boards into pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench import paths
from ganbench.cli._common import app, check_result, say
from ganbench.errors import UserError

SIGNS = ("search.html",)  # the file by which a folder is known as a site


@app.command()
def site(
    results: Annotated[
        Path | None, typer.Argument(help="folder of published boards; by default results/", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="folder of the site; an older site in it is replaced")] = Path("site"),
    docs: Annotated[Path | None, typer.Option(help="the documents as HTML, for example docs/_build/html")] = None,
) -> None:
    """Write published boards as pages that a browser opens from the disk: open OUT/index.html.

    The pages need no server, no JavaScript and no other host.

    \b
    Examples:
      ganbench site
      ganbench site results/ --out site/
    """
    from ganbench.boards.site import builder
    from ganbench.cli import citations

    check_result(out, SIGNS, "site")
    if docs is not None and not (docs / "index.html").is_file():
        raise UserError(f"--docs {docs}: this folder has no index.html; `make docs` builds the documents")
    made = builder.build(paths.results() if results is None else results, out, citations.cite, docs)
    pages = sum(1 for _ in made.rglob("*.html"))
    say(f"{paths.shown(made / 'index.html')}: {pages:,} pages")
