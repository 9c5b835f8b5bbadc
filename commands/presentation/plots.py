"""The plots of an output, drawn on this side as SVG by Vega: nothing runs in the browser.

Colours are the style sheet's variables, so that a plot is light or dark as the page is. Each mark says what it is to
screen readers; in the viewer a click on one leads to its pages.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ocrmill.commands.presentation.rates import PUBLISHED, read_rates
from ocrmill.pipeline.degenerate_rates import interval

if TYPE_CHECKING:
    import duckdb

Values = list[dict[str, Any]]
MOST_RUNS = 60  # the last ones
MOST_POINTS = 120
_SHORTEST_S = 60.0  # of a point: shards are begun every half minute or so
WIDTH, HEIGHT = 560, 190
_BASE = "http://ocrmill.invalid"  # Vega wants whole addresses; taken out again
# Where a line's name stands: rates that are near each other on a high scale have their names apart.
_ENDS: Values = [{"align": "left", "x": 4}, {"align": "right", "x": WIDTH - 4}]
_CONFIG = {
    "background": None,
    "font": "system-ui, sans-serif",
    "axis": {
        **{f"{part}Color": "var(--quiet)" for part in ("label", "title")},
        **{f"{part}Color": "var(--line)" for part in ("grid", "domain", "tick")},
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "view": {"stroke": None},
}


def draw(spec: dict[str, Any], *, links: bool) -> str:
    """Draw a plot as SVG; its marks are links to pages of the viewer, or none."""
    import vl_convert

    whole = {"width": WIDTH, "height": HEIGHT, "config": _CONFIG, **(spec if links else _without_links(spec))}
    drawn: str = vl_convert.vegalite_to_svg(whole, vl_version="5.20")
    return drawn.replace(f'xlink:href="{_BASE}/', 'xlink:href="/')


def has_values(spec: dict[str, Any]) -> bool:
    """Tell if a plot has something to show."""
    return bool(spec["data"]["values"])


def _without_links(spec: Any) -> Any:
    if isinstance(spec, list):
        return [_without_links(each) for each in spec]
    if isinstance(spec, dict):
        return {name: _without_links(each) for name, each in spec.items() if name not in {"href", "address"}}
    return spec


def rates_by_run(cursor: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Plot the rate of each run with its interval, beside the published ones."""
    values = []
    for run, counts in sorted(read_rates(cursor).by("night").items())[-MOST_RUNS:]:
        low, high = interval(counts.kept, counts.pages)
        share = counts.kept / counts.pages if counts.pages else 0.0
        said = f"{run}: {share:.2%} of {counts.pages:,} pages, {low:.2%} to {high:.2%}"
        address = urlencode([("run_id", run), ("flags", "repetition"), ("flags", "truncated")])
        values.append(
            {"run": run, "rate": share, "low": low, "high": high, "said": said, "address": f"{_BASE}/pages?{address}"}
        )
    x = {"field": "run", "type": "ordinal", "title": None, "axis": _short_labels()}
    y = {"type": "quantitative", "title": "repeats itself or has no end", "axis": {"format": ".1%", "tickCount": 5}}
    published = [{"rate": rate, "name": f"{rate:.2%} {name}"} for name, rate in PUBLISHED]
    described = {"description": {"field": "said"}, "href": {"field": "address"}}
    marks: Values = [
        {
            "data": {"values": published},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--warn)"},
            "encoding": {"y": {"field": "rate", **y}, "description": {"field": "name"}},
        },
        *(
            {
                "data": {"values": [each]},
                "mark": {"type": "text", "dy": -6, "color": "var(--warn)", "fontSize": 11, **end},
                "encoding": {"y": {"field": "rate", **y}, "text": {"field": "name"}},
            }
            for each, end in zip(published, _ENDS, strict=True)
        ),
        {
            "mark": {"type": "rule", "color": "var(--accent)", "strokeWidth": 2, "opacity": 0.5},
            "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}, **described},
        },
        {
            "mark": {"type": "circle", "color": "var(--accent)", "size": 60, "opacity": 1},
            "encoding": {"x": x, "y": {"field": "rate", **y}, **described},
        },
    ]
    return {"data": {"values": values}, "layer": marks}


