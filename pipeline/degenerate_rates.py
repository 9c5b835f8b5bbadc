"""The share of pages that degenerate, in three definitions, each with its confidence interval.

Counted are the pages that an engine answered, also where the text layer then stood. A page degenerates if

kept       the text that stands repeats itself or was cut off (flags `repetition` and `truncated`),
at_first   the first attempt did, whatever came of later ones,
no_end     the first attempt wrote no end of sequence: it was cut off at its limit, or stopped in a loop, which would
           have run to the limit. DeepSeek's scripts drop such a page.

The intervals are Wilson's: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am.
Stat. Assoc. 22 (1927), 209-212. They hold for few pages and for rates near 0, where the usual one ends below 0 (Brown,
Cai and DasGupta, Statistical Science 16 (2001), 101-133). They take pages for independent; those of one document are
not quite.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.quality.flags import CUT_OFF, DEGENERATE, REPETITION, STOPPED
from ocrmill.pipeline.records import ENGINE_FAILURES, FailedPage, Reason, Status
from ocrmill.pipeline.rows import PageRow

CONFIDENCE = 0.95
# "Production repetition rate" of arXiv 2601.20552, on the PDF pages that their pipeline reads; of images that users
# sent it was 4.17 and 6.25 %.
PUBLISHED = "2.88% of PDF pages in DeepSeek's production with DeepSeek-OCR 2, 3.69% with DeepSeek-OCR"
# Pages that hold pictures over half of them are scans: a born-digital page of text with figures has less.
SCAN_COVER = 0.5
MOST_GROUPS = 4  # that a report names of one kind
NO_ENGINE = ""  # of a page that was read from its text layer at once

_BAD_FIRST = frozenset({Reason.REPETITION, Reason.TRUNCATED})
_NO_END = frozenset({CUT_OFF, STOPPED})
_SUMS = ("pages", "kept", "at_first", "no_end")
# The columns of `pages` from which `grouped` counts.
COLUMNS = (
    *("document_id", "route", "engine", "renderer", "status", "reason", "flags", "run_id"),
    *("features.characters", "features.image_cover"),
    *("attempts.list.element.engine", "attempts.list.element.finish_reason"),
)


class Group(NamedTuple):
    """The group of a page: pages with equal ones are counted together."""

    route: str
    engine: str  # that was asked first, or NO_ENGINE
    type: str
    night: str  # the run; empty in the report of one


@dataclass(slots=True)
class Counts:
    """Numbers of pages."""

    pages: int = 0
    kept: int = 0
    at_first: int = 0
    no_end: int = 0

    def add(self, other: "Counts") -> None:
        """Add other numbers to these."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def to_record(self) -> dict[str, Any]:
        """Return plain values: each number, its share and the interval of that."""
        record: dict[str, Any] = {"pages": self.pages}
        for name in _SUMS[1:]:
            count = getattr(self, name)
            low, high = interval(count, self.pages)
            record[name] = {"pages": count, "share": count / self.pages if self.pages else 0.0, "from": low, "to": high}
        return record


