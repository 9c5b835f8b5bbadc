"""The readers that are scored: ours, and other libraries and programs that turn a PDF's own text into Markdown or text.

    python -m bench.quality.readers NAME PDF ...

reads the PDFs in this process and prints a line of JSON: the version, the CPU seconds, and for each PDF its text or its
error. Each reader runs so, in the first environment in which it is installed. Loading a library is not in its seconds;
starting a program or a Java machine is. A folder of PDFs is one call for opendataloader-pdf, as it is made for folders.
"""

import contextlib
import importlib
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import markdown_libraries as libraries

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 3600
Read = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader: how it is made, from all paths that it will read, and if it writes Markdown."""

    name: str
    distribution: str  # names the version; empty for a program
    make: Callable[[Sequence[Path]], Read]
    is_markdown: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """The output of a reader for all PDFs: texts and errors by the PDF's stem."""

    texts: dict[str, str]
    errors: dict[str, str]
    seconds: float
    version: str


def read_all(reader: Reader, paths: Sequence[Path], interpreters: Sequence[str]) -> Reading | str:
    """Read all PDFs in a fresh process; an error in words if the reader is not installed or ends."""
    said = "not installed"
    for python in interpreters:
        command = [python, "-m", "bench.quality.readers", reader.name, *map(str, paths)]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"no end after {TIMEOUT_S} s"
        if done.returncode == 0:
            return Reading(**json.loads(done.stdout.splitlines()[-1]))
        last = done.stderr.strip().rpartition("\n")[2]
        if not last.startswith(("ModuleNotFoundError", "importlib.metadata.PackageNotFoundError")):
            said = last or f"exit code {done.returncode}"
    return said


def _library(make: Callable[[], libraries.Convert]) -> Callable[[Sequence[Path]], Read]:
    def made(paths: Sequence[Path]) -> Read:
        convert = make()
        with contextlib.suppress(Exception):  # it fails again when it is timed
            convert(paths[0])  # what is loaded only when it is needed
        return lambda path: convert(path)[0]

    return made


def _pypdf(_: Sequence[Path]) -> Read:
    library = importlib.import_module("pypdf")
    return lambda path: "\n\n".join(page.extract_text() for page in library.PdfReader(path).pages)


def _pdftotext(_: Sequence[Path]) -> Read:
    program = shutil.which("pdftotext")
    if program is None:
        raise ModuleNotFoundError("pdftotext")

    def read(path: Path) -> str:
        return subprocess.run([program, "-layout", str(path), "-"], check=True, capture_output=True, text=True).stdout

    return read


def _opendataloader(paths: Sequence[Path]) -> Read:
    library = importlib.import_module("opendataloader_pdf")
    folder = Path(tempfile.mkdtemp())
    made: list[Path] = []

    def read(path: Path) -> str:
        if not made:
            library.convert(
                input_path=[str(each) for each in paths], output_dir=str(folder), format="markdown", quiet=True
            )
            made.append(folder)
        return (folder / f"{path.stem}.md").read_text(encoding="utf-8")

    return read


READERS = (
    Reader("ocrmill", "ocrmill", _library(libraries.ours)),
    Reader("ocrmill-fast", "ocrmill", _library(libraries.ours_fast)),
    Reader("pymupdf4llm", "pymupdf", _library(libraries.pymupdf_layout)),
    Reader("pymupdf4llm-rules", "pymupdf", _library(libraries.pymupdf_rules)),
    Reader("markitdown", "markitdown", _library(libraries.markitdown)),
    Reader("kreuzberg", "kreuzberg", _library(libraries.kreuzberg)),
    Reader("opendataloader-pdf", "opendataloader-pdf", _opendataloader),
    Reader("pdf_oxide", "pdf_oxide", _library(libraries.pdf_oxide)),
    Reader("pdfplumber", "pdfplumber", _library(libraries.pdfplumber), is_markdown=False),
    Reader("pypdf", "pypdf", _pypdf, is_markdown=False),
    Reader("pdftotext-layout", "", _pdftotext, is_markdown=False),
    Reader("pdfium", "pypdfium2", _library(libraries.pdfium_text), is_markdown=False),
    Reader("pymupdf-text", "pymupdf", _library(libraries.pymupdf_text), is_markdown=False),
)


def _version(reader: Reader) -> str:
    if reader.distribution:
        return metadata.version(reader.distribution)
    done = subprocess.run(["pdftotext", "-v"], capture_output=True, text=True, check=True)
    return done.stderr.partition("\n")[0].rpartition(" ")[2]


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def read_here(reader: Reader, paths: Sequence[Path]) -> dict[str, Any]:
    """Read the PDFs in this process; the fields of a Reading."""
    read = reader.make(paths)
    version = _version(reader)
    texts, errors = {}, {}
    started = _cpu_seconds()
    for path in paths:
        try:
            texts[path.stem] = read(path)
        except Exception as error:  # noqa: BLE001 - whatever ails a library, the others are still scored
            errors[path.stem] = f"{type(error).__name__}: {error}"[:200]
    return {"texts": texts, "errors": errors, "seconds": _cpu_seconds() - started, "version": version}


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    chosen = next(reader for reader in READERS if reader.name == name)
    with contextlib.redirect_stdout(io.StringIO()):
        result = read_here(chosen, [Path(path) for path in given])
    print(json.dumps(result))
