"""Make PDFs of documents with real typesetters, and check that a PDF has what its ground truth says.

| typesetter | how to install it |
|---|---|
| Typst | `pip install typst` |
| WeasyPrint | `pip install weasyprint`; `apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0` |
| Chromium | `apt install chromium` |
| LibreOffice | `apt install libreoffice-writer` |
| XeLaTeX | `apt install texlive-latex-recommended texlive-xetex` |
| groff | `apt install groff ghostscript` |
| fonts of all scripts | `apt install fonts-noto-core fonts-noto-cjk` |
"""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.quality.document import RIGHT_TO_LEFT, Document, footer_parts
from bench.quality.generator import KINDS, PLAIN_KINDS, make_document
from bench.quality.sources.groff_source import groff_source
from bench.quality.sources.html_source import html_source
from bench.quality.sources.latex_source import latex_source
from bench.quality.sources.markdown_source import Truth, truth_of
from bench.quality.sources.typst_source import typst_source
from ocrmill.pipeline.scores.normal_text import markdown_content, signs

TIMEOUT_S = 300
SAME_SHARE = 0.99  # of the characters: with fewer in common, layer and ground truth are of different texts
_TYPST = "import sys, typst\nfor path in sys.argv[1:]: typst.compile(path, output=path.replace('.typ', '.pdf'))"
_WEASYPRINT = (
    "import sys, weasyprint\nfor path in sys.argv[1:]: weasyprint.HTML(path).write_pdf(path.replace('.html', '.pdf'))"
)
_WEASYPRINT_KINDS = tuple(kind for kind in KINDS if kind not in {"formulas", "vertical-ja", "turned"})
_TYPST_KINDS = tuple(kind for kind in KINDS if kind != "vertical-ja")
_CHROMIUM_KINDS = tuple(kind for kind in KINDS if kind != "turned")
# Noto's Thai font has no digits for XeLaTeX to set, and its Devanagari comes out unmapped.
_NOT_LATEX = RIGHT_TO_LEFT | {"th", "hi"}
_LATEX = tuple(kind for kind in KINDS if kind.removeprefix("script-") not in _NOT_LATEX and kind != "vertical-ja")
_OFFICE = tuple(kind for kind in _WEASYPRINT_KINDS if kind not in {"report", "columns", "beside"})


@dataclass(frozen=True, slots=True)
class Typesetter:
    """A program that sets documents."""

    name: str
    kinds: tuple[str, ...]
    suffix: str  # of its source
    write: Callable[[Document], str]
    run: Callable[[Sequence[Path], str], None]  # make `NAME.pdf` beside each source; the program
    version: Sequence[str]  # arguments that print the version
    running: bool = True  # sets running headers and footers
    one_by_one: bool = False

    def typeset(self, sources: Sequence[Path], program: str) -> str:
        """Make the PDFs; return the last line of what it said where it failed."""
        said = ""
        for group in [[path] for path in sources] if self.one_by_one else [sources] if sources else []:
            try:
                self.run(group, program)
            except subprocess.CalledProcessError as error:
                said = (error.stderr or error.stdout or b"").decode(errors="replace").strip().rpartition("\n")[2]
            except subprocess.TimeoutExpired:
                said = f"no end after {TIMEOUT_S} s"
        return said


@dataclass(frozen=True, eq=False)
class Page:
    """A PDF of the bench and its ground truth."""

    path: Path
    kind: str
    typesetter: str
    truth: Truth
    pages: int


