"""`ocrmill --version`."""

import typer


def show_version(asked: bool) -> None:
    """Print the version, then one line for each package that decides what rows look like, and end the program."""
    if not asked:
        return
    from pipeline.versions import versions

    own, *others = versions()
    typer.echo(" ".join(own))
    for name, version in others:
        typer.echo(f"  {name} {version}")
    raise typer.Exit
