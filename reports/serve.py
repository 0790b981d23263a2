"""A web server for the folder of a report: on this machine alone, and nothing but the folder's files."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ..datasets.errors import UserError

HOST = "127.0.0.1"
INDEX = "report.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".tex": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
"""Content types by ending; files with other endings are not served."""
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PAGE_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Beside the stricter policy that the page brings itself."""
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
"""For all other files: a figure opened on its own runs no script and loads nothing."""


class ReportServer(ThreadingHTTPServer):
    """Serves a folder's files to browsers on this machine.

    Made by ``open_server``; ``serve_forever`` serves until it is interrupted.
    """

    daemon_threads = True
    allow_reuse_port = False

    @property
    def address(self) -> str:
        """Return the address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"


def open_server(folder: Path, port: int) -> ReportServer:
    """Return a server that listens on 127.0.0.1 already, so that a browser may be opened.

    Args:
        folder: The folder of a report.
        port: Port; 0 for any that is free.

    Raises:
        UserError: The folder holds no report, or the port is in use or not allowed.
    """
    if not (folder / INDEX).is_file():
        raise UserError(f"{folder} holds no {INDEX} to serve; write one with `lqbench report`.")
    try:
        return ReportServer((HOST, port), partial(_Handler, folder.resolve()))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} of {HOST} is in use; name another one with --port, 0 for any.") from error
        raise UserError(f"port {port} of {HOST} cannot be used ({error.strerror}); name another one.") from error


def file_of(folder: Path, target: str) -> Path | None:
    """Return the file that the target of a request means; None where it means none that is served.

    Served are visible files with a known ending, in the folder itself or below it; links that lead out of it are not
    followed.

    Args:
        folder: Resolved folder.
        target: As in a request: a path, percent-encoded, perhaps with a query.
    """
    try:
        name = unquote(urlsplit(target).path, errors="strict")
    except ValueError:
        return None
    if "\\" in name or "\0" in name or not name.startswith("/"):
        return None
    parts = PurePosixPath(name).parts[1:] or (INDEX,)
    if any(part.startswith(".") or ":" in part for part in parts):
        return None
    try:
        path = folder.joinpath(*parts).resolve()
        return path if path.is_relative_to(folder) and path.suffix in TYPES and path.is_file() else None
    except (OSError, RuntimeError):  # a name that is too long, a loop of links
        return None


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; everything else is refused."""

    server_version = "lqbench"
    sys_version = ""
    timeout = 30

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # pyright: ignore[reportArgumentType] - as socketserver hands them over

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send what GET would, without the file."""
        self._answer(body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that is malformed or asks for another method."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD are answered\n", Allow="GET, HEAD")
        else:
            self._send(HTTPStatus(code), b"the request cannot be understood\n")

    def _answer(self, body: bool) -> None:
        if not self._is_local():
            # A page of elsewhere whose name was made to point here must not read the report.
            self._send(HTTPStatus.FORBIDDEN, b"this server answers to 127.0.0.1 and localhost only\n", body)
            return
        path = file_of(self._folder, self.path)
        try:
            content = None if path is None else path.read_bytes()
        except OSError:
            content = None
        if path is None or content is None:
            self._send(HTTPStatus.NOT_FOUND, b"there is no such file in this report\n", body)
            return
        policy = _PAGE_POLICY if path.suffix == ".html" else _FILE_POLICY
        self._send(HTTPStatus.OK, content, body, TYPES[path.suffix], **{"Content-Security-Policy": policy})

    def _is_local(self) -> bool:
        port = self.server.server_address[1]  # pyright: ignore[reportIndexIssue] - a pair for this kind of socket
        return self.headers.get("Host", "") in {f"{HOST}:{port}", f"localhost:{port}"}

    def _send(
        self,
        status: HTTPStatus,
        content: bytes,
        body: bool = True,
        kind: str = "text/plain; charset=utf-8",
        **more: str,
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **HEADERS, **more}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            try:
                self.wfile.write(content)
            except OSError:  # the browser has left
                self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of single requests."""


def page_of(folder: Path) -> str:
    """Return the address of a folder's page without a server."""
    return (folder / INDEX).resolve().as_uri()
