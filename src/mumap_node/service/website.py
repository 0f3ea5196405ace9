"""How the page is put together and served."""

import socket
import ssl
import threading
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import structlog
import uvicorn
from fastapi import FastAPI

from mumap_node import __version__
from mumap_node.errors import ConfigurationError
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.jobs.agreement_record import read_record_of
from mumap_node.node.jobs.views import list_views
from mumap_node.node.rejections import read_rejections
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.contexts import RenewedContext, page_context
from mumap_node.node.web.app import build_app
from mumap_node.node.web.metrics import NodeMetrics
from mumap_node.node.web.page import Site
from mumap_node.service import building
from mumap_node.service.watching import sources_of, watch_of
from mumap_node.settings.tables import Node, Settings

BACKLOG = 128
ANSWER_SECONDS = 5
"""For answers under way when the page is asked to stop."""

_log = structlog.get_logger()


class Website:
    """A running web server.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        """Begin to serve."""
        self._server = server
        self.port: int = listener.getsockname()[1]
        self._thread = threading.Thread(target=server.run, args=([listener],), name="web")
        self._thread.start()

    def stop(self) -> None:
        """Let answers under way finish, and end."""
        self._server.should_exit = True
        self._thread.join()


def start_website(settings: Settings, spool: Spool) -> Website:
    """Begin to serve the page.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """
    engine = EngineClient(building.engine_options(settings, spool.run))
    site = Site(
        ae_title=settings.node.ae_title,
        port=_dicom_port(settings.node),
        version=__version__,
        timezone=ZoneInfo(settings.node.timezone),
        destinations=tuple(building.destinations(settings).values()),
        list_jobs=partial(list_views, spool, engine),
        read_agreement=partial(read_record_of, spool),
        read_rejections=partial(read_rejections, spool.run),
    )
    watch = watch_of(settings, spool, engine)
    app = build_app(site, watch, NodeMetrics(sources_of(settings, watch, engine)))
    website = serve_app(app, settings.web.bind, settings.web.port, _page_context(settings))
    _log.info("web.started", address=settings.web.bind, port=website.port)
    return website


def _dicom_port(node: Node) -> int:
    """The one to tell people of."""
    return node.tls_port if node.tls_only and node.tls_port is not None else node.port


def _page_context(settings: Settings) -> ssl.SSLContext | None:
    """For HTTPS, where it is wanted.

    Raises:
        ConfigurationError: The node's certificate cannot be used.
    """
    files = building.tls_files(settings) if settings.web.tls else None
    if files is None:
        return None
    renewed = RenewedContext(files, page_context, partial(datetime.now, UTC))

    def renew(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = renewed.current()

    context = page_context(files)
    context.sni_callback = renew  # called for every connection
    return context


def serve_app(app: FastAPI, bind: str, port: int, context: ssl.SSLContext | None = None) -> Website:
    """Begin to serve an application.

    Args:
        app: The application.
        bind: Address to listen on.
        port: 0 for a free one.
        context: For HTTPS; None for HTTP.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=ANSWER_SECONDS,
        lifespan="off",
        ssl_context_factory=(lambda _config, _default: context) if context else None,
    )
    return Website(uvicorn.Server(config), _listen(bind, port))


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family, backlog=BACKLOG)
    except OSError as error:
        problem = f"web: expected to listen on {bind} port {port}, found: {error.strerror}"
        raise ConfigurationError("port-not-available", [problem]) from None
