"""A request in common words, and how it is written for engines that do not have its path.

What another format cannot say of it is found before anything is sent: what may be left out is dropped and told in a
header, for the rest the engine is no choice. Pure; a request is read once, and written for each engine that gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import time

from msgspec import structs

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.reached import follow
from keepwell.gateway.choice.station import Station
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.surface import USUAL
from keepwell.gateway.wire.heads import RequestHead
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.proof import header_text
from keepwell.plugins.answer_events import Begun, Counted, Ended, Event, Finished, Vectors
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Setting, Unreadable, find_losses
from keepwell.plugins.dialect import Failure
from keepwell.plugins.routing import Replica
from keepwell.plugins.ways import Way

#: Headers of a client that mean the same to every engine; others belong to the client's own format.
PASSED = frozenset({b"user-agent", b"traceparent", b"tracestate", b"baggage", b"x-request-id", b"x-correlation-id"})
#: Characters of the header that tells what was dropped, and of one name in it: a client chooses them.
SHOWN, NAME_SHOWN = 1000, 64
_ACCEPTED = {True: b"text/event-stream, application/x-ndjson", False: b"application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A request as an engine gets it: by which way, what was asked, what of that is lost, and the lines of the answer's
    head that tell so. `endless`: without a limit it goes on until the model ends it.
    """

    way: Way
    asked: Asked
    dropped: tuple[str, ...]
    lines: bytes = b""
    endless: bool = False

    def render_head(self, head: RequestHead) -> bytes:
        """The first line and headers, without those that stand for the engine, and the length."""
        passed = b"".join([b"%b: %b\r\n" % one for one in head.headers if one[0] in PASSED])
        first = b"POST %b HTTP/1.1\r\n" % self.way.codec.path
        return b"%bcontent-type: application/json\r\naccept: %b\r\n%b" % (first, _ACCEPTED[self.asked.stream], passed)

    def render_body(self, model: str, room: int = 0) -> bytes:
        """The body for an engine that knows the model by this name and has `room` for so many tokens (0: not known).

        Token counts are asked for in any case. Where a client's format has no limit if none is said, the engine's may
        have one of a few words for a text that is gone on with: then all the room is said.
        """
        asked = structs.replace(self.asked, model=model)
        if asked.stream:
            asked = structs.replace(asked, counts=True)
        if self.endless and room and asked.max_tokens is None:
            asked = structs.replace(asked, max_tokens=room)
        return self.way.codec.write_request(asked)