def speeds(cursor: "duckdb.DuckDBPyConnection") -> list[tuple[datetime, float]]:
    """Return pages/s over the time of the last run, from the times at which its shards were begun."""
    moments = cursor.execute(
        "SELECT ingested_at, count(*) FROM pages WHERE run_id = (SELECT max(run_id) FROM pages) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    if not moments:
        return []
    first, last = moments[0][0], moments[-1][0]
    width = max((last - first).total_seconds() / MOST_POINTS, _SHORTEST_S)
    sums: dict[int, int] = {}
    for moment, pages in moments:
        at = int((moment - first).total_seconds() // width)
        sums[at] = sums.get(at, 0) + pages
    # The last one is not whole.
    return [(first + timedelta(seconds=at * width), sums.get(at, 0) / width) for at in range(max(sums))]


def pages_a_second(cursor: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Plot pages/s over the time of the last run."""
    values = [
        {"at": moment.isoformat(), "rate": rate, "said": f"{moment:%H:%M}: {rate:.1f} pages/s"}
        for moment, rate in speeds(cursor)
    ]
    encoding = {
        "x": {"field": "at", "type": "temporal", "title": None, "scale": {"type": "utc"}, "axis": {"format": "%H:%M"}},
        "y": {"field": "rate", "type": "quantitative", "title": "pages/s, last run"},
    }
    line = {"type": "line", "color": "var(--accent)", "interpolate": "step-after"}
    return {"data": {"values": values}, "mark": line, "encoding": encoding}


def pages_by_run(cursor: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Plot the pages of each run by status."""
    rows = cursor.execute(
        "SELECT run_id, status, count(*) FROM pages "
        "WHERE run_id IN (SELECT DISTINCT run_id FROM pages ORDER BY 1 DESC LIMIT ?) GROUP BY 1, 2 ORDER BY 1, 2",
        [MOST_RUNS],
    ).fetchall()
    values = [
        {
            "run": run,
            "status": status,
            "pages": pages,
            "said": f"{run}, {status}: {pages:,} pages",
            "address": f"{_BASE}/pages?{urlencode({'run_id': run, 'status': status})}",
        }
        for run, status, pages in rows
    ]
    colours = {"ok": "good", "repaired": "accent", "text_layer": "link", "blank": "line", "failed": "bad"}
    encoding = {
        "x": {"field": "run", "type": "ordinal", "title": None, "axis": _short_labels()},
        "y": {"field": "pages", "type": "quantitative", "title": "pages", "axis": {"format": "~s", "tickCount": 5}},
        "color": {
            "field": "status",
            "type": "nominal",
            "legend": {"title": None, "labelColor": "var(--quiet)", "labelFontSize": 12, "orient": "top"},
            "scale": {"domain": list(colours), "range": [f"var(--{colour})" for colour in colours.values()]},
        },
        "description": {"field": "said"},
        "href": {"field": "address"},
    }
    return {"data": {"values": values}, "mark": {"type": "bar"}, "encoding": encoding}


def engine_seconds(cursor: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Plot how long pages took in the engine, on a logarithmic scale of time."""
    rows = cursor.execute(
        "SELECT floor(4 * log2(engine_ms)) AS bin, count(*) FROM pages WHERE engine_ms > 0 GROUP BY 1 ORDER BY 1"
    ).fetchall()
    values = []
    for bin_, pages in rows:
        low, high = 2 ** (bin_ / 4), 2 ** ((bin_ + 1) / 4)
        bounds = {"min_engine_ms": round(low), "max_engine_ms": round(high), "sort": "-engine_ms"}
        address = f"{_BASE}/pages?{urlencode(bounds)}"
        values.append(
            {
                "low": low / 1000,
                "high": high / 1000,
                "pages": pages,
                "address": address,
                "said": f"{low / 1000:.2g} to {high / 1000:.2g} s: {pages:,} pages",
            }
        )
    encoding = {
        "x": {
            "field": "low",
            "type": "quantitative",
            "scale": {"type": "log"},
            "title": "seconds in the engine",
            "axis": {"grid": False, "tickCount": 6, "format": "~g"},
        },
        "x2": {"field": "high"},
        "y": {"field": "pages", "type": "quantitative", "title": "pages", "axis": {"format": "~s", "tickCount": 5}},
        "description": {"field": "said"},
        "href": {"field": "address"},
    }
    return {"data": {"values": values}, "mark": {"type": "rect", "color": "var(--accent)"}, "encoding": encoding}


def _short_labels() -> dict[str, Any]:
    return {"labelExpr": "slice(datum.label, 0, 8)", "labelAngle": -45, "labelOverlap": True, "labelLimit": 90}


PLOTS: dict[str, Callable[["duckdb.DuckDBPyConnection"], dict[str, Any]]] = {
    "rates": rates_by_run,
    "runs": pages_by_run,
    "speed": pages_a_second,
    "seconds": engine_seconds,
}
