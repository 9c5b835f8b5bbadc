"""The web application of the viewer: its addresses, behind its guard."""

from dataclasses import asdict

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ocrmill.commands.presentation.columns import DOCUMENT_COLUMNS, PAGE_COLUMNS, SOURCE_COLUMNS
from ocrmill.commands.presentation.style import STYLE
from ocrmill.commands.view.compare.routes import compare_routes
from ocrmill.commands.view.frame import STATIC, data_of, render
from ocrmill.commands.view.guard import Guard
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.overview.documents import worst_documents
from ocrmill.commands.view.overview.overview import overview
from ocrmill.commands.view.overview.plots import plot
from ocrmill.commands.view.page.routes import page_routes
from ocrmill.commands.view.sql import sql
from ocrmill.commands.view.tables.downloads import download
from ocrmill.commands.view.tables.search import search
from ocrmill.commands.view.tables.table import table_view
from ocrmill.commands.web.access import Access
from ocrmill.pipeline.errors import OcrmillError


def make_app(data: OutputData, access: Access) -> Starlette:
    """Put the views of an output behind the guard."""
    app = Starlette(
        routes=[
            Route("/", overview),
            Route("/plot/{name}", plot),
            Route("/worst-documents", worst_documents),
            Route("/pages", table_view(PAGE_COLUMNS, "Pages")),
            Route("/documents", table_view(DOCUMENT_COLUMNS, "Documents")),
            Route("/sources", table_view(SOURCE_COLUMNS, "Sources")),
            Route("/search", search),
            Route("/download/{table}/{format}", download),
            Route("/sql", sql),
            Route("/state", state),
            *page_routes,
            *compare_routes,
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/style", StaticFiles(directory=STYLE.parent)),
        ],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={OcrmillError: _say},
    )
    app.state.data = data
    return app


def state(request: Request) -> Response:
    """Return the progress of the index, for programs and the frame's script."""
    return JSONResponse(asdict(data_of(request).index.state))


def _say(request: Request, error: Exception) -> Response:
    """Show one of our errors as a page."""
    return render(request, "message.html", {"title": "That did not work", "message": str(error)}, 400)
