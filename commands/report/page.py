"""A report as HTML: it stands alone, runs nothing, and loads nothing."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ocrmill.commands.presentation.columns import NO_VALUE, PAGE_COLUMNS
from ocrmill.commands.presentation.style import SHARED_TEMPLATES, STYLE
from ocrmill.commands.report.contents import Report
from ocrmill.commands.report.read_report import Pictures
from ocrmill.pipeline.printable import printable

HERE = Path(__file__).parent
VALUES_OF_A_COLUMN = 12  # of a column
NAME_CHARACTERS = 300  # of a name
PLOT_NAMES = {
    "rates": "Repetition rate by run",
    "runs": "Pages by run",
    "speed": "Speed of the last run",
    "seconds": "Time in the engine",
}


def render_report(report: Report, pictures: Pictures) -> str:
    """Return the page; every value of the report is escaped, and what could hide or reverse text is spelled out."""
    environment = Environment(
        loader=FileSystemLoader([HERE / "templates", SHARED_TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = shorten
    repetition = report.repetition
    values: dict[str, Any] = {
        "rates": [(rate.says, rate.pages, rate.share, rate.low, rate.high) for rate in repetition.rates],
        "published": [(rate.name, rate.share) for rate in repetition.published],
        "report": report,
        "counts": {PAGE_COLUMNS.names[name]: counts for name, counts in report.counts.items() if _tells(counts)},
        "shown_values": VALUES_OF_A_COLUMN,
        "no_value": NO_VALUE,
        "plots": {PLOT_NAMES[name]: Markup(svg) for name, svg in pictures.plots.items()},  # noqa: S704 - Vega escapes
        "pictures": {key: uri for key, (uri, _) in pictures.pages.items()},
        "measures": PAGE_COLUMNS.names,
        "style": Markup(STYLE.read_text() + (HERE / "report.css").read_text()),  # noqa: S704 - our own
    }
    return environment.get_template("report.html").render(values)


def shorten(name: str) -> str:
    """Return a long name without its middle, so that no name makes the file large."""
    shown = printable(name)
    if len(shown) <= NAME_CHARACTERS:
        return shown
    half = NAME_CHARACTERS // 2
    return f"{shown[:half]} ... {shown[-half:]}"


def _finalize(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _tells(counts: tuple[Any, ...]) -> bool:
    return any(count.value is not None for count in counts)
