"""What Ollama's log tells: release, settings in force, values that it threw away, children and placement.

Two generations are read: own runners (to 0.24) and a llama-server child (since 0.30).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepwell.formats.logfmt import parse_logfmt, unquote
from keepwell.formats.offload import Offload, parse_offloads
from keepwell.plugins.engine import Placement

_LISTENING = re.compile(r"Listening on (\S{1,80}) \(version ([^)\s]{1,40})\)")
#: Releases before the structured log wrote `INFO server config env="map[...]"`.
_CONFIG = re.compile(r'(?:msg=\\?"server config\\?"|INFO server config) env=(\\?")?map\[')
#: Names of variables: those of the server are upper case, the proxies also lower.
_KEY = re.compile(r"(?:^| )([A-Z][A-Z0-9_]*|https?_proxy|no_proxy|all_proxy):")
#: Names in one line: Ollama has about forty.
MAX_NAMES = 1000
_THROWN = re.compile(r'invalid environment variable, using default"?')
_BAD_PORT = re.compile(r'invalid port, using default"?')
#: The child's command line: `starting llama server` to 0.11, `starting runner` to 0.24, `starting llama-server` now.
_CHILD = re.compile(r"starting (?:llama server|runner|llama-server)\b")
_BEFORE_FLAG = re.compile(r" (?=--?[a-z])")
_PLAN = re.compile(r"msg=offload ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a stretch of log told: the newest start counts. `thrown` are values that were not taken, by name."""

    version: str = ""
    listening: str = ""
    settings: Mapping[str, str]
    thrown: Mapping[str, str]
    children: Mapping[str, Mapping[str, str]]


def parse_log(lines: Sequence[str]) -> Told:
    """Read log lines, oldest first, with or without a prefix of the journal or a container. Never raises."""
    version = listening = ""
    settings: dict[str, str] = {}
    thrown: dict[str, str] = {}
    children: dict[str, Mapping[str, str]] = {}
    for line in lines:
        if _CONFIG.search(line):
            settings = parse_server_config(line)
            children = {}
        elif (found := _LISTENING.search(line)) is not None:
            listening, version = found[1], found[2]
        elif _THROWN.search(line) or _BAD_PORT.search(line):
            thrown |= _thrown(line)
        elif _CHILD.search(line):
            flags = parse_child(line)
            children[flags.get("--model", "")] = flags
    return Told(version=version, listening=listening, settings=settings, thrown=thrown, children=children)


def parse_server_config(line: str) -> dict[str, str]:
    r"""The variables of a `server config` line; {} for any other.

    Go writes a map with its names sorted and its values as they are, blanks and colons included. So what looks
    like a name inside a value is told by the order.
    """
    found = _CONFIG.search(line)
    if found is None:
        return {}
    text = line[found.end() :]
    if found[1]:
        text = unquote(_quoted(text, found[1]))
    text = text.rpartition("]")[0] or text
    return dict(_pairs(text))


def parse_child(line: str) -> dict[str, str]:
    """The flags of a child's command line by name; a path with blanks stays whole. {} where there is none."""
    command = parse_logfmt(line).get("cmd", "")
    if not command:
        _, _, command = line.partition("cmd=")
    pieces = (piece.partition(" ") for piece in _BEFORE_FLAG.split(command[:MAX_COMMAND])[1:])
    return {flag: value for flag, _, value in pieces}


#: Characters of a command line that are read: a child has some thirty flags and one path.
MAX_COMMAND = 16_384


def parse_placement(lines: Sequence[str]) -> tuple[Placement, ...]:
    """Where models were put, oldest first: the child's own buffers, else the plan that was logged before."""
    told = tuple(_placement(one) for one in parse_offloads(lines))
    if told and any(one.layers for one in told):
        return told
    plans = [parse_logfmt(line) for line in lines if _PLAN.search(line)]
    if not plans or not plans[-1].get("layers.model", "").isdecimal():
        return told
    layers, offloaded = plans[-1]["layers.model"], plans[-1].get("layers.offload", "")
    if not told or not offloaded.isdecimal():
        return told
    last = told[-1]
    return (
        *told[:-1],
        Placement(
            model=last.model,
            layers=int(layers[:6]),
            gpu_layers=int(offloaded[:6]),
            gpu_bytes=last.gpu_bytes,
            host_bytes=last.host_bytes,
            device_bytes=last.device_bytes,
        ),
    )


def _placement(one: Offload) -> Placement:
    return Placement(
        model=one.path,
        layers=one.layers,
        gpu_layers=one.gpu_layers,
        gpu_bytes=one.gpu_bytes,
        host_bytes=one.host_bytes,
        device_bytes=dict(one.device_bytes),
    )


def _thrown(line: str) -> dict[str, str]:
    pairs = parse_logfmt(line)
    if "port" in pairs:
        return {"OLLAMA_HOST": pairs["port"]}
    if "key" in pairs and "value" in pairs:
        return {pairs["key"]: pairs["value"]}
    return {}


def _quoted(text: str, quote: str) -> str:
    """The text up to the closing quote. Where quotes are escaped (a line inside JSON), one layer comes off."""
    if quote.startswith("\\"):
        text = unquote(text)
    place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == '"':
            return text[:place]
        place += 1
    return text


def _pairs(text: str) -> list[tuple[str, str]]:
    """Names and values. What looks like a name out of the alphabet's order stands inside a value."""
    names = list(_KEY.finditer(text))[:MAX_NAMES]
    kept = [names[place] for place in _longest_rise([one[1] for one in names])]
    ends = [*(one.start() for one in kept), len(text)][1:]
    return [(one[1], text[one.end() : end]) for one, end in zip(kept, ends, strict=True)]


def _longest_rise(words: Sequence[str]) -> list[int]:
    """Places of the longest strictly rising choice of words (patience sorting, n log n)."""
    tails: list[str] = []
    places: list[int] = []
    before: list[int] = []
    for place, word in enumerate(words):
        height = bisect_left(tails, word)
        before.append(places[height - 1] if height else -1)
        tails[height : height + 1] = [word]
        places[height : height + 1] = [place]
    found: list[int] = []
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]