@dataclass(slots=True)
class DegenerateRates:
    """Counts of pages by group."""

    counts: dict[Group, Counts] = field(default_factory=lambda: defaultdict(Counts))

    @classmethod
    def from_groups(cls, tables: Iterable[pa.Table]) -> "DegenerateRates":
        """Add up tables of `grouped`."""
        rates = cls()
        for table in tables:
            for row in table.group_by(list(Group._fields)).aggregate([(name, "sum") for name in _SUMS]).to_pylist():
                counts = Counts(*(row[f"{name}_sum"] for name in _SUMS))
                rates.counts[Group(*(row[name] for name in Group._fields))].add(counts)
        return rates

    def add(self, row: PageRow) -> None:
        """Count a page of the run that is going on."""
        engine = next((attempt.engine for attempt in (row.standing, *row.attempts) if attempt is not None), NO_ENGINE)
        route = "" if isinstance(row.page, FailedPage) else row.page.decision.route
        if not engine:
            if row.status is Status.TEXT_LAYER:
                self.counts[Group(route, NO_ENGINE, "", "")].add(Counts(1, REPETITION in row.flags))
            return
        if row.reason in ENGINE_FAILURES:
            return
        kept = row.standing is not None and not DEGENERATE.isdisjoint(row.flags)
        no_end = bool(row.attempts) and row.attempts[0].finish_reason in _NO_END
        at_first = row.reason in _BAD_FIRST or (row.reason is None and kept)
        self.counts[Group(route, engine, _type_of(row), "")].add(Counts(1, kept, at_first, no_end))

    @property
    def total(self) -> Counts:
        """The numbers of all pages that an engine answered."""
        return self._sum(counts for group, counts in self.counts.items() if group.engine)

    @property
    def layers(self) -> Counts:
        """The numbers of pages read from their text layers, which no model wrote: a bound for false alarms."""
        return self._sum(counts for group, counts in self.counts.items() if not group.engine)

    def by(self, kind: str) -> dict[str, Counts]:
        """Return the numbers by one field of the groups, the largest first; nights by name, the last first."""
        sums: defaultdict[str, Counts] = defaultdict(Counts)
        for group, counts in self.counts.items():
            if group.engine and getattr(group, kind):
                sums[getattr(group, kind)].add(counts)
        ordered = sorted(sums.items(), reverse=kind == "night")
        return dict(ordered if kind == "night" else sorted(ordered, key=lambda item: -item[1].pages))

    def to_record(self) -> dict[str, Any]:
        """Return plain values for `runs/<run_id>.json`."""
        kinds = {
            f"by_{kind}": {name: counts.to_record() for name, counts in self.by(kind).items()}
            for kind in Group._fields
            if kind != "night"
        }
        return {"confidence": CONFIDENCE, **self.total.to_record(), **kinds, "text_layers": asdict(self.layers)}

    def to_lines(self) -> list[tuple[str, str]]:
        """Return a name and a text for each line of a report; none if no engine answered. Names may come again."""
        total = self.total
        if not total.pages:
            return []
        lines = [
            ("degenerate", f"{_of(total, 'kept')} from an engine repeat themselves or have no end"),
            ("at first", f"{_of(total, 'at_first')} did at the first attempt; in brackets the 95% confidence interval"),
            ("no end", f"{_of(total, 'no_end')} wrote no end of sequence at first, which is DeepSeek's measure"),
            ("published", PUBLISHED),
        ]
        if self.layers.pages:
            said = f"{_of(self.layers, 'kept')} from text layers repeat themselves, which no model wrote"
            lines.append(("of layers", said))
        for kind in Group._fields:
            groups = self.by(kind)
            if len(groups) > 1:
                lines += _group_lines(f"by {kind}", groups)
        return lines

    @staticmethod
    def _sum(parts: Iterable[Counts]) -> Counts:
        total = Counts()
        for part in parts:
            total.add(part)
        return total


