"""The web application of the service: its addresses, behind its guard."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ocrmill.commands.serve.documents import Documents
from ocrmill.commands.serve.guard import Guard
from ocrmill.commands.serve.metrics import DOCUMENTS, ServiceMetrics
from ocrmill.commands.serve.refusal import Refusal, answer_refusal
from ocrmill.commands.serve.service import Service
from ocrmill.commands.web.access import Access

ADDRESSES = f"documents go to POST {DOCUMENTS}; GET /health, /ready and /metrics tell about the service"


def make_app(service: Service, access: Access, scratch: Path, run_id: str) -> Starlette:
    """Put the addresses of the service behind the guard; documents wait in `scratch` while they are read."""
    metrics = ServiceMetrics(service, run_id)

    async def health(_request: Request) -> Response:
        return _state(service, is_well=service.state != "failed")

    async def ready(_request: Request) -> Response:
        return _state(service, is_well=service.state == "ready")

    async def show_metrics(_request: Request) -> Response:
        return Response(metrics.text(), headers={"content-type": metrics.content_type})

    return Starlette(
        routes=[
            Route(DOCUMENTS, Documents(service, scratch, run_id), methods=["POST"]),
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", show_metrics),
        ],
        middleware=[Middleware(Guard, access=access, metrics=metrics)],
        exception_handlers={Refusal: answer_refusal, HTTPException: _answer_http_error, Exception: _answer_bug},
    )


def _state(service: Service, *, is_well: bool) -> Response:
    return JSONResponse({"state": service.state, "documents": service.documents}, 200 if is_well else 503)


def _answer_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    word = error.detail.lower().replace(" ", "_")
    return JSONResponse({"error": word, "message": ADDRESSES}, error.status_code, error.headers)


def _answer_bug(_request: Request, _error: Exception) -> Response:
    """Answer without a word of the error, which may name what is on this machine; uvicorn logs it."""
    return JSONResponse({"error": "internal_error", "message": "the log of the service has the error"}, 500)
