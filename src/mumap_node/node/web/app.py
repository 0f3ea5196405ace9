"""The web application: pages for people, and addresses for monitoring. It only reads."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from mumap_node.node.web.handbook import handbook
from mumap_node.node.web.health import Watch, is_ready, look
from mumap_node.node.web.page import (
    Site,
    render_agreement_page,
    render_handbook,
    render_page,
)
from mumap_node.report.agreement import style as agreement_style

MOST_PAGES = 100_000

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src {style}; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from outside, no scripts, in no frame: the pages need none of it."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(style="'self'"),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def build_app(site: Site, watch: Watch, metrics: Collector | None = None) -> FastAPI:
    """The application of one node.

    Args:
        site: What the page shows.
        watch: What health looks at.
        metrics: What is exposed to Prometheus; None for nothing.
    """
    app = FastAPI(title="mumap-node", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_add_headers)
    _add_health(app, watch)
    if metrics is not None:
        _add_metrics(app, metrics)
    _add_pages(app, site, watch)
    return app


async def _add_headers(
    request: Request, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await answer(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _add_health(app: FastAPI, watch: Watch) -> None:
    @app.get("/health/live")
    def live() -> dict[str, str]:
        """This process answers; restart it where it does not."""
        return {"status": "live"}

    @app.get("/health/ready")
    def readiness() -> JSONResponse:
        """The node can do its work: one entry per thing it depends on."""
        checks = look(watch, datetime.now(UTC))
        ready = is_ready(checks)
        content = {
            "status": "ready" if ready else "not ready",
            "checks": [{**asdict(check), "ok": check.ok} for check in checks],
        }
        return JSONResponse(content, status_code=200 if ready else 503)


def _add_metrics(app: FastAPI, metrics: Collector) -> None:
    @app.get("/metrics")
    def exposition(accept: Annotated[str, Header()] = "") -> Response:
        """What Prometheus scrapes, in the format it asks for."""
        encode, media_type = choose_encoder(accept)
        return Response(encode(metrics), media_type=media_type)


def _add_pages(app: FastAPI, site: Site, watch: Watch) -> None:
    @app.get("/")
    def page(
        state: Annotated[str, Query(max_length=20)] = "",
        page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    ) -> HTMLResponse:
        """Jobs, destinations and health for people."""
        now = datetime.now(UTC)
        return HTMLResponse(render_page(site, look(watch, now), now, state, page))

    @app.get("/agreement")
    def agreement() -> HTMLResponse:
        """How maps agree with measured ones; its style stands in it, and is allowed by its hash."""
        digest = b64encode(sha256(agreement_style().encode()).digest()).decode()
        policy = CONTENT_SECURITY_POLICY.format(style=f"'sha256-{digest}'")
        html = render_agreement_page(site, datetime.now(UTC))
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    @app.get("/operations")
    def operations() -> HTMLResponse:
        """The handbook; every reason has an anchor."""
        return HTMLResponse(render_handbook(site, handbook()))

    @app.get("/style.css")
    def style() -> Response:
        """The one sheet."""
        sheet = files("mumap_node.node.web").joinpath("style.css").read_bytes()
        return Response(sheet, media_type="text/css", headers={"Cache-Control": "max-age=86400"})
