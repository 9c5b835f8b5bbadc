"""The folder of Markdown files that the official evaluators read, and their names.

    OmniDocBench    NAME.md for the image NAME.jpg
    olmOCR-bench    old_scans/1_pg1_repeat1.md for page 1 of old_scans/1.pdf
    Markdown        as the truth

A page of the truth without text gets an empty file, so that every evaluator counts it: that of OmniDocBench passes over
pages without a file.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ocrmill.commands.export.places.new_file import new_file, refuse_place, reporting_os_errors
from ocrmill.pipeline.errors import InputError, UsageError


def write_predictions(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files, over those of the same names.

    Raises:
        InputError: A name of the truth leads out of the folder.
        OutputError: A file cannot be written.
        UsageError: The folder has other files, which an evaluator would read, too.
    """
    refuse_place(folder)
    for name in files:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name:
            raise InputError(f"{name!r} in the ground truth is no name of a file")
    with reporting_os_errors(folder):
        others = [path for path in folder.rglob("*.md") if path.relative_to(folder).as_posix() not in files]
        if others:
            raise UsageError(f"{folder} has other files, e.g. {others[0].name}: name an empty folder")
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(path) as file:
                file.write(text.encode())
