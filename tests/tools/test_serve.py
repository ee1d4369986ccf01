"""serve: on this machine only, on the first port that is free"""

from __future__ import annotations

import socket
import threading
import urllib.request

import pytest

import serve
import steps

FIRST = 18_700


def test_only_this_machine_is_served(tmp_path):
    with serve.bind(tmp_path, first_port=FIRST) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert serve.address(server) == f"http://127.0.0.1:{server.server_address[1]}"


def test_a_taken_port_is_passed_over(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serve.bind(tmp_path, first_port=port) as server:
            assert server.server_address[1] > port


def test_all_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(steps.Problem, match="PORT=9000"):
            serve.bind(tmp_path, first_port=port)


def test_the_browser_asks_for_pages_anew(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    with serve.bind(tmp_path, first_port=FIRST) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(serve.address(server)) as answer:
            assert answer.read() == b"hello"
            assert answer.headers["Cache-Control"] == "no-cache"
        server.shutdown()


@pytest.mark.parametrize("port", ["eighty", "-1", "70000"])
def test_a_port_that_is_none(tmp_path, monkeypatch, port):
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").touch()
    monkeypatch.setattr(serve, "BUILD", tmp_path)
    monkeypatch.setenv("PORT", port)
    with pytest.raises(steps.Problem, match=f"PORT={port}"):
        serve.serve()


def test_no_book_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "BUILD", tmp_path)
    with pytest.raises(steps.Problem, match="make book"):
        serve.serve()
