"""Abstract documents: what is on a page, before a typesetter draws it.

    Paragraph((Span("Flour from "), Span("1990-1995", "bold"), Span(" was grey.")))

A writer for each typesetter turns it into source; sources/markdown_source.py turns it into the ground truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass

RIGHT_TO_LEFT = frozenset({"ar", "he"})


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one style: "", bold, italic, smallcaps, mono, super, sub, letterspaced, or a footnote's text."""

    text: str
    style: str = ""


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 0 is the title."""

    text: str
    level: int
    letterspaced: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `style` is "", caption or byline."""

    spans: Spans
    style: str = ""
    drop_cap: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list, with the list below it."""

    spans: Spans
    below: "ItemList | None" = None


@dataclass(frozen=True, slots=True)
class ItemList:
    """A list; `ordered` numbers it from 1."""

    items: tuple[Item, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Program text or a fixed-width table: blanks matter."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table and the columns and rows that it covers."""

    text: str
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `style` is ruled, booktabs, borderless, or pairs (names and values, which are text).

    A cell covered by one above is not in its row. A turned table is read from the bottom of the page to its top.
    """

    rows: tuple[tuple[Cell, ...], ...]
    style: str
    widths: tuple[int, ...]  # shares of the line for each column; 0 is as wide as its longest cell
    right: frozenset[int] = frozenset()  # columns set flush right
    turned: bool = False

    @property
    def has_spans(self) -> bool:
        """Tell if a cell covers more than one place."""
        return any(cell.columns > 1 or cell.rows > 1 for row in self.rows for cell in row)

    def grid(self) -> list[list[Cell | None]]:
        """Return rows with a place for each column; a covered place is None."""
        places: list[list[Cell | None]] = [[None] * len(self.widths) for _ in self.rows]
        taken: set[tuple[int, int]] = set()
        for y, row in enumerate(self.rows):
            x = 0
            for cell in row:
                while (y, x) in taken:
                    x += 1
                places[y][x] = cell
                taken |= {(y + down, x + over) for down in range(cell.rows) for over in range(cell.columns)}
                x += cell.columns
        return places


@dataclass(frozen=True, slots=True)
class Beside:
    """Two tables beside each other, which have nothing to do with each other; the right one hangs half a line lower."""

    left: Table
    right: Table


@dataclass(frozen=True, slots=True)
class Leaders:
    """Lines of a contents page: a title, dots, a page's number."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """A symbol of a formula: its LaTeX and its character."""

    latex: str
    shown: str


@dataclass(frozen=True, slots=True)
class Fraction:
    """A fraction of two formulas."""

    above: "Formula"
    below: "Formula"


@dataclass(frozen=True, slots=True)
class Root:
    """A square root."""

    inside: "Formula"


@dataclass(frozen=True, slots=True)
class Scripted:
    """A base with a formula below or above it."""

    base: Sign
    sub: "Formula | None" = None
    sup: "Formula | None" = None


Part = Sign | Fraction | Root | Scripted
Formula = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """A formula on lines of its own."""

    formula: Formula


Block = Heading | Paragraph | ItemList | Listing | Table | Beside | Leaders | Display


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its running header and footer; `{n}` in the footer is the page's number."""

    kind: str
    blocks: tuple[Block, ...]
    language: str = "en"
    columns: int = 1
    header: str = ""
    footer: str = ""
    size: float = 10.5  # of the running text, in points
    sans: bool = False
    justified: bool = True
    vertical: bool = False  # lines run from top to bottom, the first one on the right

    @property
    def right_to_left(self) -> bool:
        """Tell if lines begin on the right."""
        return self.language in RIGHT_TO_LEFT

    def footnotes(self) -> list[str]:
        """List the texts of all footnotes, in order."""
        return [span.text for span in self.spans() if span.style == "footnote"]

    def tables(self) -> list[Table]:
        """List all tables that are tables, in order."""
        found: list[Table] = []
        for block in self.blocks:
            found += [block.left, block.right] if isinstance(block, Beside) else []
            found += [block] if isinstance(block, Table) and block.style != "pairs" else []
        return found

    def spans(self) -> Iterator[Span]:
        """Yield the spans of all paragraphs and lists."""
        for block in self.blocks:
            if isinstance(block, Paragraph):
                yield from block.spans
            elif isinstance(block, ItemList):
                yield from item_spans(block)


def item_spans(items: ItemList) -> Iterator[Span]:
    """Yield the spans of a list and of those below it."""
    for item in items.items:
        yield from item.spans
        if item.below:
            yield from item_spans(item.below)


def is_kept_whole(text: str) -> bool:
    """Tell if words are kept on one line: a break in hangul or Devanagari leaves no sign that a word goes on."""
    return any("\uac00" <= sign <= "\ud7a3" or "\u0900" <= sign <= "\u0963" for sign in text)


def footer_parts(footer: str) -> tuple[str, str]:
    """Return what stands before and after the page's number."""
    before, _, after = footer.partition("{n}")
    return before, after
