"""Large texts of a tape as members of their own, so that a log in a bundle can be read with `tar` alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from keepwell.transport.base import Ran, Reply
from keepwell.transport.recorded.tape import Exchange, Piece, Refusal, Tape, TapeFile

#: Shorter ones stay in the tape's own document.
LARGE_BYTES = 4096
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


class TextForm(msgspec.Struct, forbid_unknown_fields=True):
    """Where a member belongs: a piece of the file at `path`, or an output of the n-th command or exchange."""

    member: str
    part: str
    index: int
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A tape without its large texts, those texts by member name, and where each belongs."""

    tape: Tape
    texts: Mapping[str, bytes]
    index: tuple[TextForm, ...]


class _Taker:
    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.index: list[TextForm] = []

    def take(self, content: bytes, part: str, index: int, name: str, path: str = "") -> bytes:
        """What stays in the tape: b"" when it was taken."""
        if len(content) < LARGE_BYTES:
            return content
        word = _NOT_A_NAME.sub("-", name.lower()).strip("-")[-40:].strip("-") or "text"
        member = f"texts/{len(self.texts) + 1:04d}-{word}"
        self.texts[member] = content
        self.index.append(TextForm(member=member, part=part, index=index, path=path))
        return b""


def part_texts(tape: Tape) -> Parted:
    """Take the large texts out."""
    taker = _Taker()
    files = {path: _without(file, path, taker) for path, file in sorted(tape.files.items())}
    commands: dict[tuple[str, ...], Ran | Refusal] = {}
    for number, (argv, ran) in enumerate(tape.commands.items()):
        if isinstance(ran, Ran):
            name = "-".join(argv[:3])
            out = taker.take(ran.stdout, "stdout", number, name)
            ran = replace(ran, stdout=out, stderr=taker.take(ran.stderr, "stderr", number, name))
        commands[argv] = ran
    exchanges: list[Exchange] = []
    for number, one in enumerate(tape.exchanges):
        if isinstance(one.answer, Reply):
            body = taker.take(one.answer.body, "body", number, one.url)
            one = replace(one, answer=replace(one.answer, body=body))
        exchanges.append(one)
    parted = replace(tape, files=files, commands=commands, exchanges=tuple(exchanges))
    return Parted(tape=parted, texts=taker.texts, index=tuple(taker.index))


def join_texts(parted: Parted) -> Tape:
    """Put them back; ValueError where a text belongs to nothing, or is missing."""
    files = dict(parted.tape.files)
    commands = list(parted.tape.commands.items())
    exchanges = list(parted.tape.exchanges)
    for one in parted.index:
        text = parted.texts.get(one.member)
        if text is None or one.index < 0:
            raise ValueError(f"no text is called {one.member!r}")
        try:
            if one.part == "file":
                files[one.path] = _with_piece(files[one.path], one.index, text)
            elif one.part == "body":
                exchanges[one.index] = _with_body(exchanges[one.index], text)
            else:
                argv, ran = commands[one.index]
                commands[one.index] = (argv, _with_output(ran, one.part, text))
        except (KeyError, IndexError) as error:
            raise ValueError(f"{one.member} belongs to nothing that was recorded") from error
    return replace(parted.tape, files=files, commands=dict(commands), exchanges=tuple(exchanges))


def _without(file: TapeFile, path: str, taker: _Taker) -> TapeFile:
    pieces = [(at, taker.take(text, "file", number, path, path)) for number, (at, text) in enumerate(file.pieces)]
    return replace(file, pieces=tuple(pieces))


def _with_piece(file: TapeFile, index: int, text: bytes) -> TapeFile:
    pieces: list[Piece] = list(file.pieces)
    pieces[index] = (pieces[index][0], text)
    return replace(file, pieces=tuple(pieces))


def _with_body(one: Exchange, text: bytes) -> Exchange:
    if not isinstance(one.answer, Reply):
        raise ValueError(f"{one.url} was not answered")
    return replace(one, answer=replace(one.answer, body=text))


def _with_output(ran: Ran | Refusal, part: str, text: bytes) -> Ran:
    if not isinstance(ran, Ran):
        raise ValueError("a text of a command that did not run")
    if part == "stdout":
        return replace(ran, stdout=text)
    if part == "stderr":
        return replace(ran, stderr=text)
    raise ValueError(f"no output is called {part!r}")


def texts_in(members: Mapping[str, bytes]) -> Iterator[str]:
    """Names of the members that are texts."""
    return (name for name in members if name.startswith("texts/"))
