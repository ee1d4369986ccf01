"""_build/html → an address on this machine, and only on this machine"""

from __future__ import annotations

import errno
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from steps import BUILD, Problem, main

FIRST_PORT, TRIES = 8000, 100


class Handler(SimpleHTTPRequestHandler):
    """Files as they are now: the browser must not show yesterday's page."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def bind(folder: Path, *, first_port: int = FIRST_PORT) -> ThreadingHTTPServer:
    """A server on the first free port from `first_port` on."""
    handler = partial(Handler, directory=folder)
    for port in range(first_port, first_port + TRIES):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise Problem(
        f"Ports {first_port} to {first_port + TRIES - 1} are taken: stop a server, "
        "or name another port with make book PORT=9000"
    )


def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def serve() -> None:
    folder = BUILD / "html"
    if not (folder / "index.html").exists():
        raise Problem("There is no book to serve yet: run make book.")
    port = os.environ.get("PORT") or str(FIRST_PORT)
    if not port.isdigit() or not 0 <= int(port) <= 65_000:
        raise Problem(f"PORT={port} is not a port: name a number such as 8000.")
    with bind(folder, first_port=int(port)) as server:
        print(f"\nThe book is at {address(server)}/ – stop with Ctrl-C.", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(serve)
