"""The report's server: which files it gives out, to whom, and how it is refused and ended."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.reports.serve import HOST, ReportServer, file_of, open_server, page_of

SECRET = "secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report beside a file that is none of its, and links to that."""
    report = tmp_path / "report"
    (report / "tables").mkdir(parents=True)
    (report / "report.html").write_text("<!doctype html>page", encoding="utf-8")
    (report / "tables" / "matrix mini.csv").write_text("a,b\n", encoding="utf-8")
    (report / "figure.svg").write_text("<svg/>", encoding="utf-8")
    (report / ".hidden.html").write_text(SECRET, encoding="utf-8")
    (report / "program.sh").write_text(SECRET, encoding="utf-8")
    (tmp_path / "outside.html").write_text(SECRET, encoding="utf-8")
    (tmp_path / "report-2").mkdir()
    (tmp_path / "report-2" / "x.html").write_text(SECRET, encoding="utf-8")
    (report / "link.html").symlink_to(tmp_path / "outside.html")
    (report / "linked").symlink_to(tmp_path, target_is_directory=True)
    (report / "loop.html").symlink_to(report / "loop.html")
    return report


@pytest.fixture
def server(folder: Path) -> Iterator[ReportServer]:
    with open_server(folder, 0) as opened:
        thread = threading.Thread(target=opened.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def ask(server: ReportServer, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=5)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>page"),
        ("/report.html?x=1#y", "text/html; charset=utf-8", b"<!doctype html>page"),
        ("/tables/matrix%20mini.csv", "text/csv; charset=utf-8", b"a,b\n"),
        ("/figure.svg", "image/svg+xml", b"<svg/>"),
    ],
)
def test_gives_out_the_report_s_files(server: ReportServer, path: str, kind: str, body: bytes) -> None:
    response, given = ask(server, path)
    assert (response.status, response.headers["Content-Type"], given) == (200, kind, body)
    head, nothing = ask(server, path, "HEAD")
    assert (head.status, head.headers["Content-Length"], nothing) == (200, str(len(body)), b"")


@pytest.mark.parametrize(
    "path",
    [
        "/tables",
        "/tables/",
        "/../outside.html",
        "/%2e%2e/outside.html",
        "/..%2foutside.html",
        "/tables/../../outside.html",
        "/tables/%2e%2e/%2e%2e/outside.html",
        "/..\\outside.html",
        "/%5c..%5coutside.html",
        "//outside.html",
        "//../outside.html",
        "/../report-2/x.html",
        "/link.html",
        "/linked/outside.html",
        "/loop.html",
        "/.hidden.html",
        "/program.sh",
        "/report.html%00.csv",
        "/C:/report.html",
        "/absent.html",
        "/%ff.html",
        "/" + "x" * 5000 + ".html",
        "http://127.0.0.1/../outside.html",
    ],
)
def test_gives_out_nothing_else(server: ReportServer, folder: Path, path: str) -> None:
    response, body = ask(server, path)
    assert response.status in (403, 404)
    assert SECRET.encode() not in body
    assert file_of(folder.resolve(), path) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "NONSENSE"])
def test_only_get_and_head_are_answered(server: ReportServer, method: str) -> None:
    response, _ = ask(server, "/", method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/figure.svg", "/absent"])
def test_security_headers_are_always_there(server: ReportServer, path: str) -> None:
    response, _ = ask(server, path)
    for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy"):
        assert response.headers[name]
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Python" not in response.headers["Server"]
    if path == "/figure.svg":
        assert "sandbox" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_a_name_of_elsewhere_that_points_here_is_refused(server: ReportServer, host: str) -> None:
    response, body = ask(server, "/", Host=host)
    assert response.status == 403 and b"page" not in body


def test_localhost_by_name_is_answered(server: ReportServer) -> None:
    assert ask(server, "/", Host=f"localhost:{server.server_address[1]}")[0].status == 200


def test_listens_on_this_machine_alone(server: ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_address[1]}/"


def test_a_port_in_use_is_one_sentence(server: ReportServer, folder: Path) -> None:
    with pytest.raises(UserError, match="is in use; name another one with --port"):
        open_server(folder, server.server_address[1])


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no report\.html"):
        open_server(tmp_path, 0)


def test_garbage_is_refused_and_the_server_goes_on(server: ReportServer) -> None:
    with socket.create_connection((HOST, server.server_address[1]), timeout=5) as connection:
        connection.sendall(b"\x00\xff garbage\r\n\r\n")
        assert b"cannot be understood" in connection.recv(1000)
    assert ask(server, "/")[0].status == 200


def test_the_page_s_own_address_needs_no_server(folder: Path) -> None:
    assert page_of(folder) == (folder / "report.html").resolve().as_uri()
