"""`ocrmill --version`."""

from typing import Annotated

import typer


def show_version(requested: bool) -> None:
    """Print the version, then one line for each package that decides what rows look like, and end the program."""
    if not requested:
        return
    from ocrmill.pipeline.versions import versions

    own, *others = versions()
    typer.echo(" ".join(own))
    for name, version in others:
        typer.echo(f"  {name} {version}")
    raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=show_version, is_eager=True, help="Say which versions these are.")
]
