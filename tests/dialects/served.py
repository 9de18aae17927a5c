"""A server on loopback that answers as a codec writes: what official clients send is read, what they get is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from keepwell.plugins.answer_events import Event
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec, Setting

SETTING = Setting(model="tiny", id="7", created=1_748_781_296.0)
#: Bytes of a piece: small, so that clients meet events cut anywhere.
PIECE = 97


@dataclass
class Served:
    """Where it listens, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serve(codec: Codec, *events: Event) -> Iterator[Served]:
    """A server of this format that answers every request with these events."""
    served = Served()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = codec.read_request(self.rfile.read(int(self.headers["content-length"])))
            served.asked.append(asked)
            writer = codec.make_writer(asked, SETTING)
            body = b"".join(writer.write([event], 0.5) for event in events)
            self.send_response(200)
            self.send_header("content-type", writer.content_type.decode())
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            for at in range(0, len(body), PIECE):
                self.wfile.write(body[at : at + PIECE])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
