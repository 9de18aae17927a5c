"""Who was asked and who listens: curl, error lines of clients, ss, netstat, lsof, servers that tell where they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, urlsplit

from keepwell.core.observation import Value
from keepwell.formats.listening import Socket, find_socket, find_started
from keepwell.formats.refusals import find_attempts
from keepwell.formats.transcript import Line, Section, Transcript
from keepwell.plugins.pasted import Told

_STATUS = re.compile(r"^(?:< )?HTTP/\d(?:\.\d)? (\d{3})\b|\"(?:status|code)\": ?(\d{3})\b")
#: What client libraries say of an answer: the address and its status, in either order.
_ANSWERED = (
    re.compile(
        r"(?P<url>https?://[\w.\[\]:-]{1,100}(?:/[^\s\"']{0,200})?)[\"']? [\"']?HTTP/\d"
        r"(?:\.\d)? (?P<status>\d{3})\b"
    ),
    re.compile(r"error '(?P<status>\d{3}) .{2,40}?' for url '(?P<url>https?://[^'\s]{3,300})'"),
    re.compile(r"(?P<status>\d{3}) (?:Client|Server) Error: .{2,40}? for url: (?P<url>https?://[^'\s)]{3,300})"),
)
_URL = re.compile(r"^(?:https?://)?[\w.\[\]:-]{1,100}(?::\d{1,5})?(?:/\S*)?$")
_CLIENTS = ("curl", "wget")
#: Flags of curl and wget that take the next word.
_VALUED = re.compile(
    r"^-(?:[XHdoumAebw]|-(?:request|header|data|data-raw|output|max-time|connect-timeout|user|json|write-out))$"
)
_PORTS = {"http": 80, "https": 443}


class Addresses:
    """Gives text.asked and text.listening."""

    hints = (":", "port")
    gives = ("text.asked", "text.listening")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every attempt and every socket that is shown."""
        asked: list[Value] = []
        lines: list[int] = []
        for section in text.sections:
            for row in _asked(section):
                asked.append(row)
                lines += [number for number in (row["line"],) if isinstance(number, int)]
        if asked:
            yield Told(name="text.asked", value=tuple(asked), lines=tuple(lines))
        sockets = [(line, one) for line in text.lines for one in _sockets(line)]
        if sockets:
            rows: tuple[Value, ...] = tuple(
                {"address": one.address, "port": one.port, "program": one.program, "line": line.number}
                for line, one in sockets
            )
            yield Told(name="text.listening", value=rows, lines=tuple(line.number for line, _ in sockets))


def _sockets(line: Line) -> Iterator[Socket]:
    listed = find_socket(line.text)
    if listed is not None:
        yield listed
    else:
        yield from find_started(line.text)


def _asked(section: Section) -> Iterator[dict[str, Value]]:
    failed = False
    url = _url(section)
    for line in section.lines:
        yield from _told_answers(line)
        for one in find_attempts(line.text):
            failed = True
            row: dict[str, Value] = {"host": one.host, "port": one.port, "result": one.result, "said": one.said}
            if url and url.hostname == one.host:
                row |= {"scheme": url.scheme, "path": url.path}
            yield row | {"from": section.place, "line": line.number}
    if url and not failed and any(line.text.strip() for line in section.lines):
        port = _port(url.netloc) or _PORTS.get(url.scheme, 0)
        answered: dict[str, Value] = {
            "host": (url.hostname or "").lower(),
            "port": port,
            "result": "answered",
            "scheme": url.scheme,
            "path": url.path,
            "from": section.place,
            "line": section.command_line,
        }
        yield answered | _status(section)


def _told_answers(line: Line) -> Iterator[dict[str, Value]]:
    """The answer that a client library tells of in one line."""
    for pattern in _ANSWERED:
        found = pattern.search(line.text)
        if found is None:
            continue
        try:
            url = urlsplit(found["url"])
        except ValueError:
            return
        yield {
            "host": (url.hostname or "").lower(),
            "port": _port(url.netloc) or _PORTS.get(url.scheme, 0),
            "result": "answered",
            "scheme": url.scheme,
            "path": url.path,
            "status": int(found["status"]),
            "line": line.number,
        }
        return


def _status(section: Section) -> dict[str, Value]:
    for line in section.lines:
        found = _STATUS.search(line.text)
        if found is not None:
            return {"status": int(found[1] or found[2])}
    return {}


def _url(section: Section) -> SplitResult | None:
    """The address that curl or wget was given in this section."""
    words = list(section.command)
    client = next((place for place, word in enumerate(words) if word.rsplit("/", 1)[-1] in _CLIENTS), None)
    if client is None:
        return None
    skip = False
    for word in words[client + 1 :]:
        if skip or word.startswith("-"):
            skip = not skip and bool(_VALUED.match(word))
            continue
        if _URL.match(word) and ("." in word or ":" in word or word.startswith("localhost")):
            whole = word
            if "://" not in word:
                whole = f"http://{word}"
            try:
                return urlsplit(whole)
            except ValueError:
                return None
    return None


def _port(netloc: str) -> int:
    digits = netloc.rpartition(":")[2]
    if digits.isdecimal() and digits.isascii() and len(digits) <= 5:
        return int(digits)
    return 0


PASTED = Addresses()
