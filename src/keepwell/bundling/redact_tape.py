"""A tape without secrets and people: the same value gets the same token in every path, command and answer.

So what one recorded text says of another still holds: a path in a start file is the path of the recorded file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from keepwell.redact import Redactor
from keepwell.transport.base import Ran, Reply, Space
from keepwell.transport.recorded.tape import Exchange, Piece, Refusal, Tape, TapeFile, end_of

#: Files whose whole content names the machine.
_NAMING_FILE = re.compile(
    r"/(?:sys/(?:class|devices)/.*/(?:\w*serial\w*|product_uuid|unique_id|wwid)|etc/machine-id|etc/hostid"
    r"|var/lib/dbus/machine-id)\Z"
)
#: Tables of the kernel that write addresses in hexadecimal.
_SOCKET_TABLE = re.compile(r"/proc/(?:[\w-]+/)?net/(?:tcp|udp|raw)6?\Z")
#: How files begin in which lengths and offsets are written: GGUF, ELF, SQLite.
_BINARY = (b"GGUF", b"\x7fELF", b"SQLite format 3\0")
#: How the names of such files end whose beginning is no sign.
_MEASURED = (".safetensors", ".gguf", ".bin", ".pt", ".sqlite3")
_HEX_ADDRESS = re.compile(rb"\b([0-9A-F]{8}|[0-9A-F]{32})(?=:[0-9A-F]{4}\b)")


def redact_tape(tape: Tape, redactor: Redactor) -> Tape:
    """The tape with everything masked; it is played as the first one was."""
    one = _Pen(redactor)
    return Tape(
        name=one.text(tape.name, "name"),
        python=one.text(tape.python, "python"),
        recorded_at=tape.recorded_at,
        files={one.text(path, path): one.file(path, file) for path, file in sorted(tape.files.items())},
        commands={one.argv(argv): one.ran(argv, ran) for argv, ran in tape.commands.items()},
        exchanges=tuple(one.exchange(row) for row in tape.exchanges),
        spaces={one.text(path, path): one.maybe(room, path) for path, room in sorted(tape.spaces.items())},
        connections={
            (one.text(host, "connection"), port): refused and one.refusal(refused, "connection")
            for (host, port), refused in tape.connections.items()
        },
    )


def texts_of(tape: Tape) -> Iterator[bytes]:
    """Every text of a tape, to learn from: paths, contents, arguments, outputs, bodies."""
    yield "\n".join(tape.files).encode("utf-8", "surrogateescape")
    for file in tape.files.values():
        seen = file.leads_to or file
        yield from (content for _, content in seen.pieces)
        yield f"{file.target}\n".encode("utf-8", "surrogateescape")
    for argv, ran in tape.commands.items():
        yield "\0".join(argv).encode("utf-8", "surrogateescape")
        if isinstance(ran, Ran):
            yield from (ran.stdout, ran.stderr)
    for one in tape.exchanges:
        if isinstance(one.answer, Reply):
            yield one.answer.body


class _Pen:
    """Rewrites the parts of a tape with one redactor."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, text: str, place: str) -> str:
        return self._redactor.redact_text(text, place)

    def argv(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The arguments, looked at together: a flag tells what the next one is."""
        joined = self.text("\0".join(argv), " ".join(argv[:2]))
        return tuple(joined.split("\0"))

    def refusal(self, refused: Refusal, place: str) -> Refusal:
        return replace(
            refused,
            what=self.text(refused.what, place),
            where=self.text(refused.where, place),
            command=self.text(refused.command, place),
        )

    def maybe(self, value: Space | Refusal, place: str) -> Space | Refusal:
        if isinstance(value, Refusal):
            return self.refusal(value, place)
        return value

    def ran(self, argv: tuple[str, ...], ran: Ran | Refusal) -> Ran | Refusal:
        place = " ".join(argv)[:200]
        if isinstance(ran, Refusal):
            return self.refusal(ran, place)
        out = self._redactor.redact(ran.stdout, place)
        error = self._redactor.redact(ran.stderr, place)
        return replace(ran, argv=self.argv(ran.argv), stdout=out, stderr=error)

    def headers(self, headers: Mapping[str, str], place: str) -> dict[str, str]:
        """The headers, each looked at with its name."""
        rows = {name: self.text(f"{name}: {value}", place) for name, value in headers.items()}
        return {name: row.removeprefix(f"{name}: ") for name, row in rows.items()}

    def exchange(self, one: Exchange) -> Exchange:
        place = f"{one.method} {one.url}"[:200]
        answer = one.answer
        if isinstance(answer, Refusal):
            answer = self.refusal(answer, place)
        else:
            body = self._redactor.redact(answer.body, place)
            answer = replace(answer, body=body, headers=self.headers(answer.headers, place))
        return replace(
            one,
            url=self.text(one.url, place),
            headers=self.headers(one.headers, place),
            body=self._redactor.redact(one.body, place),
            answer=answer,
        )

    def file(self, path: str, file: TapeFile) -> TapeFile:
        pieces = tuple(self._piece(path, one) for one in file.pieces)
        size = file.size_bytes
        if file.pieces and file.pieces[0][0] == 0 and size == end_of(file.pieces):
            size = end_of(pieces)
        leads_to = file.leads_to
        if leads_to is not None:
            leads_to = self.file(path, leads_to)
        names = file.names
        if names is not None:
            names = tuple(sorted(self._name(path, one) for one in names))
        return replace(
            file,
            pieces=pieces,
            size_bytes=size,
            names=names,
            target=self.text(file.target, path),
            leads_to=leads_to,
            refused=file.refused and self.refusal(file.refused, path),
            unreadable=file.unreadable and self.refusal(file.unreadable, path),
        )

    def _name(self, folder: str, name: str) -> str:
        """A name as it is in the whole path, so that both say the same."""
        whole = self.text(f"{folder.rstrip('/')}/{name}", folder)
        return whole.rpartition("/")[2]

    def _piece(self, path: str, piece: Piece) -> Piece:
        """A stretch; one from the middle of a file keeps its length, so that its end stays where it was read."""
        at, content = piece
        masked = self._content(path, content)
        if at == 0:
            return at, masked
        kept = masked[max(0, len(masked) - len(content)) :]
        return at, b"\n" * (len(content) - len(kept)) + kept

    def _content(self, path: str, content: bytes) -> bytes:
        if _NAMING_FILE.search(path) and content.strip():
            value = content.strip()
            return content.replace(value, self._redactor.mask("machine-id", value, path))
        if _SOCKET_TABLE.search(path):
            return _HEX_ADDRESS.sub(self._hex_address, content)
        measured = content.startswith(_BINARY) or path.endswith(_MEASURED)
        return self._redactor.redact(content, path, keep_length=measured)

    def _hex_address(self, match: re.Match[bytes]) -> bytes:
        return _turn_words(match[1], self._redactor)


def _turn_words(digits: bytes, redactor: Redactor) -> bytes:
    """An address as the kernel of a little-endian machine writes it, masked if it is public."""
    turned = _swap(bytes.fromhex(digits.decode("ascii")))
    before = turned[:-4]
    mapped = len(before) == 12 and IPv6Address(turned).ipv4_mapped is not None
    if not before or mapped:
        masked = _masked_address(str(IPv4Address(turned[-4:])), redactor)
        return _swap(before + IPv4Address(masked).packed).hex().upper().encode()
    return _swap(IPv6Address(_masked_address(str(IPv6Address(turned)), redactor)).packed).hex().upper().encode()


def _swap(raw: bytes) -> bytes:
    """Each word of four bytes turned round."""
    return b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))


def _masked_address(shown: str, redactor: Redactor) -> str:
    return redactor.redact_text(f" {shown} ", "socket table").strip()