class Translation:
    """One request; it is read when it is first wanted. `native`: some replica of its route takes it as it is.

    `fault` is why it cannot be read, "" while nobody tried; `hopeless`: no replica can be told what is asked.
    """

    def __init__(self, entry: Entry, body: bytes, *, native: bool = True) -> None:
        self.native = native
        self.hopeless = False
        self.fault = ""
        #: Replicas that cannot be told what is asked, and why.
        self.unable: dict[str, str] = {}
        self._entry = entry
        self._body = body
        self._asked: Asked | None = None
        self._known: dict[tuple[str, frozenset[str]], Wording | str] = {}

    def find(self, replica: Replica) -> Wording | str:
        """How it is said to this engine; a sentence where it cannot be."""
        key = replica.own, replica.dialects
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(replica)
        return known

    def leave_out(self, routes: Mapping[str, Route], route: Route, stations: Mapping[str, Station]) -> frozenset[str]:
        """Replicas of a route and its fallbacks, of which none takes it as it is, that cannot be told what is asked."""
        there = {name for one in follow(routes, route) for name in one.replicas if name in stations}
        able = False
        for name in there:
            replica = stations[name].replica
            if replica.dialects & self._entry.reached.words:
                found = self.find(replica)
                able = able or isinstance(found, Wording)
                if isinstance(found, str):
                    self.unable[name] = found
        self.hopeless = not able
        return frozenset(self.unable)

    @property
    def loads(self) -> bool:
        """True for a request that asks for nothing but the model in memory, in a format that has such."""
        asked = self._read()
        if asked is None or not self._entry.endpoint.options:
            return False
        return not (asked.messages or asked.prompts or asked.prompt_tokens) and asked.kind != "completion"

    def answer_load(self, setting: Setting, seconds: float) -> tuple[bytes, bytes]:
        """What an engine says that has loaded, or unloaded, the model: its content type, and all of it."""
        asked, codec = self._read(), self._entry.endpoint.codec
        if asked is None or codec is None:
            return b"", b""
        writer = codec.make_writer(asked, setting)
        events: list[Event] = [Begun(asked.model), Finished(said=_LOADED[_is_nothing(asked.keep_alive)]), Ended()]
        if asked.kind == "embed":
            events = [Begun(asked.model), Vectors(()), Counted(0), Ended()]
        return writer.content_type, writer.write(events, seconds)

    def explain(self, failure: Failure, route: str, *, tried: bool) -> Failure:
        """Why nobody takes it: where nobody can be told what it asks, that is the reason, and asking again no use."""
        if not self.unable:
            return failure
        message = f"{route} cannot be asked this in another format: {self._describe()}"
        if self.hopeless and not tried:
            return Failure(status=400, kind="cannot_be_translated", message=message)
        return replace(failure, message=f"{failure.message}; {message}")

    def _describe(self) -> str:
        """Which replicas cannot be told what is asked, and why; those of the same reason together."""
        replicas: dict[str, list[str]] = {}
        for name, why in sorted(self.unable.items()):
            replicas.setdefault(why, []).append(name)
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in replicas.items())

    def _read(self) -> Asked | None:
        codec = self._entry.endpoint.codec
        if self._asked is None and not self.fault and codec is not None:
            try:
                self._asked = codec.read_request(self._body)
            except Unreadable as error:
                self.fault = str(error) or "it cannot be read"
        return self._asked

    def _find(self, replica: Replica) -> Wording | str:
        """By a way of the engine's own format if nothing vital is lost on it, else by any; of several by the one on
        which least is lost, the first of those.
        """
        asked = self._read()
        if asked is None:
            return self.fault
        own, refusals = replica.own or USUAL, []
        found: list[tuple[bool, int, int, Wording]] = []
        for place, way in enumerate(self._entry.reached.ways):
            if way.word in replica.dialects and asked.kind in way.codec.kinds:
                losses = find_losses(asked, way.codec)
                if losses.refused:
                    refusals.append(f"{_name(way)} cannot say {', '.join(losses.refused)}")
                else:
                    wording = Wording(way=way, asked=asked, dropped=losses.dropped)
                    found.append((way.word != own, len(losses.dropped), place, wording))
        if found:
            best = min(found)[3]
            endless = asked.kind == "completion" and self._entry.endpoint.options
            return replace(best, lines=self._render_lines(best), endless=endless)
        return (
            "; ".join(refusals) or f"{_KINDS[asked.kind]} cannot be asked for in {', '.join(sorted(replica.dialects))}"
        )

    def _render_lines(self, wording: Wording) -> bytes:
        entry = self._entry
        said = f"{entry.dialect_name} {entry.path} > {_name(wording.way)}"
        lines = b"x-keepwell-translated: %b\r\n" % header_text(said)
        if wording.dropped:
            dropped = ", ".join(one[:NAME_SHOWN] for one in wording.dropped)
            lines += b"x-keepwell-dropped: %b\r\n" % header_text(dropped[:SHOWN])
        return lines


def make_setting(facts: Facts) -> Setting:
    """What a writer is told of the answer to this request."""
    return Setting(model=facts.asked, id=str(facts.id), created=time())


_KINDS = {"chat": "chats", "completion": "texts to go on with", "embed": "embeddings"}
_LOADED = {True: "unload", False: "load"}


def _name(way: Way) -> str:
    return f"{way.dialect} {way.codec.path.decode()}"


def _is_nothing(keep_alive: object) -> bool:
    """True for a time of 0, as a number or as a text such as "0s"."""
    return keep_alive not in (None, "") and not str(keep_alive).strip(".0smhun")
