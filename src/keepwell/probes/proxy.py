"""Proxy variables that may stand between a client and an engine of this node: where each is set, and to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value
from keepwell.core.secret import mask_text
from keepwell.core.values import row_of, text_of
from keepwell.formats.startfile import parse_assignments
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: Variables that HTTP clients read, in either case.
VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
#: Files that set variables for whole sessions.
FILES = ("/etc/environment",)


class Proxy:
    """Gives host.proxy: where ("shell", a file, or "engine:..." for its process) to the variables set there."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("host.proxy",)
    needs: tuple[str, ...] = ("engine.process", "engine.wished_settings")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; an empty mapping when no such variable is set anywhere that was looked at."""
        found: dict[str, Value] = {}
        _keep(found, "shell", await _shell(place))
        for path in FILES:
            _keep(found, path, await _file(place, path))
        for one in place.seen.named("engine.process"):
            _keep(found, str(one.subject), _texts(row_of(row_of(one.value).get("environment"))))
        for one in place.seen.named("engine.wished_settings"):
            for name, setting in row_of(one.value).items():
                told = row_of(setting)
                if name.lower() in VARIABLES:
                    path = text_of(told, "file")
                    _keep(found, path, {**_texts(row_of(found.get(path))), name: text_of(told, "value")})
        return [place.saw("host.proxy", found, "printenv, /proc/PID/environ, units and start files")]


async def _shell(place: Place) -> Mapping[str, str]:
    try:
        ran = await place.transport.run(("printenv", "-0"))
        if ran.code != 0:
            ran = await place.transport.run(("printenv",))
    except AccessError:
        return {}
    return dict(piece.partition("=")[::2] for piece in ran.text.replace("\n", "\0").split("\0"))


async def _file(place: Place, path: str) -> Mapping[str, str]:
    try:
        text = (await place.transport.read(path)).decode("utf-8", "replace")
    except AccessError:
        return {}
    return {one.name: one.value for one in parse_assignments(text)}


def _texts(row: Mapping[str, Value]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}


def _keep(found: dict[str, Value], where: str, variables: Mapping[str, str]) -> None:
    kept = {name: mask_text(value) for name, value in variables.items() if name.lower() in VARIABLES and value}
    if kept:
        found[where] = kept


PROBE = Proxy()
