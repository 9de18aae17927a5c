"""Samples as bytes from an agent to whoever asks: names once, then only numbers that changed.

A series' name goes over once in a session and is a number from then on; so does the list of series that a collector
gives (a layout), which seldom changes. A frame is one sample: for each collector that looked, its layout and the
numbers that differ from that layout's last frame. Frames are made once, whoever asks; one who has missed some, or is
new, gets the newest numbers of everything instead. All of it is msgpack:

    [session, first key, keys, layouts, frames]
    key     [metric, kind of Ref, its path after the node (or nil), [[label, value], ...]]
    layout  [number, [key numbers]]
    frame   [frame number, at, [[layout number, positions (nil: all), values], ...]]
    value   a number, or [kind, reason] of a Missing
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

import msgspec

from keepwell.core.errors import Unreachable
from keepwell.core.observation import Missing, MissingKind
from keepwell.core.ref import Ref
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.telemetry.rounds import Sample

#: Frames that are kept for those who ask seldom or were cut off: two minutes of one a second.
FRAMES = 120
#: Names of one session; beyond it a new one begins, so that names of things that are gone do not gather.
KEYS = 20_000
#: Bytes of one answer: 20,000 names have about 2 MB.
ANSWER_BYTES = 16 * 1024 * 1024

_Value: TypeAlias = float | tuple[MissingKind, str]
_Key: TypeAlias = tuple[str, str, str | None, tuple[tuple[str, str], ...]]
_Part: TypeAlias = tuple[int, list[int] | None, list[_Value]]
_Frame: TypeAlias = tuple[int, float, list[_Part]]
_Answer: TypeAlias = tuple[int, int, list[_Key], list[tuple[int, list[int]]], list[_Frame]]


class BrokenSamples(Unreachable):
    """What came is no answer of this version; nothing of it is kept, and the next question begins anew."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a reader has of a session: names, the highest layout and frame. All 0: nothing yet."""

    session: int = 0
    keys: int = 0
    layout: int = 0
    frame: int = 0


@dataclass(slots=True)
class _Layout:
    """The series of one collector as they are now, and its newest numbers, with when."""

    number: int
    keys: list[SeriesKey]
    ids: list[int]
    values: list[float | Missing]
    at: float


@dataclass(slots=True)
class _Session:
    """Names and layouts so far. `layouts` are those in use by collectors, `defined` all that kept frames may name."""

    number: int
    ids: dict[SeriesKey, int] = field(default_factory=dict)
    layouts: dict[str, _Layout] = field(default_factory=dict)
    defined: dict[int, list[int]] = field(default_factory=dict)
    made: int = 0
    frame: int = 0
    frames: deque[tuple[int, set[int], msgspec.Raw]] = field(default_factory=deque)
    forget_at: int = 0


class Writer:
    """Keeps the newest samples as frames. `add` and `render` may be called from different threads. `session` is a
    number above 0 that no earlier writer of this machine had, such as the time in milliseconds.
    """

    def __init__(self, session: int) -> None:
        self._session = _Session(session)
        self._lock = threading.Lock()
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, sample: Sample) -> None:
        """One sample more. Costs about 0.5 us a series."""
        with self._lock:
            if len(self._session.ids) > KEYS:
                self._session = _Session(self._session.number + 1)
            now = self._session
            parts = [self._part(now, name, readings, sample.at) for name, readings in sample.parts]
            now.frame += 1
            content = self._encode((now.frame, sample.at, parts))
            now.frames.append((now.frame, {part[0] for part in parts}, msgspec.Raw(content)))
            if len(now.frames) > FRAMES:
                now.frames.popleft()
                _forget_layouts(now)

    def render(self, heard: Heard) -> bytes:
        """All that a reader lacks who has heard so much."""
        with self._lock:
            now = self._session
            known = heard.session == now.number
            if not known:
                heard = Heard(session=now.number)
            oldest = now.frame + 1 - len(now.frames)
            if known and oldest <= heard.frame + 1:
                frames = [content for number, _, content in now.frames if number > heard.frame]
            else:
                frames = [msgspec.Raw(self._encode(one)) for one in _newest(now)]
            layouts = [(number, ids) for number, ids in now.defined.items() if number > heard.layout]
            keys = [_packed(key) for key in list(now.ids)[heard.keys :]]
            return self._encode((now.number, heard.keys, keys, layouts, frames))

    def _part(self, now: _Session, name: str, readings: Sequence[Reading], at: float) -> _Part:
        keys = [key for key, _ in readings]
        values = [value for _, value in readings]
        layout = now.layouts.get(name)
        if layout is None or layout.keys != keys:
            now.made += 1
            ids = [now.ids.setdefault(key, len(now.ids)) for key in keys]
            now.layouts[name] = _Layout(now.made, keys, ids, values, at)
            now.defined[now.made] = ids
            return now.made, None, [_plain(value) for value in values]
        layout.keys = keys  # what is compared next is then mostly the same objects
        old, layout.values, layout.at = layout.values, values, at
        changed = [place for place, value in enumerate(values) if value != old[place]]
        if len(changed) == len(values):
            return layout.number, None, [_plain(value) for value in values]
        return layout.number, changed, [_plain(values[place]) for place in changed]


