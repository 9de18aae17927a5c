"""Receivers of messages that speak the real wire: ntfy's and Gotify's HTTP, any webhook, and SMTP. In threads."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Bytes of one body or mail.
BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came: the path, the headers in lower case, what the body says."""

    path: str
    headers: Mapping[str, str]
    said: Mapping[str, object]


@dataclass
class Inbox:
    """What came, in order: messages are what was posted, `asked` the paths of other requests (whoever looks for engines
    on this machine asks here, too). `port` is where it listens; `down` makes it answer 503; `hang` keeps it silent.
    """

    port: int
    messages: list[Received] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    hang: threading.Event | None = None


@contextmanager
def http_receiver(token: str = "") -> Iterator[Inbox]:
    """A server that answers as ntfy does (JSON to `/`), as Gotify does (`/message`, its token checked), and 200 to any
    other request.
    """

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _answer(self, inbox, token)

        def do_GET(self) -> None:
            _answer(self, inbox, token)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    inbox = Inbox(port=server.server_address[1])
    with _served(server):
        yield inbox
        if inbox.hang is not None:
            inbox.hang.set()


@contextmanager
def smtp_receiver() -> Iterator[Inbox]:
    """A mail server that takes everything."""

    class Taking(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _take_mails(self, inbox)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Taking)
    server.daemon_threads = True
    inbox = Inbox(port=server.server_address[1])
    with _served(server):
        yield inbox


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, inbox: Inbox, token: str) -> None:
    body = request.rfile.read(min(int(request.headers.get("Content-Length", 0)), BODY_BYTES))
    if inbox.hang is not None:
        inbox.hang.wait()
        return
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = request.path.partition("?")[0]
    status, said = 200, dict[str, object]()
    if request.command == "POST":
        status, said = _judge(path, headers, body, inbox, token)
    else:
        inbox.asked.append(path)
    answer = json.dumps(said).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(answer)))
    request.end_headers()
    request.wfile.write(answer)


def _judge(
    path: str, headers: Mapping[str, str], body: bytes, inbox: Inbox, token: str
) -> tuple[int, dict[str, object]]:
    if inbox.down:
        return 503, {"error": "not now"}
    said: dict[str, object] = {}
    if body:
        said = json.loads(body)
    if path == "/message" and headers.get("x-gotify-key") != token:
        return 401, {"error": "Unauthorized", "errorCode": 401, "errorDescription": "you need to provide a valid token"}
    if path == "/" and body and not said.get("topic"):
        return 400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"}
    inbox.messages.append(Received(path, headers, said))
    number = len(inbox.messages)
    return 200, {"id": number, "event": "message", "topic": said.get("topic", ""), "message": said.get("message", "")}


def _take_mails(session: socketserver.StreamRequestHandler, inbox: Inbox) -> None:
    """The commands of RFC 5321 that a client needs to leave a mail."""

    def say(line: str) -> None:
        session.wfile.write(f"{line}\r\n".encode())

    say("220 mail.example ESMTP")
    while line := session.rfile.readline(4096):
        word = line.split(b" ")[0].strip().upper()
        if word == b"DATA":
            say("354 go on")
            mail = message_from_bytes(_read_mail(session), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            inbox.mails.append(mail)
            say("250 taken")
        elif word == b"QUIT":
            say("221 bye")
            return
        else:
            say("250 mail.example")


def _read_mail(session: socketserver.StreamRequestHandler) -> bytes:
    lines = []
    size = 0
    while (line := session.rfile.readline(4096)) and line.rstrip(b"\r\n") != b"." and size < BODY_BYTES:
        lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        size += len(line)
    return b"".join(lines)
