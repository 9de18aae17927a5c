"""HTTP at the far end. Sent there as text with far_end.py: standard library only, Python 3.7 or newer.

One request on a connection of its own, no proxy, no redirect. Spoken by hand, because the library's client takes
longer to load than a whole survey's reads of files take (30 ms, a good part of it TLS, which few engines speak).
"""

from __future__ import annotations

import re
import socket
import sys
import time

from keepwell.transport.far.job import Job, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader as BinaryIO
    from typing import Any

    from keepwell.transport.far.job import Done

LAST_PORT = 65_535
#: Scheme of a URL whose host is the path of a Unix socket, percent-encoded; see web.py.
UNIX_SCHEME = "http+unix"
#: Bytes of one line and lines of one head: what common servers and libraries take.
LINE_BYTES = 65_536
HEAD_LINES = 200
PIECE_BYTES = 64 * 1024
#: Answers before the real one ("100 Continue", "103 Early Hints") that are passed over.
EARLY_ANSWERS = 10
URL = re.compile(
    r"(?P<scheme>https?|http\+unix)://(?:(?P<login>[^/?#]*)@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^/?#:\[\]@\s]+)"
    r"(?::(?P<port>[0-9]{0,6}))?(?P<target>[/?][^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
#: Bytes of a URL's path and query that go as they are; the rest is percent-encoded.
PLAIN = frozenset(b"%/:?[]@!$&'()*+,;=~-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: |$)")
USUAL_PORTS = {"http": 80, "https": 443, UNIX_SCHEME: 0}
#: Statuses that never have a body, and methods whose empty body is told.
BODILESS = (204, 304)
TELLING = ("POST", "PUT", "PATCH")


def http(job: Job) -> Done:
    """One request; any status is an answer."""
    began = time.monotonic()
    late = Refusal("TimedOut", f"no whole answer within {job.seconds:g} s")
    try:
        told, body = exchange(job)
    except socket.timeout:  # noqa: UP041 (two kinds before Python 3.10)
        raise late from None
    except socket.gaierror as error:
        raise Refusal("Unreachable", error.strerror or str(error)) from None
    except (OSError, ValueError) as error:
        if job.stopped:
            raise late from None
        tls = sys.modules.get("ssl")
        if isinstance(error, ValueError) or (tls is not None and isinstance(error, tls.SSLError)):
            raise Refusal("Unreachable", str(error)) from None
        raise
    told["seconds"] = time.monotonic() - began
    return told, body


def exchange(job: Job) -> Done:
    """Ask, and read the whole answer. ValueError for what is no HTTP."""
    url = URL.fullmatch(job.take("url", str))
    if url is None:
        raise ValueError("not a URL of http or https with a host in it")
    scheme = url.group("scheme").lower()
    host = url.group("host")
    port = int(url.group("port") or USUAL_PORTS[scheme])
    if port > LAST_PORT:
        raise ValueError(f"no port is above {LAST_PORT}")
    head = render_head(job, url)
    with dial(job, scheme, host.strip("[]"), port) as connection:
        connection.sendall(head + job.payload)
        with connection.makefile("rb") as stream:
            status, headers = read_head(stream)
            told, body = {"status": status, "headers": headers}, b""
            if job.take("times", bool, False):
                return watch_body(job, stream, told)
            if job.args["method"] != "HEAD" and status not in BODILESS:
                body = read_body(job, stream, headers)
    if job.stopped:
        raise ConnectionResetError("stopped")
    return told, body


def render_head(job: Job, url: re.Match[str]) -> bytes:
    """The request line and headers. ValueError for what cannot be sent."""
    method = job.take("method", str)
    headers = {str(name): str(value) for name, value in job.take("headers", dict, {}).items()}
    given = {name.lower() for name in headers}
    target = "/" * (not (url.group("target") or "").startswith("/")) + (url.group("target") or "")
    usual = {"Host": url.group(0).split("://", 1)[1].partition("/")[0].partition("?")[0].rpartition("@")[2]}
    if url.group("scheme").lower() == UNIX_SCHEME:
        usual["Host"] = "localhost"
    if job.payload or method in TELLING:
        usual["Content-Length"] = str(len(job.payload))
    usual["Accept-Encoding"] = "identity"
    login = url.group("login")
    if login is not None:
        usual["Authorization"] = basic(login)
    sent = {name: value for name, value in usual.items() if name.lower() not in given}
    sent.update(headers)
    sent["Connection"] = "close"
    plain = "".join((f"%{one:02X}", chr(one))[one in PLAIN] for one in target.encode("utf-8", "surrogateescape"))
    lines = [f"{method} {plain} HTTP/1.1"]
    for name, value in sent.items():
        if not TOKEN.fullmatch(name) or any(one in value for one in "\r\n\0"):
            raise ValueError(f"a header that cannot be sent: {name!r}")
        lines.append(f"{name}: {value}")
    if not TOKEN.fullmatch(method):
        raise ValueError(f"not a method: {method!r}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def basic(login: str) -> str:
    """The header for a name and password in a URL."""
    from base64 import b64encode
    from urllib.parse import unquote

    name, _, password = login.partition(":")
    return "Basic " + b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode("ascii")


def dial(job: Job, scheme: str, host: str, port: int) -> socket.socket:
    """An open connection, which `job.stop` can cut."""
    if scheme == UNIX_SCHEME:
        connection = dial_unix(job, host)
    else:
        connection = socket.create_connection((host, port), max(job.left(), 0.001))
    try:
        if scheme != UNIX_SCHEME:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with job.lock:
            job.socket = connection
        if scheme == "https":
            import ssl

            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
            with job.lock:
                job.socket = connection
        if job.over or job.stopped:
            raise socket.timeout  # noqa: UP041 (the kind that `http` takes for a time limit)
    except (OSError, ValueError):
        connection.close()
        raise
    return connection


def dial_unix(job: Job, host: str) -> socket.socket:
    """A connection to a Unix socket; the system's own error where there is none."""
    from urllib.parse import unquote

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(max(job.left(), 0.001))
        connection.connect(unquote(host))
    except OSError:
        connection.close()
        raise
    return connection


def read_head(stream: BinaryIO) -> tuple[int, dict[str, str]]:
    """Status and headers, names in lower case, values of one name joined by a comma."""
    for _ in range(EARLY_ANSWERS):
        found = STATUS.match(read_line(stream))
        if found is None:
            raise ValueError("the answer is not HTTP")
        status = int(found.group(1))
        headers: dict[str, str] = {}
        for _ in range(HEAD_LINES):
            line = read_line(stream).decode("latin-1")
            if not line:
                break
            name, colon, value = line.partition(":")
            if not colon or name != name.strip() or not name:
                raise ValueError("the answer is not HTTP: a header without a name")
            low = name.lower()
            headers[low] = ", ".join([*filter(None, [headers.get(low)]), value.strip()])
        else:
            raise ValueError(f"more than {HEAD_LINES} headers")
        if status >= 200 or status == 101:
            return status, headers
    raise ValueError("nothing but early answers")


def read_line(stream: BinaryIO) -> bytes:
    """One line without its end. ConnectionResetError when it is cut."""
    line = stream.readline(LINE_BYTES + 1)
    if len(line) > LINE_BYTES:
        raise ValueError("the answer is not HTTP: a line that does not end")
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the connection was closed before the whole answer")
    return line.rstrip(b"\r\n")


def read_body(job: Job, stream: BinaryIO, headers: dict[str, str]) -> bytes:
    """The whole body; Refusal when it is too large."""
    kept: list[bytes] = []
    if headers.get("transfer-encoding", "").lower().endswith("chunked"):
        while take(job, stream, int(read_line(stream).partition(b";")[0].strip(), 16), kept):
            read_line(stream)
        while read_line(stream):
            continue
    elif "content-length" in headers:
        length = headers["content-length"]
        if not (length.isascii() and length.isdigit()):
            raise ValueError("the answer is not HTTP: a length that is no number")
        take(job, stream, int(length), kept)
    else:
        while take(job, stream, PIECE_BYTES, kept, whole=False):
            continue
    return b"".join(kept)


def watch_body(job: Job, stream: BinaryIO, told: dict[str, Any]) -> Done:
    """As much of the body as comes, and for each part of it the seconds since the call and its bytes. What ends it
    early is told as `problem`.
    """
    began = job.deadline - job.seconds
    kept: list[bytes] = []
    told.update(head_seconds=time.monotonic() - began, times=[], problem="")
    try:
        for part in parts_of(stream, told["headers"]):
            kept.append(part)
            told["times"].append([time.monotonic() - began, len(part)])
            if sum(map(len, kept)) > job.limit():
                told["problem"] = "the body is larger than what is kept of it"
                break
    except (OSError, ValueError) as error:
        late = job.stopped or isinstance(error, socket.timeout)
        told["problem"] = (str(error), f"no whole answer within {job.seconds:g} s")[late]
    return told, b"".join(kept)


def parts_of(stream: BinaryIO, headers: dict[str, str]) -> Iterator[bytes]:
    """The parts of a body as they arrive: its chunks, or what there is at each look."""
    if headers.get("transfer-encoding", "").lower().endswith("chunked"):
        while True:
            size = int(read_line(stream).partition(b";")[0].strip(), 16)
            if size <= 0:
                return
            part = stream.read(size)
            if len(part) < size:
                raise ConnectionResetError("the body ended early")
            yield part
            read_line(stream)
    left = int(headers.get("content-length", PIECE_BYTES))
    while left > 0:
        part = stream.read1(min(left, PIECE_BYTES))
        if not part:
            if "content-length" in headers:
                raise ConnectionResetError("the body ended early")
            return
        left -= len(part) * ("content-length" in headers)
        yield part


def take(job: Job, stream: BinaryIO, size: int, kept: list[bytes], whole: bool = True) -> int:
    """So many bytes more of a body; how many came. ConnectionResetError when a whole piece was promised."""
    if size < 0:
        raise ValueError("the answer is not HTTP: a length below nothing")
    left = size
    while left:
        part = stream.read(min(left, PIECE_BYTES))
        if not part:
            break
        kept.append(part)
        left -= len(part)
        if sum(map(len, kept)) > job.limit():
            raise Refusal("TooLarge", f"a body of more than {job.limit()} bytes")
    if left and whole:
        raise ConnectionResetError("the body ended early")
    return size - left


CALLS = {"http": http}
