"""Web servers on this machine, in place of those of the world."""

import http.server
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Request = http.server.BaseHTTPRequestHandler


@contextmanager
def serving(answer: Callable[[Request], None], protocol: str = "HTTP/1.0") -> Iterator[str]:
    """The address of a server that lets `answer` reply to every request, each on a thread of its own."""

    class Handler(Request):
        protocol_version = protocol

        def do_GET(self):
            answer(self)

        do_HEAD = do_POST = do_GET

        def log_message(self, *args):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that hangs up is what many tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
