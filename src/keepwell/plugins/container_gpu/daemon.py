"""Docker's daemon.json: run-times that hand GPUs in, set as a maker's own tool sets them.

Names and shape as `nvidia-ctk runtime configure --runtime=docker` writes them; `features.cdi` is on by itself since
Docker Engine 28.2 (release notes). The daemon reads `runtimes` and `default-runtime` again when it is told to reload
(docs.docker.com/reference/cli/dockerd, "Configuration reload behavior"): no container stops for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from keepwell.formats.yaml_edit import put_value
from keepwell.formats.yaml_places import BadYaml, parse_places
from keepwell.plugins.container_gpu.ground import Asked, CannotAsk, Ground, Mistake

FILE = "/etc/docker/daemon.json"
RUNTIMES, DEFAULT = "runtimes", "default-runtime"
#: Run-times that every daemon has without naming them.
BUILT_IN = frozenset({"runc", "io.containerd.runc.v2"})
#: The daemon's own file begins so where there was none.
EMPTY = "{}\n"


def parse_daemon(text: str) -> dict[str, Any]:
    """The settings; {} for an empty file, as the daemon takes it. BadYaml with the line for what is no JSON object."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadYaml(error.msg, error.lineno) from None
    except RecursionError:
        raise BadYaml("nested too deeply") from None
    if not isinstance(found, dict):
        raise BadYaml("not an object", 1)
    return found


def name_runtimes(text: str) -> frozenset[str] | None:
    """The run-times that the daemon knows by these settings; None where they cannot be read."""
    try:
        named = parse_daemon(text).get(RUNTIMES)
    except BadYaml:
        return None
    if not isinstance(named, dict):
        return BUILT_IN
    return BUILT_IN | set(map(str, named))


def ask_daemon(text: str, asked: Asked) -> str:
    """The settings with the maker's run-time; the same text where it is there or none is needed. CannotAsk."""
    sharing = asked.maker.sharing
    try:
        path = find_program(text, sharing.runtime)
        if path.rpartition("/")[2] == sharing.runtime_program:
            return text
        whole: Any = {"path": sharing.runtime_program, "args": []}
        if not text.strip():
            return json.dumps({RUNTIMES: {sharing.runtime: whole}}, indent=4) + "\n"
        if path:
            return put_value(text, (RUNTIMES, sharing.runtime, "path"), sharing.runtime_program)
        return put_value(text, (RUNTIMES, sharing.runtime), whole)
    except BadYaml as error:
        raise CannotAsk(f"line {error.line}: {error.words}") from None


def find_program(text: str, runtime: str) -> str:
    """The program of a run-time; "" where the settings do not name it."""
    named = parse_daemon(text).get(RUNTIMES)
    if isinstance(named, dict) and isinstance(named.get(runtime), dict):
        return str(named[runtime].get("path", ""))
    return ""


def find_daemon_mistakes(text: str, ground: Ground) -> Iterator[Mistake]:
    """What the daemon refuses at its start, and run-times that are named and not there."""
    try:
        settings = parse_daemon(text)
    except BadYaml as error:
        words = f"the daemon does not start with it: {error.words}"
        yield Mistake(kind="syntax", line=error.line, words=words, mended=_without_commas(text))
        return
    named, default = settings.get(RUNTIMES), settings.get(DEFAULT)
    if named is not None and not isinstance(named, dict):
        yield Mistake(kind="runtimes-shape", line=_line(text, RUNTIMES), words="runtimes must be an object by names")
        return
    known = BUILT_IN | set(map(str, named or {}))
    if isinstance(default, str) and default not in known:
        words = f"the default run-time {default} is not among the run-times: no container starts"
        makers = [one for one in ground.makers if one.sharing.runtime == default]
        mended = "".join(_try(text, Asked(maker=one)) for one in makers[:1])
        yield Mistake(kind="default-unknown", line=_line(text, DEFAULT), words=words, mended=mended)
    for maker in ground.makers:
        there = (named or {}).get(maker.sharing.runtime)
        if isinstance(there, dict) and not there.get("path") and not there.get("runtimeType"):
            words = f"the run-time {maker.sharing.runtime} has no path"
            mended = _try(text, Asked(maker=maker))
            yield Mistake(kind="runtime-path", line=_line(text, RUNTIMES), words=words, mended=mended)
    yield from _find_features(text, settings)


def _find_features(text: str, settings: dict[str, Any]) -> Iterator[Mistake]:
    features = settings.get("features")
    if isinstance(features, dict) and features.get("cdi") is False:
        words = "devices by specification (CDI) are switched off: requests by name are refused"
        mended = put_value(text, ("features", "cdi"), True)
        line = _line(text, "features")
        yield Mistake(kind="specifications-off", line=line, words=words, weight="warning", mended=mended)


def _without_commas(text: str) -> str:
    """The text without commas before a closing bracket, if it is right then: the commonest slip in JSON."""
    kept, quoted, place = "", False, 0
    while place < len(text):
        char = text[place]
        if char == '"':
            quoted = not quoted
        elif char == "\\" and quoted:
            kept, place, char = kept + char, place + 1, text[place + 1 : place + 2]
        closing = text[place + 1 :].lstrip()[:1] in ("}", "]") and not quoted
        kept += char * (not (char == "," and closing))
        place += 1
    try:
        parse_daemon(kept)
    except BadYaml:
        return ""
    return kept


def _try(text: str, asked: Asked) -> str:
    try:
        return ask_daemon(text, asked)
    except CannotAsk:
        return ""


def _line(text: str, key: str) -> int:
    try:
        return next((name.line for name, _ in parse_places(text).pairs if name.text == key), 1)
    except BadYaml:
        return 1
