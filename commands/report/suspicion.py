"""The most suspicious pages: those with the largest share of text in doubt.

Each flag of a page puts a share of its text in doubt (flag_meanings.py). The page's suspicion is what they doubt
together, taken for independent: 1 - (1 - a)(1 - b)... Pages come in this order; equal ones with the more flags first,
then by document and page. At most MOST_OF_A_DOCUMENT pages of a document are shown, so that one bad file does not fill
the list. Pages that failed have no text, and pages without a flag no doubt: neither is among them.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrmill.commands.report.contents import RaisedFlag
from ocrmill.commands.report.flag_meanings import MEANINGS, UNKNOWN, meaning_of

if TYPE_CHECKING:
    import duckdb

MOST_SUSPECTS = 20
MOST_OF_A_DOCUMENT = 3


class Suspect(NamedTuple):
    """A suspicious page, and the place of its row."""

    document_id: str
    page_number: int
    suspicion: float
    place: tuple[str, int, int]


def most_suspicious(cursor: "duckdb.DuckDBPyConnection", most: int = MOST_SUSPECTS) -> list[Suspect]:
    """Return the first pages of the order above."""
    order = "suspicion DESC, len(flags) DESC, document_id, page_number"
    rows = cursor.execute(
        f"""
        SELECT document_id, page_number, suspicion, shard, row_group, row FROM (
            SELECT *, 1 - {_undoubted()} AS suspicion FROM pages WHERE len(flags) > 0 AND status <> 'failed'
        )
        QUALIFY row_number() OVER (PARTITION BY document_id ORDER BY {order}) <= ? ORDER BY {order} LIMIT ?
        """,  # noqa: S608 - names of ours
        [MOST_OF_A_DOCUMENT, most],
    ).fetchall()
    return [
        Suspect(document_id, number, doubt, (place[0], place[1], place[2]))
        for document_id, number, doubt, *place in rows
    ]


def _undoubted() -> str:
    """Return SQL for the share of the text that no flag puts in doubt."""
    known = [
        f"CASE WHEN list_contains(flags, '{flag}') "
        f"THEN 1 - least(1, greatest(0, coalesce({meaning.share}, 0))) ELSE 1 END"
        for flag, meaning in MEANINGS.items()
    ]
    names = ", ".join(f"'{flag}'" for flag in MEANINGS)
    others = f"pow(1 - {UNKNOWN.share}, len(list_filter(flags, lambda flag: flag NOT IN ({names}))))"
    return " * ".join([*known, others])


def raised_flags(row: Mapping[str, Any]) -> Iterator[RaisedFlag]:
    """Yield the flags of a row, each with what raised it; those that put more in doubt need not come first."""
    for flag in row["flags"] or ():
        meaning = meaning_of(flag)
        measures = {name: float(row[name]) for name in meaning.measures if row.get(name) is not None}
        yield RaisedFlag(flag=flag, meaning=meaning.says, measures=measures)