def find_typesetters(interpreters: Sequence[str]) -> dict[str, tuple[Typesetter, str, str]]:
    """Return the typesetters that are installed, each with its program and version."""
    found = {}
    for setter in TYPESETTERS:
        programs = interpreters if setter.version[0] == "-c" else [shutil.which(setter.version[0]) or ""]
        for program in filter(None, programs):
            done = subprocess.run(
                [program, *setter.version[setter.version[0] != "-c" :]], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                found[setter.name] = (setter, program, done.stdout.strip().partition("\n")[0])
                break
    return found


def make_pages(folder: Path, seed: str, documents: int, setters: Mapping[str, tuple[Typesetter, str, str]]) -> None:
    """Write `documents` PDFs of each kind and typesetter into the folder, each with `NAME.json`, its ground truth.

    A PDF that is there already from the same source is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for setter, program, _ in setters.values():
        sources = []
        for kind in setter.kinds:
            for number in range(documents):
                document = make_document(f"{seed}/{setter.name}/{number}", kind)
                source = folder / f"{kind}-{setter.name}-{number}{setter.suffix}"
                written = setter.write(document)
                if source.exists() and source.read_text(encoding="utf-8") != written:
                    source.with_suffix(".pdf").unlink(missing_ok=True)
                source.write_text(written, encoding="utf-8")
                truth = truth_of(document)
                if not setter.running:
                    truth = replace(truth, header="", footer="")
                about = {"kind": kind, "typesetter": setter.name, "truth": asdict(truth)}
                source.with_suffix(".json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
                source.with_suffix(".gt.md").write_text(truth.markdown, encoding="utf-8")
                sources.append(source)
        said = setter.typeset([source for source in sources if not source.with_suffix(".pdf").exists()], program)
        for source in sources:
            if not source.with_suffix(".pdf").exists():
                print(f"{source.stem}: left out, {setter.name} made no PDF: {said[:200]}")


def read_pages(folder: Path) -> Iterator[Page]:
    """Yield the PDFs of a folder whose layer has what the ground truth says; name the others."""
    import pymupdf

    for path in sorted(folder.glob("*.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if not path.with_suffix(".pdf").exists():
            continue
        with pymupdf.open(path.with_suffix(".pdf")) as opened:
            layer, pages = "\n".join(page.get_text() for page in opened), len(opened)
        page = Page(path.with_suffix(".pdf"), about["kind"], about["typesetter"], Truth(**about["truth"]), pages)
        if problem := layer_problem(layer, page.truth, pages):
            print(f"{path.stem}: left out, {problem}")
        else:
            yield page


def read_corpus(folder: Path) -> Iterator[Page]:
    """Yield the PDFs of a folder that have a `NAME.gt.md` beside."""
    import pymupdf

    for path in sorted(folder.glob("*.pdf")):
        markdown = path.with_suffix(".gt.md")
        if markdown.exists():
            with pymupdf.open(path) as opened:
                truth = Truth(markdown.read_text(encoding="utf-8"), header="", footer="")
                yield Page(path, "corpus", "", truth, len(opened))


def layer_problem(layer: str, truth: Truth, pages: int) -> str:
    """Compare a PDF's own characters with those of its ground truth; empty if they are the same."""
    if pages > 1 and "\n[^1]:" in truth.markdown:
        return "its footnotes are not at the end of the document, as it has more than one page"
    before, after = footer_parts(truth.footer)
    running = "".join(f"{truth.header}{before}{page if truth.footer else ''}{after}" for page in range(1, pages + 1))
    notes = truth.markdown.count("\n[^")
    said = Counter(signs(layer).replace("-", ""))
    right = Counter((markdown_content(truth.markdown).signs + signs(running)).replace("-", ""))
    notes_twice = Counter({str(number): 2 for number in range(1, notes + 1)})
    right += notes_twice
    right, said = (Counter({sign: n for sign, n in side.items() if sign.isalnum()}) for side in (right, said))
    common = (right & said).total()
    missing, extra = right - said, said - right
    if common >= SAME_SHARE * max(right.total(), said.total()) and not any(map(str.isdigit, missing - notes_twice)):
        return ""
    shown = "".join(missing.elements())[:30], "".join(extra.elements())[:30]
    return f"its layer lacks {missing.total()} characters ({shown[0]}) and has {extra.total()} more ({shown[1]})"


def _typst(sources: Sequence[Path], program: str) -> None:
    _run([program, "-c", _TYPST, *map(str, sources)])


def _weasyprint(sources: Sequence[Path], program: str) -> None:
    _run([program, "-c", _WEASYPRINT, *map(str, sources)])


def _chromium(sources: Sequence[Path], program: str) -> None:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    for source in sources:
        _run([program, *options, f"--print-to-pdf={source.with_suffix('.pdf')}", source.as_uri()])


def _libreoffice(sources: Sequence[Path], program: str) -> None:
    folder = sources[0].parent
    profile = f"-env:UserInstallation={(folder / 'office').as_uri()}"
    options = ["--headless", "--writer", "--convert-to", "pdf:writer_pdf_Export"]
    _run([program, profile, *options, "--outdir", str(folder), *map(str, sources)])
    shutil.rmtree(folder / "office", ignore_errors=True)


def _latex(sources: Sequence[Path], program: str) -> None:
    for source in sources:
        command = [
            program,
            "-interaction=batchmode",
            "-halt-on-error",
            f"-output-directory={source.parent}",
            str(source),
        ]
        _run(command)
        for suffix in (".aux", ".log"):
            source.with_suffix(suffix).unlink(missing_ok=True)


def _groff(sources: Sequence[Path], program: str) -> None:
    for source in sources:
        done = _run([program, "-Tpdf", "-k", "-t", "-ms", str(source)])
        source.with_suffix(".pdf").write_bytes(done)


def _run(command: Sequence[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S).stdout


def _html(*, foot: bool, running: bool) -> Callable[[Document], str]:
    return lambda document: html_source(document, foot=foot, running=running)


def _wheel_version(name: str) -> tuple[str, str]:
    return ("-c", f"import {name}, importlib.metadata as about; print(about.version('{name}'))")


TYPESETTERS = (
    Typesetter("typst", _TYPST_KINDS, ".typ", typst_source, _typst, _wheel_version("typst")),
    Typesetter(
        "weasyprint",
        _WEASYPRINT_KINDS,
        ".html",
        _html(foot=True, running=True),
        _weasyprint,
        _wheel_version("weasyprint"),
    ),
    Typesetter(
        "chromium",
        _CHROMIUM_KINDS,
        ".html",
        _html(foot=False, running=True),
        _chromium,
        ("chromium", "--version"),
        one_by_one=True,
    ),
    Typesetter(
        "libreoffice",
        _OFFICE,
        ".html",
        _html(foot=False, running=False),
        _libreoffice,
        ("soffice", "--version"),
        running=False,
    ),
    Typesetter("latex", _LATEX, ".tex", latex_source, _latex, ("xelatex", "--version"), one_by_one=True),
    Typesetter(
        "groff",
        tuple(kind for kind in PLAIN_KINDS if kind != "typography"),
        ".ms",
        groff_source,
        _groff,
        ("groff", "-Tpdf", "--version"),  # Debian's groff-base cannot write PDF
        one_by_one=True,
    ),
)
