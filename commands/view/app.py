"""The web application of the viewer: its addresses, behind its guard."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ocrmill.commands.view.frame import STATIC, render
from ocrmill.commands.view.guard import Access, Guard
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.overview import overview
from ocrmill.commands.view.page.routes import page_routes
from ocrmill.pipeline.errors import OcrmillError


def make_app(data: OutputData, access: Access) -> Starlette:
    """Put the views of an output behind the guard."""
    app = Starlette(
        routes=[
            Route("/", overview),
            *page_routes,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={OcrmillError: _say},
    )
    app.state.data = data
    return app


def _say(request: Request, error: Exception) -> Response:
    """Show one of our errors as a page."""
    return render(request, "message.html", {"title": "That did not work", "message": str(error)}, 400)
