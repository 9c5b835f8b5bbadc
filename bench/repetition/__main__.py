"""Measure recall and false alarms of the repetition flag, beside the rules of others, on a labelled set.

    python -m bench.repetition FOLDER [--half tuning] [--each 100] [--skip NAME ...] [--password PASSWORD ...]
    python -m bench.repetition FOLDER --each 200 --write docs/repetition.md

The ordinary pages are the text layers of the PDFs in FOLDER, and the loops are put into them: before, between or after
their lines. Loops and hard negatives are drawn from seeds. Half of the documents, and of the kinds, is held back:
thresholds were chosen on the others (`--half tuning`).
"""

import argparse
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.repetition.loops import LOOPS
from bench.repetition.negatives import HARD_NEGATIVES
from bench.repetition.pages import LEAST_CHARS, Page, read_pages
from bench.repetition.report import Row, print_table, write_tables
from bench.repetition.rules import RULES

PLACES = ("start", "middle", "end")


@dataclass
class Labelled:
    """The texts of one kind; `cut_off` are those of a loop that a model would never have ended."""

    kind: str
    least: int | None  # turns of the smallest loop; null for what does not loop
    held_back: bool
    texts: list[str] = field(default_factory=list)
    cut_off: list[str] = field(default_factory=list)


def main() -> None:
    """Print both tables, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=("tuning", "held-back"), default="held-back")
    parser.add_argument("--each", type=int, default=100, help="texts of each kind (default %(default)s)")
    parser.add_argument("--rule", action="append", choices=RULES, help="only these (default all)")
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="print N texts that ours judges wrongly")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave out this file")
    parser.add_argument("--password", action="append", default=[], help="try this one on encrypted files")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this document")
    arguments = parser.parse_args()
    every = [page for page in read_pages(arguments.folder, arguments.password) if page.document not in arguments.skip]
    pages = [page for page in every if page.is_held_back == (arguments.half == "held-back")] or every
    hosts = [page for page in pages if len(page.text) >= LEAST_CHARS]
    if not hosts:
        parser.error(f"{arguments.folder}: no page with {LEAST_CHARS} characters of text")
    labelled = [*draw_set(hosts, arguments.half, arguments.each), Labelled("ordinary pages", None, True)]
    labelled[-1].texts = [page.text for page in every]
    print(
        f"{len(every)} pages with text, {sum(len(page.text) for page in every) / len(every):.0f} characters on average"
    )
    print(f"labelled set: {fingerprint(labelled[:-1])}")
    rules = arguments.rule or list(RULES)
    rows = [judged(each, rules) for each in labelled]
    print_table(rows, rules)
    print(f"flagged for repetition, finish_reason stop: {rows[-1].flagged['ocrmill']} of {len(every)} ordinary pages")
    for each in labelled:
        print_wrong(each, arguments.missed)
    if arguments.write:
        command = f"python -m bench.repetition {arguments.folder.name} --half {arguments.half} --each {arguments.each}"
        write_tables(arguments.write, rows, rules, command=command, fingerprint=fingerprint(labelled[:-1]))


def draw_set(hosts: list[Page], half: str, each: int) -> Iterator[Labelled]:
    """Draw the texts of every kind; in the half `tuning` only kinds that are not held back."""
    for loop in LOOPS:
        if half == "tuning" and loop.held_back:
            continue
        drawn = Labelled(loop.name, loop.least, loop.held_back)
        for number in range(each):
            draw = random.Random(f"{half} {loop.name} {number}")
            host, place, text = draw.choice(hosts).text, draw.choice(PLACES), loop.draw(draw)
            drawn.texts.append(put_into(host, text, place, draw))
            if place == "end":
                drawn.cut_off.append(drawn.texts[-1])
        yield drawn
    for kind in HARD_NEGATIVES:
        if half == "tuning" and kind.held_back:
            continue
        drawn = Labelled(kind.name, None, kind.held_back)
        for number in range(each):
            draw = random.Random(f"{half} {kind.name} {number}")
            text = kind.draw(draw)
            drawn.texts.append(
                put_into(draw.choice(hosts).text, text, draw.choice(PLACES), draw) if number % 2 else text
            )
        yield drawn


def put_into(host: str, text: str, place: str, draw: random.Random) -> str:
    """Put a text before, after or between the lines of a page."""
    lines = host.strip().split("\n")
    at = {"start": 0, "middle": draw.randint(1, max(1, len(lines) - 1)), "end": len(lines)}[place]
    return "\n".join(["\n".join(lines[:at]), text, "\n".join(lines[at:])]).strip()


def judged(labelled: Labelled, rules: list[str]) -> Row:
    """Count what each rule flags."""
    flagged: dict[str, int] = defaultdict(int)
    cut_off: dict[str, int] = defaultdict(int)
    for name in rules:
        flagged[name] = sum(RULES[name](text, "stop") for text in labelled.texts)
        cut_off[name] = sum(RULES[name](text, "length") for text in labelled.cut_off)
    counts = len(labelled.texts), len(labelled.cut_off)
    return Row(labelled.kind, labelled.least, labelled.held_back, *counts, dict(flagged), dict(cut_off))


def print_wrong(labelled: Labelled, most: int) -> None:
    """Print the first texts that our flag judges wrongly."""
    wrong = [text for text in labelled.texts if RULES["ocrmill"](text, "stop") != (labelled.least is not None)]
    for text in wrong[:most]:
        print(f"\n--- {labelled.kind}\n{text}")


def fingerprint(labelled: list[Labelled]) -> str:
    """Give the SHA-256 of all texts, so that two runs can be seen to have judged the same."""
    digest = hashlib.sha256()
    for each in labelled:
        for text in each.texts:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    main()
