"""The frame around every view: templates with the navigation, the style and the state of the index."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ocrmill.commands.presentation.style import SHARED_TEMPLATES
from ocrmill.commands.view.output_data import OutputData

HERE = Path(__file__).parent
STATIC = HERE / "static"
LARGEST = (1 << 63) - 1
VIEWS = {"/": "Overview", "/pages": "Pages", "/documents": "Documents", "/sources": "Sources", "/sql": "SQL"}

_environment = Environment(
    loader=FileSystemLoader(
        [*(HERE / folder / "templates" for folder in (".", "page", "compare")), SHARED_TEMPLATES],
    ),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def data_of(request: Request) -> OutputData:
    """Return the output that the request is about."""
    data: OutputData = request.app.state.data
    return data


def number_in(request: Request, name: str) -> int:
    """Return a number of the address, or `LARGEST`, which names nothing either: DuckDB compares with no larger one."""
    return min(int(request.path_params[name]), LARGEST)


def render(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Fill a template, which extends `frame.html`; all values are escaped."""
    data = data_of(request)
    views = VIEWS if data.differences is None else {**VIEWS, "/compare": "Compare"}
    frame = {"output": data.url, "views": views, "path": request.url.path, "state": data.index.state}
    return HTMLResponse(_environment.get_template(template).render({**frame, **values}), status)
