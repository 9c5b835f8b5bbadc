"""Score readers of text layers on documents with known source, and write the table of docs/quality.md.

    python -m bench.quality [--documents 3] [--half held-back] [--python INTERPRETER ...] [--write docs/quality.md]

Documents of every kind (generator.py) are set by every typesetter that is installed (typesetters.py says how to install
each), read by every reader that is installed (readers.py), and scored against their source (scores.py). `--python` adds
environments in which wheels of typesetters and readers are looked for. Rules are tuned on `--half tuning`, figures come
from the other half. `--folder` keeps the PDFs, each with its ground truth (NAME.gt.md) and our reading
(NAME.ocrmill.md).
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.quality.generator import HALVES
from bench.quality.production import as_run
from bench.quality.readers import READERS, Reading, read_all
from bench.quality.report import (
    Result,
    circumstances,
    differences_table,
    kinds_table,
    readers_table,
    with_tables,
    worst,
)
from bench.quality.scores import score
from bench.quality.typesetters import TYPESETTERS, Page, find_typesetters, make_pages, read_corpus, read_pages
from bench.real_pdfs import CORPUS


def main() -> None:
    """Make the pages, read them, and print the tables."""
    options = _options()
    measured = circumstances()
    interpreters = [sys.executable, *options.python]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        setters = find_typesetters(interpreters)
        for setter in TYPESETTERS:
            if setter.name not in setters:
                print(f"{setter.name}: left out, it is not installed")
        chosen = {name: each for name, each in setters.items() if not options.typesetter or name in options.typesetter}
        make_pages(folder, f"{options.half}/{options.seed}", options.documents, chosen)
        pages = list(read_pages(folder))
        if not pages:
            sys.exit(f"no page was made; {find_typesetters.__module__} says how to install a typesetter")
        corpus = list(read_corpus(options.corpus)) if options.corpus.is_dir() and not options.typesetter else []
        everything = _results([*pages, *corpus], interpreters, options.reader)
        results = [result.of(pages) for result in everything]
        ours = next((result for result in results if result.name == "ocrmill"), None)
        tables = [readers_table(results)]
        if ours:
            print(worst(ours, options.worst))
            tables += [
                differences_table(ours, results),
                as_run(pages),
                kinds_table(ours, "kind"),
                kinds_table(ours, "typesetter"),
            ]
    if corpus:
        intro = f"{len(corpus)} documents of the corpus whose ground truth another project published:"
        tables += [intro, readers_table([result.of(corpus) for result in everything])]
    print("\n\n".join(tables))
    if options.write:
        versions = "; ".join(f"{name} {version}" for name, (_, _, version) in chosen.items())
        about = f"Measured {measured}: {options.documents} documents of each kind and typesetter, half "
        about += f"`{options.half}`, seed {options.seed}. Typesetters: {versions}."
        written = with_tables(options.write.read_text(encoding="utf-8"), tables, about)
        options.write.write_text(written, encoding="utf-8")
    if ours is None and not options.reader:
        sys.exit("our own reader failed")


def _results(pages: Sequence[Page], interpreters: Sequence[str], names: Sequence[str]) -> list[Result]:
    results = []
    for reader in READERS:
        if names and reader.name not in names:
            continue
        reading = read_all(reader, [page.path for page in pages], interpreters)
        if isinstance(reading, str):
            print(f"{reader.name}: left out, {reading}", flush=True)
            continue
        scored = {}
        for page in pages:
            text = reading.texts.get(page.path.stem, "")
            scored[page] = score(text, page.truth, pages=page.pages, is_markdown=reader.is_markdown)
            if reader.name == "ocrmill" and page.kind != "corpus":
                page.path.with_suffix(".ocrmill.md").write_text(text, encoding="utf-8")
        _say_errors(reader.name, reading)
        speed = sum(page.pages for page in pages) / max(reading.seconds, 1e-9)
        results.append(Result(reader.name, reader.is_markdown, reading, scored, speed))
        print(f"{reader.name} {reading.version}: {reading.seconds:.0f} s of CPU", flush=True)
    return results


def _say_errors(name: str, reading: Reading) -> None:
    for stem, error in reading.errors.items():
        print(f"{name}: failed on {stem}, which counts as empty: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=3, help="of each kind and typesetter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--half", choices=HALVES, default="held-back")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="also reads its PDFs with a NAME.gt.md beside")
    parser.add_argument("--folder", type=Path, help="where the PDFs stay; it should be empty")
    parser.add_argument("--python", action="append", default=[], metavar="INTERPRETER")
    parser.add_argument("--typesetter", action="append", default=[], choices=[each.name for each in TYPESETTERS])
    parser.add_argument("--reader", action="append", default=[], choices=[each.name for each in READERS])
    parser.add_argument("--worst", type=int, default=10, metavar="N", help="of our documents to show")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the tables into this page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
