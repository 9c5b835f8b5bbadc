"""Measure what agreement with a page's own words finds, on texts that are damaged by rule, and what it flags falsely.

    python -m bench.agreement [FOLDER ...] [--half tuning] [--documents 3]
    python -m bench.agreement samples ../shared/corpus --documents 3 --skip test_2548.pdf --write docs/agreement.md

Pages are those of PDFs in the folders that are read from their text layer, and pages that typesetters set from sources
of bench/quality. Each is damaged once in every way, and varied honestly in every way, by draws from seeds. Half of the
documents is held back, and so are whole kinds (with a star): limits are chosen on `--half tuning`.
"""

import argparse
import hashlib
import random
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.agreement.damages import DAMAGES, INVENTED, MISREAD, MISSING, NUMBERS, ORDER
from bench.agreement.pages import HostPage, read_real, read_typeset
from bench.agreement.report import area, recall_at, table, write_tables
from bench.agreement.variations import VARIATIONS
from ocrmill.pipeline.measures import AgreementMeasures
from ocrmill.pipeline.pages.mupdf import quiet
from ocrmill.pipeline.quality.agreement.doubts import (
    DISAGREEING,
    LEAST_WORDS,
    NUMBERS_CHANGED,
    ORDER_DIFFERS,
    WORDS_INVENTED,
    WORDS_MISREAD,
    WORDS_MISSING,
    flags_of,
)
from ocrmill.pipeline.quality.agreement.ocr_agreement import measure_agreement
from ocrmill.pipeline.quality.agreement.trigrams import text_layer_agreement
from ocrmill.pipeline.text.layout_model import load_layout_model

FLAG_OF = {
    MISSING: WORDS_MISSING,
    INVENTED: WORDS_INVENTED,
    MISREAD: WORDS_MISREAD,
    NUMBERS: NUMBERS_CHANGED,
    ORDER: ORDER_DIFFERS,
}
RATE = 0.01  # of false alarms


@dataclass
class Texts:
    """The measures of the texts of one kind, and one number for both sides of agreement."""

    found: list[AgreementMeasures] = field(default_factory=list)
    trigrams: list[float] = field(default_factory=list)

    def add(self, page: HostPage, text: str) -> None:
        """Measure a text of a page."""
        self.found.append(measure_agreement(text, page.blocks, page.lines, page.geometry))
        self.trigrams.append(1 - text_layer_agreement(text, "\n".join(line.text for line in page.lines)))

    def scores(self, measure: str) -> list[float]:
        """The measure of each text; higher is worse."""
        return [-getattr(each, measure) if measure == ORDER else getattr(each, measure) for each in self.found]

    def flagged(self, flag: str | None = None) -> int:
        """Count texts with a flag, or with any."""
        return sum(bool(flags_of(each, None)) if flag is None else flag in flags_of(each, None) for each in self.found)


def main() -> None:
    """Print both tables, and write them where that is asked for."""
    options = _options()
    quiet()
    load_layout_model()
    with tempfile.TemporaryDirectory() as scratch:
        typeset = list(read_typeset(Path(scratch), options.half, options.documents, options.seed, options.typesetter))
    real = read_real(options.folders, options.half, options.skip)
    pages = [page for page in [*real, *typeset] if has_enough(page)]
    if not pages:
        sys.exit(f"no page with {LEAST_WORDS} words of its own in this half")
    damaged, honest, fingerprint = measure_all(pages, with_held_back=options.half != "tuning", worst=options.worst)
    documents = {page.document.split(" page ")[0] for page in pages}
    about = (
        f"{len(pages)} pages of {len(documents)} documents, half `{options.half}`; "
        f"{sum(len(each.found) for each in damaged.values())} damaged texts, "
        f"{sum(len(each.found) for each in honest.values())} honest ones."
    )
    tables = [about, damages_table(damaged, honest), honest_table(honest)]
    print("\n\n".join(tables))
    if options.write:
        folders = " ".join(folder.name for folder in options.folders)
        command = f"python -m bench.agreement {folders} --half {options.half} --documents {options.documents}"
        command += "".join(f" --skip {name}" for name in options.skip)
        write_tables(options.write, tables, command, fingerprint)


