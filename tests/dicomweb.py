"""A DICOMweb service for tests: an HTTP server that answers as it is told, and remembers."""

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

from pydicom import dcmread

from peers import HOST

FAILED, STORED = "00081198", "00081199"


@dataclass
class Request:
    """What came.

    Attributes:
        line: Method and path.
        headers: Of the request.
        body: Of the request.
    """

    line: str
    headers: Message
    body: bytes

    def parts(self) -> list[bytes]:
        """The parts of a multipart body (RFC 2046 5.1.1)."""
        delimiter = f"--{self.headers.get_boundary()}".encode()
        *sections, end = self.body.split(delimiter)
        assert end == b"--\r\n"
        return [section.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for section in sections[1:]]


@dataclass
class Service:
    """A running service.

    Attributes:
        url: What ``/studies`` is put behind.
        requests: What came, in order.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)


Answering = Callable[[BaseHTTPRequestHandler, Request], None]


@contextlib.contextmanager
def service(answer: Answering, context: ssl.SSLContext | None = None) -> Iterator[Service]:
    """Serve on a free port, by HTTPS where there is a context.

    Args:
        answer: Writes the answer to each request.
        context: Of a server.
    """
    running = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            request = Request(self.requestline, self.headers, self.rfile.read(length))
            running.requests.append(request)
            with contextlib.suppress(OSError):  # the other side has enough
                answer(self, request)

        do_GET = do_POST  # noqa: N815  (http.server looks for it)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # broken handshakes
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if context else "http"
    running.url = f"{scheme}://{HOST}:{server.server_port}/dicom-web"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answering(status: int, body: bytes = b"", **headers: str) -> Answering:
    """Always the same; underscores in names of headers are hyphens."""

    def answer(handler: BaseHTTPRequestHandler, _request: Request) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def storing(
    status: int = 200,
    *,
    failures: Mapping[int, int | None] | None = None,
    warnings: Mapping[int, int] | None = None,
    forgotten: Sequence[int] = (),
) -> Answering:
    """Says of each object what became of it, as PS3.18 annex I has it.

    Args:
        status: Of HTTP.
        failures: Failure Reason by the object's position; None for an item without one.
        warnings: Warning Reason by the object's position.
        forgotten: Positions of objects nothing is said about.
    """

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        stored, failed = [], []
        for position, part in enumerate(request.parts()):
            item = {"00081155": {"vr": "UI", "Value": [dcmread(BytesIO(part)).SOPInstanceUID]}}
            if position in (failures or {}):
                reason = (failures or {})[position]
                more = {} if reason is None else {"00081197": {"vr": "US", "Value": [reason]}}
                failed.append({**item, **more})
            elif position not in forgotten:
                reason = (warnings or {}).get(position)
                more = {} if reason is None else {"00081196": {"vr": "US", "Value": [reason]}}
                stored.append({**item, **more})
        found = {tag: {"vr": "SQ", "Value": v} for tag, v in ((STORED, stored), (FAILED, failed))}
        answering(status, json.dumps(found).encode())(handler, request)

    return answer
