"""Seeded documents of several kinds: the same seed gives the same document, another one other words and numbers.

Tuning and held-back documents are of the same kinds and differ in their seeds. Every text is drawn from word lists, so
that nothing in it is anybody's. A document is short: it fits on one page where it has footnotes, as these stand at the
end of a page.
"""

from dataclasses import replace
from random import Random

from bench.quality.document import (
    Beside,
    Block,
    Cell,
    Display,
    Document,
    Formula,
    Fraction,
    Heading,
    Item,
    ItemList,
    Leaders,
    Listing,
    Paragraph,
    Root,
    Scripted,
    Sign,
    Span,
    Spans,
    Table,
)
from bench.quality.vocabulary import COMMAS, COMPOUNDS, LIGATURES, SCRIPTS, STOPS, WITHOUT_BLANKS, english

HALVES = ("tuning", "held-back")
PLAIN_KINDS = ("article", "report", "columns", "tables", "borderless", "contents", "listing", "lists", "typography")
KINDS = (*PLAIN_KINDS, "beside", "turned", "formulas", "vertical-ja", *(f"script-{language}" for language in SCRIPTS))
_SYMBOLS = (
    ("a", "a"),
    ("b", "b"),
    ("x", "x"),
    ("y", "y"),
    (r"\alpha", "α"),
    (r"\beta", "β"),
    (r"\lambda", "λ"),
    (r"\mu", "μ"),
    ("2", "2"),
    ("7", "7"),
)
_OPERATORS = (("+", "+"), ("-", "\N{MINUS SIGN}"), (r"\le", "≤"), (r"\cdot", "⋅"))


def make_document(seed: str, kind: str) -> Document:
    """Return the document of a seed and a kind."""
    return _Author(f"{seed}/{kind}", kind).document()