def has_enough(page: HostPage) -> bool:
    """Tell if a page's own words are enough to be judged."""
    return measure_agreement("", page.blocks, page.lines, page.geometry).agreement_words >= LEAST_WORDS


def measure_all(
    pages: list[HostPage], *, with_held_back: bool, worst: int
) -> tuple[dict[str, Texts], dict[str, Texts], str]:
    """Damage and vary every page; return the measures by kind, and a hash of all texts."""
    damaged: dict[str, Texts] = defaultdict(Texts)
    honest: dict[str, Texts] = defaultdict(Texts)
    digest = hashlib.sha256()
    for page in pages:
        others = [other for other in pages if other.document.split(" page ")[0] != page.document.split(" page ")[0]]
        for damage in (each for each in DAMAGES if with_held_back or not each.held_back):
            draw = random.Random(f"{page.document} {page.number} {damage.name}")
            text = damage.do(page.markdown, draw, draw.choice(others or pages).markdown)
            if text is not None:
                digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
                damaged[damage.name].add(page, text)
        for variation in (each for each in VARIATIONS if with_held_back or not each.held_back):
            draw = random.Random(f"{page.document} {page.number} {variation.name}")
            text = variation.do(page, draw)
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
            honest[variation.name].add(page, text)
            if worst and (flags := flags_of(found := honest[variation.name].found[-1], None)):
                print(f"{page.document} {variation.name}: {', '.join(flags)} {found}", flush=True)
    return damaged, honest, digest.hexdigest()[:16]


def damages_table(damaged: dict[str, Texts], honest: dict[str, Texts]) -> str:
    """Compare each damage with all honest texts."""
    rows = []
    for damage in DAMAGES:
        if not (texts := damaged.get(damage.name)):
            continue
        scores = texts.scores(damage.measure)
        fine = [score for each in honest.values() for score in each.scores(damage.measure)]
        one_number = area(texts.trigrams, [score for each in honest.values() for score in each.trigrams])
        rows.append(
            [
                damage.name + " *" * damage.held_back,
                str(len(scores)),
                f"`{damage.measure}`",
                f"{area(scores, fine):.3f}",
                f"{recall_at(scores, fine, RATE):.1%}",
                f"{texts.flagged(FLAG_OF[damage.measure]) / len(scores):.1%}",
                f"{texts.flagged() / len(scores):.1%}",
                f"{one_number:.3f}",
            ]
        )
    head = ["damage", "texts", "measure", "AUC", "found at 1 % false alarms", "its flag", "any flag"]
    return table([*head, "AUC of `text_layer_agreement`"], rows)


def honest_table(honest: dict[str, Texts]) -> str:
    """Share of the honest texts that each flag is raised on."""
    rows = []
    for variation in VARIATIONS:
        if not (texts := honest.get(variation.name)):
            continue
        count = len(texts.found)
        shares = [f"{texts.flagged(flag) / count:.1%}" for flag in DISAGREEING]
        rows.append([variation.name + " *" * variation.held_back, str(count), *shares])
    total = sum(len(each.found) for each in honest.values())
    together = [f"{sum(each.flagged(flag) for each in honest.values()) / total:.2%}" for flag in DISAGREEING]
    return table(
        ["honest text", "texts", *(f"`{flag}`" for flag in DISAGREEING)], [*rows, ["together", str(total), *together]]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--half", choices=("tuning", "held-back"), default="held-back")
    parser.add_argument("--documents", type=int, default=3, help="of each kind and typesetter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--typesetter", action="append", default=None, help="default typst")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave out this file")
    parser.add_argument("--worst", type=int, default=0, help="name honest texts that are flagged")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this document")
    options = parser.parse_args()
    options.typesetter = options.typesetter or ["typst"]
    return options


if __name__ == "__main__":
    main()
