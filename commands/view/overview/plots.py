"""The plots of the overview, each by its own address: the page comes first."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ocrmill.commands.presentation.plots import PLOTS, draw
from ocrmill.commands.view.frame import data_of


def plot(request: Request) -> Response:
    """Draw one of `PLOTS`."""
    make = PLOTS.get(request.path_params["name"])
    if make is None:
        return PlainTextResponse("no such plot", 404)
    return Response(draw(make(data_of(request).cursor()), links=True), media_type="image/svg+xml")
