"""Measure how well odd letters are distinguished from ordinary ones, on the translated messages of this machine.

    python bench/letter_frequencies.py [--orders] [FOLDER ...]

FOLDER holds `LANGUAGE/LC_MESSAGES/*.mo` (default /usr/share/locale, which Debian fills). Of each language, pieces of
three lengths are measured as they are, with their alphabet shifted or shuffled, and backwards: what share is found
odd. The messages are sorted, so pieces are more alike inside than pages are. `--orders` prints the letters of each
language by frequency instead, as pipeline/pages/letter_frequencies.py has them.
"""

import argparse
import gettext
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from ocrmill.configs.settings import RoutingSettings
from ocrmill.pipeline.pages.letter_frequencies import LETTERS_BY_FREQUENCY
from ocrmill.pipeline.pages.scripts import bare_letters, script_of
from ocrmill.pipeline.pages.text_statistics import measure_text

LENGTHS = (200, 600, 3000)  # characters
PIECES = 40
MIN_SHARE = 0.002  # rarer letters are foreign ones
_NOT_PROSE = re.compile(r"%\S*|<[^>]*>|--?\w+")  # placeholders, tags, options


def messages(folders: list[Path]) -> dict[str, str]:
    """All translations of each language, each once."""
    texts: dict[str, set[str]] = defaultdict(set)
    for path in (path for folder in folders for path in sorted(folder.glob("*/LC_MESSAGES/*.mo"))):
        if not path.name.startswith("iso_"):  # lists of names
            texts[path.parts[-3].split(".")[0]] |= _translations(path)
    return {language: _NOT_PROSE.sub("", "\n".join(sorted(found))) for language, found in texts.items()}


def _translations(path: Path) -> set[str]:
    with path.open("rb") as stream:
        try:
            # The mapping is private, but there is no other way to list the messages.
            catalog: dict[str, str] = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined] # noqa: SLF001
        except (ValueError, IndexError):  # an old file whose header gettext cannot read
            return set()
    return {text for key, text in catalog.items() if key and text != key}


def alphabet(text: str) -> list[str]:
    """Letters of the commonest script of a text, from most to least frequent."""
    letters = Counter(letter for character in text for letter in bare_letters(character))
    scripts = Counter[str]()
    for letter, count in letters.items():
        scripts[script_of(letter)] += count
    script, total = scripts.most_common(1)[0]
    return [letter for letter, n in letters.most_common() if script_of(letter) == script and n >= MIN_SHARE * total]


def shifted(text: str, order: list[str]) -> str:
    """Every letter replaced by its neighbour in the alphabet."""
    ordered = sorted(order)
    return text.lower().translate(str.maketrans("".join(ordered), "".join(ordered[1:] + ordered[:1])))


def shuffled(text: str, order: list[str]) -> str:
    """Every letter replaced by another one."""
    return text.lower().translate(str.maketrans("".join(order), "".join(random.sample(order, len(order)))))


WAYS: dict[str, Callable[[str, list[str]], str]] = {
    "good": lambda text, _: text,
    "shifted": shifted,
    "shuffled": shuffled,
    "reversed": lambda text, _: text[::-1],
}


def odd_share(text: str, order: list[str], length: int, spoil: Callable[[str, list[str]], str]) -> float:
    """Share of the pieces of a text that are found odd once spoiled."""
    limit = RoutingSettings().max_script_oddness
    starts = [random.randrange(len(text) - length) for _ in range(PIECES)]
    return sum(measure_text(spoil(text[s : s + length], order)).script_oddness >= limit for s in starts) / PIECES


def main(folders: list[Path], *, orders: bool) -> None:
    """Print a line for every language, then the mean of those that have a table."""
    random.seed(1)
    rows = []
    print(f"{'':24s}" + "".join(f"{f'{length} {way}':>15s}" for length in LENGTHS for way in WAYS))
    for language, text in sorted(messages(folders).items()):
        if len(text) < 2 * max(LENGTHS):
            continue
        order = alphabet(text)
        script = script_of(order[0])
        if orders:
            print(f'"{"".join(order)}",  # {language} {script}')
            continue
        row = [odd_share(text, order, length, way) for length in LENGTHS for way in WAYS.values()]
        print(f"{language:12s}{script:12s}" + _columns(row))
        if script in LETTERS_BY_FREQUENCY:
            rows.append(row)
    print(f"{f'mean of {len(rows)}':24s}" + _columns([fmean(column) for column in zip(*rows, strict=True)]))


def _columns(row: list[float]) -> str:
    return "".join(f"{value:15.3f}" for value in row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", default=[Path("/usr/share/locale")])
    parser.add_argument("--orders", action="store_true")
    arguments = parser.parse_args()
    main(arguments.folders, orders=arguments.orders)
