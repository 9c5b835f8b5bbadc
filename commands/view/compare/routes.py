"""The addresses of the comparison."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ocrmill.commands.view.compare.differences import KINDS, SIDES, Differences
from ocrmill.commands.view.compare.word_difference import compare_words
from ocrmill.commands.view.frame import data_of, number_in, render
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.printable import printable

LISTED = 100


def differing_pages(request: Request) -> Response:
    """List the pages that differ, those of some kinds only if the address names kinds."""
    found = _differences(request)
    kinds = [kind for kind in request.query_params.getlist("differs") if kind in KINDS]
    values: dict[str, Any] = {
        "title": "Compare",
        "against": found.against,
        "comparison": found.state,
        "kinds": KINDS,
        "chosen": kinds,
        "sides": SIDES,
        "query": urlencode([("differs", kind) for kind in kinds]),
        "counts": {},
        "rows": [],
        "more": None,
    }
    if found.state.is_complete:
        cursor = found.cursor()
        sums = ", ".join(f"count(*) FILTER ({kind})" for kind in KINDS)
        counts = cursor.execute(f"SELECT {sums}, count(*) FROM differences").fetchone()  # noqa: S608 (names of ours)
        assert counts is not None
        values["counts"] = dict(zip([*KINDS, "all"], counts, strict=True))
        rows = _rows(found, kinds, _number(request, "after", 0), forwards=True, most=LISTED + 1)
        values["rows"], values["more"] = rows[:LISTED], rows[LISTED - 1]["id"] if len(rows) > LISTED else None
    return render(request, "compare.html", values)


def one_page(request: Request) -> Response:
    """Show what differs in one page, word by word."""
    found = _differences(request)
    kinds = [kind for kind in request.query_params.getlist("differs") if kind in KINDS]
    number = number_in(request, "number")
    here = _rows(found, [], number - 1, forwards=True, most=1) if found.state.is_complete else []
    if not here or here[0]["id"] != number:
        return render(request, "message.html", {"title": "No such page", "message": "No page differs there."}, 404)
    difference = here[0]
    rows = {side: found.row(difference, side) for side in SIDES}
    texts = [printable((rows[side] or {}).get("markdown") or "") for side in SIDES]
    before, after = (_rows(found, kinds, number, forwards=way, most=1) for way in (False, True))
    shown = {
        "title": f"Page {difference['page_number']} of {printable(difference['source'])}",
        "against": found.against,
        "difference": difference,
        "sides": SIDES,
        "kinds": KINDS,
        "pieces": compare_words(texts[1], texts[0]),
        "query": urlencode([("differs", kind) for kind in kinds]),
        "previous": before[0]["id"] if before else None,
        "next": after[0]["id"] if after else None,
    }
    return render(request, "compared_page.html", shown)


def _differences(request: Request) -> Differences:
    found = data_of(request).differences
    if found is None:
        raise UsageError("there is nothing to compare with: `ocrmill view OUT --against OTHER` names another output")
    return found


def _rows(found: Differences, kinds: list[str], number: int, *, forwards: bool, most: int) -> list[dict[str, Any]]:
    """Return the differences of some kinds (of all, if none are named) after a number, or before it."""
    condition = " OR ".join(kinds) or "TRUE"
    sign, way = (">", "ASC") if forwards else ("<", "DESC")
    cursor = found.cursor()
    cursor.execute(
        f"SELECT * FROM differences WHERE ({condition}) AND id {sign} ? ORDER BY id {way} LIMIT ?",  # noqa: S608 (names of ours)
        [number, most],
    )
    names = [each[0] for each in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name, "")
    return int(given) if given.isdecimal() and len(given) <= 12 else default  # noqa: PLR2004 (more pages than any output)


compare_routes = [Route("/compare", differing_pages), Route("/compare/{number:int}", one_page)]
