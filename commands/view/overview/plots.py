"""The plots of the overview, each by its own address: the page comes first."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ocrmill.commands.presentation.plots import PLOTS, draw, has_values
from ocrmill.commands.view.frame import data_of


def plot(request: Request) -> Response:
    """Draw one of `PLOTS`; an empty answer if it has nothing to show."""
    make = PLOTS.get(request.path_params["name"])
    if make is None:
        return PlainTextResponse("no such plot", 404)
    spec = make(data_of(request).cursor())
    if not has_values(spec):
        return Response(status_code=204)
    return Response(draw(spec, links=True), media_type="image/svg+xml")