class _Author:
    """Write one document."""

    def __init__(self, seed: str, kind: str) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.kind = kind
        self.language = kind.partition("-")[2] or "en"

    def document(self) -> Document:
        name = self.kind.partition("-")[0]
        blocks: tuple[Block, ...] = tuple(getattr(self, f"_{name}")())
        look = Random(f"{self.seed}/look")  # so that a new look changes no text
        furniture = name in {"article", "report", "columns"}
        return Document(
            kind=self.kind,
            blocks=(Heading(self._title(), 0), *blocks),
            language=self.language,
            columns=2 if name == "columns" else 1,
            header=f"Quarterly {self._title()}" if furniture else "",
            footer="Folio {n}" if furniture else "",
            size=look.choice((9.5, 10, 10.5, 11, 12)),
            sans=look.random() < 0.3,
            justified=look.random() < 0.7,
            vertical=name == "vertical",
        )

    # Words

    def _words(self, count: int) -> list[str]:
        words = english() if self.language == "en" else tuple(SCRIPTS[self.language][1].split())
        return self.random.choices(words, k=count)

    def _title(self) -> str:
        words = self._words(self.random.randint(3, 5))
        if self.language in WITHOUT_BLANKS:
            return "".join(words)
        return " ".join(word.capitalize() for word in words)

    def number(self) -> str:
        """Return a number, with separators or a sign."""
        draw = self.random
        return draw.choice(
            (
                lambda: f"{draw.randint(1000, 9_999_999):,}",
                lambda: f"{draw.uniform(0, 100):.2f}",
                lambda: f"{draw.uniform(0, 1):.3f}",
                lambda: f"-{draw.uniform(0, 50):.1f}",
                lambda: f"+{draw.uniform(0, 9):.2f}",
                lambda: f"{draw.randint(1000, 99999)}.{draw.randint(10, 99)}",
                lambda: f"{draw.randint(1, 99)}%",
            )
        )()

    def _special(self) -> str:
        draw = self.random
        year = draw.randint(1700, 1990)
        return draw.choice(
            (
                lambda: draw.choice(COMPOUNDS),
                lambda: draw.choice(COMPOUNDS),
                lambda: draw.choice(LIGATURES),
                lambda: f"{year}-{year + draw.randint(1, 30)}",
                lambda: f"{draw.randint(2, 40)}\N{EN DASH}{draw.randint(41, 90)}",
                lambda: f"{year}-{draw.randint(10, 12)}-{draw.randint(10, 28)}",
                lambda: f"{draw.randint(6, 12)}:{draw.randint(10, 59)}",
                lambda: f"{draw.choice('ABC')}-{draw.randint(100, 999)}/{draw.randint(1, 9)}",
                self.number,
            )
        )()

    def sentence(self) -> str:
        """Return a sentence; one in three has a number, a range or a compound word."""
        words = self._words(self.random.randint(7, 16))
        if self.random.random() < (0.7 if self.language == "en" else 0.3):
            special = self._special() if self.language == "en" else self.number().lstrip("+-")
            words.insert(self.random.randint(1, len(words) - 1), special)
        if self.language in WITHOUT_BLANKS:
            half = len(words) // 2
            text = "".join(words[:half]) + COMMAS[self.language] + "".join(words[half:])
        else:
            if self.random.random() < 0.5:
                words[3] += COMMAS.get(self.language, ",")
            text = " ".join(words)
        return text[0].upper() + text[1:] + STOPS.get(self.language, ".")

    def text(self, sentences: int) -> str:
        """Return some sentences."""
        between = "" if self.language in WITHOUT_BLANKS else " "
        return between.join(self.sentence() for _ in range(sentences)).strip()

    def paragraph(self, sentences: int = 0, *, drop_cap: bool = False) -> Paragraph:
        """Return a paragraph without styles."""
        return Paragraph((Span(self.text(sentences or self.random.randint(3, 5))),), drop_cap=drop_cap)

    def styled(self, *styles: str) -> Spans:
        """Return sentences with a word in each of the styles."""
        spans = [Span(self.text(1) + " ")]
        for style in styles:
            spans += [Span(" ".join(self._words(2)), style), Span(" " + self.text(1) + " ")]
        spans[-1] = Span(spans[-1].text.rstrip())
        return tuple(spans)

    def heading(self, level: int, *, letterspaced: bool = False) -> Heading:
        """Return a heading."""
        return Heading(self._title(), level, letterspaced)

    # Kinds

    def _article(self) -> list[Block]:
        noted = (Span(self.text(2)), Span(self.text(1), "footnote"), Span(" " + self.text(2)))
        return [
            Paragraph((Span(f"{self._title()}, {self._title()}"),), "byline"),
            self.paragraph(),
            self.heading(1),
            Paragraph(noted),
            self.heading(2),
            self.paragraph(),
            self.heading(3),
            Paragraph((*self.styled("bold", "italic"), Span(self.text(1), "footnote"))),
            self.heading(1),
            self.paragraph(2),
        ]

    def _report(self) -> list[Block]:
        blocks: list[Block] = []
        for _ in range(3):
            blocks += [self.heading(1), self.paragraph(6), self.paragraph(5), self.heading(2), self.paragraph(6)]
            blocks += [self.heading(3), self.paragraph(5), self.paragraph(7)]
        return blocks

    def _columns(self) -> list[Block]:
        blocks: list[Block] = []
        for _ in range(4):
            blocks += [self.heading(1), self.paragraph(4), self.paragraph(5)]
        return blocks

    def _lists(self) -> list[Block]:
        def item() -> Item:
            return Item((Span(self.text(self.random.randint(1, 2))),))

        inner = ItemList((item(), item()))
        middle = ItemList((item(), Item(item().spans, inner)), ordered=True)
        return [
            self.paragraph(2),
            ItemList((item(), Item(item().spans, middle), item())),
            self.heading(1),
            Paragraph((Span(f"> {self.random.randint(10, 90)} percent {self.text(1)}"),)),
            ItemList((item(), item(), Item(item().spans, ItemList((item(), item()))), item()), ordered=True),
            self.paragraph(2),
        ]

    def _listing(self) -> list[Block]:
        names = [word for word in self._words(12) if len(word) > 2]
        code = [f"def {names[0]}({names[1]}, {names[2]}=-1):"]
        code += [f"    if {names[1]} > {self.random.randint(2, 99)}:"]
        code += [f"        return {names[2]} * {self.random.uniform(0, 9):.3f}  # {names[3]}-{names[4]}"]
        code += [f"    for {names[5]} in range({self.random.randint(2, 9)}):"]
        code += [f"        {names[1]} += {names[5]}[{names[2]} - 1]", f"    return {names[1]}"]
        fixed = ["NAME         UNITS      PRICE     CHANGE"]
        for _ in range(6):
            name, units = self._words(1)[0].upper()[:10], self.random.randint(1, 9999)
            price, change = self.random.uniform(0, 20000), self.random.uniform(-9, 9)
            fixed.append(f"{name:10}{units:8}{price:11.2f}{change:+11.3f}")
        dump = []
        for line in range(4):
            octets = " ".join(f"{self.random.randrange(256):02x}" for _ in range(12))
            dump.append(f"{16 * line:06x}  {octets}")
        return [
            self.paragraph(2),
            Listing(tuple(code)),
            self.heading(1),
            Paragraph((Span(self.text(1) + " "), Span("--dry-run", "mono"), Span(" " + self.text(1)))),
            Listing(tuple(fixed)),
            self.paragraph(2),
            Listing(tuple(dump)),
            self.paragraph(1),
        ]

    def _caption(self, number: int) -> Paragraph:
        return Paragraph((Span(f"Table {number}: {self.sentence()}"),), "caption")

    def _numeric(self, style: str, *, columns: int = 4, rows: int = 6) -> Table:
        head = tuple(Cell(text) for text in ("Place", *(word.capitalize() for word in self._words(columns - 1))))
        body = [
            (Cell(" ".join(self._words(2)).capitalize()), *(Cell(self.number()) for _ in range(columns - 1)))
            for _ in range(rows)
        ]
        return Table((head, *body), style, (0,) * columns, frozenset(range(1, columns)))

    def _wrapped(self, style: str) -> Table:
        rows = [(Cell("Part"), Cell("Notes"), Cell("Cost"))]
        rows += [
            (Cell(" ".join(self._words(1)).capitalize()), Cell(self.text(2)), Cell(self.number())) for _ in range(3)
        ]
        return Table(tuple(rows), style, (0, 1, 0), frozenset({2}))

    def _spanned(self, style: str) -> Table:
        words = [word.capitalize() for word in self._words(12)]
        rows = [
            (Cell(words[0], rows=2), Cell(f"{words[1]} {words[2]}", columns=2), Cell(words[3], rows=2)),
            (Cell(words[4]), Cell(words[5])),
            *((Cell(words[6 + n]), *(Cell(self.number()) for _ in range(3))) for n in range(4)),
            (Cell(self.text(1), columns=4),),
        ]
        return Table(tuple(rows), style, (0, 0, 0, 0), frozenset({1, 2, 3}))

    def _tables(self) -> list[Block]:
        return [
            self.paragraph(2),
            self._caption(1),
            self._numeric("ruled"),
            self.paragraph(2),
            self._caption(2),
            self._spanned("ruled"),
            self.paragraph(1),
            self._caption(3),
            self._wrapped("ruled"),
        ]

    def _borderless(self) -> list[Block]:
        return [
            self.paragraph(2),
            self._caption(1),
            self._numeric("booktabs", columns=5),
            self.paragraph(2),
            self._caption(2),
            self._numeric("borderless"),
            self.paragraph(1),
            self._caption(3),
            self._wrapped("booktabs"),
        ]

    def _contents(self) -> list[Block]:
        lines = [(f"{number}. {self._title()}", str(self.random.randint(10, 99))) for number in range(1, 9)]
        names = ("Ordered by", "Address", "Order number", "Date", "Total")
        values = (
            f"{self._title()} Ltd",
            f"{self.random.randint(2, 99)} {self._title()}",
            f"{self.random.choice('ABC')}-{self.random.randint(1000, 9999)}/{self.random.randint(1, 9)}",
            f"{self.random.randint(10, 28)}.{self.random.randint(10, 12)}.{self.random.randint(1980, 2020)}",
            f"{self.random.randint(1000, 9999):,}.{self.random.randint(10, 99)} EUR",
        )
        rows = tuple((Cell(f"{name}:"), Cell(value)) for name, value in zip(names, values, strict=True))
        return [
            Leaders(tuple(lines)),
            self.heading(1),
            self.paragraph(1),
            Table(rows, "pairs", (0, 0)),
            self.paragraph(2),
        ]

    def _beside(self) -> list[Block]:
        return [
            self.paragraph(2),
            Beside(self._numeric("ruled", columns=3, rows=7), self._numeric("borderless", columns=2, rows=8)),
            self.paragraph(2),
        ]

    def _turned(self) -> list[Block]:
        return [self.paragraph(3), replace(self._numeric("ruled", columns=5), turned=True), self.paragraph(2)]

    def _vertical(self) -> list[Block]:
        return [self.paragraph(3), self.heading(1), self.paragraph(4), self.paragraph(2)]

    def _typography(self) -> list[Block]:
        ligatures = " ".join(self.random.sample(LIGATURES, 6))
        return [
            self.paragraph(6, drop_cap=True),
            self.heading(1, letterspaced=True),
            Paragraph(self.styled("smallcaps", "bold", "italic")),
            Paragraph((Span(f"{self.text(1)} {ligatures}. "), Span("letters apart", "letterspaced"), Span("."))),
            self.heading(2),
            Paragraph(
                (Span("The area is 12 m"), Span("2", "super"), Span(" and H"), Span("2", "sub"), Span("O flows."))
            ),
            self.paragraph(3),
        ]

    def _script(self) -> list[Block]:
        return [
            self.paragraph(4),
            self.heading(1),
            self.paragraph(5),
            ItemList(tuple(Item((Span(self.text(1)),)) for _ in range(3)), ordered=self.random.random() < 0.5),
            self.heading(1),
            self.paragraph(3),
        ]

    def _sign(self) -> Sign:
        return Sign(*self.random.choice(_SYMBOLS))

    def _sum(self) -> Formula:
        return (self._sign(), Sign(*self.random.choice(_OPERATORS)), self._sign())

    def _formula(self) -> Formula:
        left = Scripted(Sign("f", "f"), sub=(self._sign(),))
        big = Scripted(Sign(r"\sum", "∑"), sub=(Sign("k", "k"), Sign("=", "="), Sign("1", "1")), sup=(Sign("n", "n"),))
        inside: Formula = self.random.choice(((Fraction(self._sum(), self._sum()),), (Root(self._sum()),)))
        power = Scripted(Sign("x", "x"), sub=(Sign("k", "k"),), sup=(Sign("2", "2"),))
        return (left, Sign("=", "="), big, *inside, Sign("+", "+"), power)

    def _formulas(self) -> list[Block]:
        blocks: list[Block] = [self.paragraph(2)]
        for _ in range(4):
            blocks += [Display(self._formula()), self.paragraph(2)]
        return blocks