@dataclass(slots=True)
class _Known:
    """A layout at the reader: its series and their newest numbers."""

    keys: list[SeriesKey]
    values: list[float | Missing]


class Reader:
    """Reads the answers of one agent, in order. `node` is the name of its node here, which may be another there."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._keys: list[SeriesKey] = []
        self._layouts: dict[int, _Known] = {}
        self._heard = Heard()
        self._decode = msgspec.msgpack.Decoder(_Answer).decode

    @property
    def heard(self) -> Heard:
        """What to tell in the next question."""
        return self._heard

    def parse(self, content: bytes) -> tuple[Batch, ...]:
        """The samples of an answer, the oldest first. Raises BrokenSamples."""
        try:
            if len(content) > ANSWER_BYTES:
                raise BrokenSamples(f"an answer of more than {ANSWER_BYTES} bytes")
            session, first, keys, layouts, frames = self._decode(content)
            if session != self._heard.session:
                self._begin(session)
            if first != len(self._keys) or first + len(keys) > 2 * KEYS:
                raise BrokenSamples("names that do not follow those before")
            self._keys += [self._unpacked(key) for key in keys]
            for number, ids in layouts:
                self._layouts[number] = _Known([self._keys[one] for one in ids], [])
            batches = tuple(self._batch(frame) for frame in frames)
        except (msgspec.MsgspecError, ValueError, IndexError, KeyError) as error:
            self._begin(0)
            raise BrokenSamples(f"an answer that holds no samples ({type(error).__name__}: {error})") from None
        except BrokenSamples:
            self._begin(0)
            raise
        highest = max([self._heard.layout, *(number for number, _ in layouts)])
        frame = max([self._heard.frame, *(one[0] for one in frames)])
        self._heard = Heard(session, len(self._keys), highest, frame)
        return batches

    def _begin(self, session: int) -> None:
        self._keys, self._layouts, self._heard = [], {}, Heard(session)

    def _batch(self, frame: _Frame) -> Batch:
        readings: list[Reading] = []
        for number, positions, values in frame[2]:
            known = self._layouts[number]
            if positions is None:
                known.values = [_whole(value) for value in values]
            elif len(positions) != len(values):
                raise BrokenSamples("a frame with other numbers than places")
            else:
                for place, value in zip(positions, values, strict=True):
                    known.values[place] = _whole(value)
            if len(known.values) != len(known.keys):
                raise BrokenSamples("a frame that does not fit its layout")
            readings += zip(known.keys, known.values, strict=True)
        return Batch(node=self._node, at=frame[1], readings=readings)

    def _unpacked(self, key: _Key) -> SeriesKey:
        metric, kind, rest, labels = key
        subject = f"{kind}:{self._node}"
        if rest is not None:
            subject = f"{subject}/{rest}"
        return SeriesKey(metric, str(Ref.parse(subject)), labels)


def parse_heard(args: Mapping[str, object]) -> Heard:
    """What a question says that was heard; whatever is no number counts as 0."""
    numbers = [args.get(name) for name in ("session", "keys", "layout", "frame")]
    return Heard(*(one for one in (_number(value) for value in numbers)))


def render_heard(heard: Heard) -> dict[str, int]:
    """The same for a question."""
    return {"session": heard.session, "keys": heard.keys, "layout": heard.layout, "frame": heard.frame}


def _number(value: object) -> int:
    if type(value) is int and value >= 0:
        return value
    return 0


def _newest(now: _Session) -> Iterable[_Frame]:
    """The newest numbers of every layout in use, as frames with the number of the last one, the oldest first."""
    for at, layouts in groupby(sorted(now.layouts.values(), key=_at), key=_at):
        yield now.frame, at, [(one.number, None, [_plain(value) for value in one.values]) for one in layouts]


def _at(layout: _Layout) -> float:
    return layout.at


def _forget_layouts(now: _Session) -> None:
    """Let go of layouts that no kept frame names and no collector has."""
    if now.frame >= now.forget_at and len(now.defined) > len(now.layouts):
        now.forget_at = now.frame + FRAMES
        kept = {number for _, named, _ in now.frames for number in named}
        kept |= {one.number for one in now.layouts.values()}
        now.defined = {number: ids for number, ids in now.defined.items() if number in kept}


def _packed(key: SeriesKey) -> _Key:
    kind, _, path = key.subject.partition(":")
    _, slash, rest = path.partition("/")
    if not slash:
        return key.metric, kind, None, key.labels
    return key.metric, kind, rest, key.labels


def _plain(value: float | Missing) -> _Value:
    if isinstance(value, Missing):
        return value.kind, value.reason
    return value


def _whole(value: _Value) -> float | Missing:
    if isinstance(value, tuple):
        return Missing(kind=value[0], reason=value[1])
    return value