def interval(count: int, pages: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's score interval of a share, without continuity correction; 0 to 1 for no pages."""
    if not pages:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, shrink = count / pages, 1 + z * z / pages
    middle = (share + z * z / (2 * pages)) / shrink
    half = z * sqrt(share * (1 - share) / pages + z * z / (4 * pages * pages)) / shrink
    return (0.0 if not count else max(0.0, middle - half)), (1.0 if count == pages else min(1.0, middle + half))


def grouped(table: pa.Table) -> pa.Table:
    """Count the pages of a shard, read with COLUMNS, by document and group.

    Rows of quality version 1 have no reason if a bad first attempt stands; their flags show it.
    """
    engine, first_finish = _asked(table)
    reason = pc.fill_null(table["reason"].cast(pa.string()), "").combine_chunks()
    is_own = pc.is_valid(table["engine"].combine_chunks())
    status = table["status"].cast(pa.string()).combine_chunks()
    answered = pc.and_(pc.not_equal(engine, NO_ENGINE), pc.invert(_is_in(reason, ENGINE_FAILURES)))
    of_layer = pc.and_(pc.equal(engine, NO_ENGINE), pc.equal(status, Status.TEXT_LAYER.value))
    kept = pc.and_(_has_flag(table, DEGENERATE), is_own)
    at_first = pc.or_(_is_in(reason, _BAD_FIRST), pc.and_(pc.equal(reason, ""), kept))
    kinds = {
        "route": pc.fill_null(table["route"].cast(pa.string()), "").combine_chunks(),
        "engine": engine,
        "type": pc.if_else(of_layer, "", _types(table)),
        "night": pc.fill_null(table["run_id"].cast(pa.string()), "").combine_chunks(),
    }
    sums = {
        "pages": pc.fill_null(pc.or_(answered, of_layer), False),
        "kept": pc.if_else(of_layer, _has_flag(table, {REPETITION}), kept),
        "at_first": pc.and_(answered, at_first),
        "no_end": pc.and_(answered, _is_in(first_finish, _NO_END)),
    }
    counts = {name: column.cast(pa.int64()) for name, column in sums.items()}
    ids = table["document_id"].cast(pa.string()).combine_chunks()
    rows = pa.table({"document_id": ids, **kinds, **counts}).filter(sums["pages"])
    found = rows.group_by(["document_id", *kinds]).aggregate([(name, "sum") for name in _SUMS])
    return found.rename_columns([name.removesuffix("_sum") for name in found.column_names])


def _asked(table: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Return the engine that each page was sent to, and how its first attempt ended; empty strings for none."""
    attempts = table["attempts"].combine_chunks()
    some = pc.greater(pc.fill_null(pc.list_value_length(attempts), 0), 0)
    firsts = pc.list_element(attempts.filter(some), 0)
    places = pc.if_else(some, pc.subtract(pc.cumulative_sum(some.cast(pa.int64())), 1), None)
    of_first, finish = (pc.struct_field(firsts, name).take(places) for name in ("engine", "finish_reason"))
    own = table["engine"].cast(pa.string()).combine_chunks()
    return pc.fill_null(pc.coalesce(own, of_first), NO_ENGINE), pc.fill_null(finish, "")


def _has_flag(table: pa.Table, flags: Iterable[str]) -> pa.Array:
    lists = table["flags"].combine_chunks()
    rows = pc.list_parent_indices(lists).filter(_is_in(pc.list_flatten(lists), flags))
    return pc.is_in(pa.array(range(len(table)), pa.int64()), rows)


def _is_in(column: pa.Array, words: Iterable[str]) -> pa.Array:
    return pc.is_in(column, pa.array(sorted(words), pa.string()))


def _types(table: pa.Table) -> pa.Array:
    features = table["features"].combine_chunks()
    cover, characters = (pc.struct_field(features, name) for name in ("image_cover", "characters"))
    is_scan, has_layer = pc.greater_equal(cover, SCAN_COVER), pc.greater(characters, 0)
    of_pdf = pc.case_when(pc.make_struct(is_scan, has_layer), "scan", "born-digital", "other")
    is_image = pc.equal(table["renderer"].cast(pa.string()).combine_chunks(), "pillow")
    return pc.if_else(pc.fill_null(is_image, False), "image file", of_pdf)


def _type_of(row: PageRow) -> str:
    """Return what `_types` finds: an image file, a scan, born-digital (it has a text layer), or another page."""
    if row.page.renderer == "pillow":
        return "image file"
    features = None if isinstance(row.page, FailedPage) else row.page.features
    if features is None:
        return "other"
    return "scan" if features.image_cover >= SCAN_COVER else "born-digital" if features.characters else "other"


def _of(counts: Counts, name: str) -> str:
    return f"{getattr(counts, name):,} of {counts.pages:,} pages {_share(counts, name)}"


def _share(counts: Counts, name: str) -> str:
    low, high = interval(getattr(counts, name), counts.pages)
    return f"({getattr(counts, name) / counts.pages:.2%}, {100 * low:.2f} to {100 * high:.2f})"


def _group_lines(name: str, groups: Mapping[str, Counts]) -> Iterator[tuple[str, str]]:
    for at, (group, counts) in enumerate(groups.items()):
        if at == MOST_GROUPS:
            yield "", f"and {len(groups) - at:,} more"
            return
        text = f"{group}: {_of(counts, 'kept')}, no end {counts.no_end:,} {_share(counts, 'no_end')}"
        yield name if at == 0 else "", text
