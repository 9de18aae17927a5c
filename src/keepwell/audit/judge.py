"""What becomes of each trace when the gateway stands in the engine's place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from keepwell.audit.addresses import Address
from keepwell.audit.mentions import Asked, Named
from keepwell.audit.target import Target, find_whereabouts
from keepwell.audit.tongue import Tongue
from keepwell.audit.use import Edit, Use
from keepwell.plugins.uses import ApiPath, Knowledge, Library

#: Names of arguments and settings that hold an address, in every spelling.
_HOLDS = re.compile(
    r"(?:base[_-]?ur[li]|api[_-]?base|(?:inference|llm|model|chat|server|api)[_-]?(?:url|host|endpoint|server)|endpoint)"
    r"s?[\"']?\s*[:=(,]",
    re.IGNORECASE,
)
#: What gives a port of an engine to the outside, or lets it through.
_PUBLISHES = re.compile(
    r"\bEXPOSE\b|container_?port|target_?port|\bpublish|host_?port|\bufw\b|firewall|dport", re.IGNORECASE
)
#: A port that is mapped to another, as containers do, and what says that a number is a port that is asked.
_MAPS = re.compile(r"\d:\d|\d[\"']?/(?:tcp|udp)|\bports\b")
_PORT = re.compile(
    r"port[\w\"'\]]*\s*[:=]\s*[\"']?$|--port\s+$|(?:localhost|127\.0\.0\.1|host\b).*,\s*$", re.IGNORECASE
)
_VERSION = re.compile(r"/v1(?:/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a line is judged by: what is known, the gateway, the file's tongue, and of what the file speaks: of an
    engine at all (`speaks`), of one that has paths of a single part (`speaks_bare`), in this line (`line_speaks`).
    `own`: it lies in an engine's own part of the file.
    """

    known: Knowledge
    target: Target
    tongue: Tongue
    line: int
    view: str
    speaks: bool
    speaks_bare: bool
    line_speaks: bool
    own: bool


def judge_address(one: Address, scene: Scene, named: Named | None) -> Iterator[Use]:
    """The use that an address is, and that of its path; nothing where it is no engine's."""
    variable = named is not None and named.variable.role == "address"
    if not is_engine(one, scene, variable=variable):
        return
    path = find_path(one.path, scene.known)
    what = scene.view[one.start : one.path_end]
    if one.login:
        what = f"{one.scheme}://{one.host}" + f":{one.port}" * bool(one.port) + one.path
    made = _judge_where(one, scene, path, what)
    yield made
    if path is not None and made.verdict != "none":
        yield _of_path(scene, path, path.path)


def is_engine(one: Address, scene: Scene, *, variable: bool) -> bool:
    """Whether an address is one of an engine: by its port, by its path, or by what holds it."""
    where = find_whereabouts(one.host)
    if _is_cloud(one.host, scene.known):
        return False
    sure = one.port.isdigit() and int(one.port) in scene.known.all.sure_ports
    if sure:
        return True
    if where == "world" and not one.port:
        return False
    if variable or _is_sure_path(one.path, scene.known):
        return bool(one.scheme) or variable
    usual = one.port.isdigit() and int(one.port) in scene.known.all.ports
    telling = scene.line_speaks or (scene.speaks and bool(_VERSION.match(one.path) or _HOLDS.search(scene.view)))
    if usual:
        return bool(one.scheme) and telling
    return bool(one.scheme and one.port) and scene.speaks and _VERSION.match(one.path) is not None


def _judge_where(one: Address, scene: Scene, path: ApiPath | None, what: str) -> Use:
    """The use of an address by itself: whose it is, and what stands there instead."""
    line, where = scene.line, find_whereabouts(one.host)
    if scene.own or (not one.scheme and one.host == "0.0.0.0"):
        say = "the engine's own: it stays where it is"
        return Use(line=line, kind="engine", what=what, verdict="unchanged", say=say)
    if one.scheme.startswith("ws"):
        say = "the gateway refuses websockets: ask the engine itself, or stream by HTTP"
        return Use(line=line, kind="address", what=what, verdict="none", say=say)
    if path is not None and path.verdict == "none":
        say = f"{path.path} {path.say}; this line goes on asking the engine itself"
        return Use(line=line, kind="address", what=what, verdict="none", say=say)
    target = aim(scene, one.host)
    if one.host.strip("[]") == target.host and one.port == str(target.port):
        return Use(line=line, kind="address", what=what, verdict="unchanged", say="asks the gateway already")
    if not one.scheme and target.scheme != "http":
        say = f"no scheme stands here, and the gateway speaks {target.scheme}: where one may stand write {target.url}"
        return Use(line=line, kind="address", what=what, verdict="none", say=say)
    text = target.url
    if not one.scheme:
        text = target.authority
    edit = Edit(start=one.start, end=one.end, text=text)
    away = where not in ("here", "template")
    return Use(line=line, kind="address", what=what, verdict="line", place="here", edit=edit, elsewhere=away)


def judge_port(start: int, end: int, scene: Scene) -> Use | None:
    """The use that a port without a host is; None where nothing says that it is asked, or given."""
    line, what, before = scene.line, scene.view[start:end], scene.view[:start]
    mapped = _MAPS.search(scene.view) or _PUBLISHES.search(before)
    if not mapped and not _PORT.search(before):
        return None
    if scene.own or mapped:
        say = "the engine's own: it stays where it is"
        return Use(line=line, kind="engine", what=what, verdict="unchanged", say=say)
    if scene.target.is_here:
        edit = Edit(start=start, end=end, text=str(scene.target.port))
        say = "the host stands elsewhere"
        return Use(line=line, kind="address", what=what, verdict="line", say=say, place="here", edit=edit)
    target = scene.target
    say = f"host and port stand apart: set the port to {target.port} here and the host to {target.host} where it stands"
    return Use(line=line, kind="address", what=what, verdict="none", say=say)


def judge_path(one: Asked, scene: Scene) -> Use | None:
    """The use that a path is, None where it may as well be another program's."""
    if scene.own or not (one.based or one.quoted) or _names_cloud(scene.view[: one.start], scene.known):
        return None
    speaks = {True: scene.speaks, False: scene.speaks_bare and one.based}
    if not (one.path.sure or speaks[_is_telling(one.path)]):
        return None
    return _of_path(scene, one.path, one.path.path)


def judge_variable(one: Named, scene: Scene) -> Use | None:
    """The use that a variable is; None where its value is an address that is told by itself."""
    variable = one.variable
    say = variable.say
    if one.constant:
        return None
    if variable.role == "address":
        if scene.own:
            say = "the engine's own: it stays where it is"
            return Use(line=scene.line, kind="engine", what=one.name, verdict="unchanged", say=say)
        return _judge_value(one, scene)
    if variable.role == "setting" and not say:
        say = "a setting of the engine's own, which stays"
    if variable.role == "key":
        say = "the gateway takes it as one of its keys where it has any (keepwell key new NAME)"
    if variable.role == "model":
        what = one.value or one.name
        return Use(line=scene.line, kind="model", what=what, verdict="unchanged", say="asked by its own name")
    if variable.role == "setting":
        return Use(line=scene.line, kind="engine", what=one.name, verdict="unchanged", say=say)
    return Use(line=scene.line, kind="variable", what=one.name, verdict="unchanged", say=say)


def _judge_value(one: Named, scene: Scene) -> Use:
    """A variable that holds an address: it is set here to a host alone, or only read."""
    plain = re.fullmatch(r"[A-Za-z0-9_.-]+(?::\d{1,5})?", one.value) is not None
    literal = scene.tongue in ("data", "script") and plain and one.value_start >= 0
    host = one.value.partition(":")[0]
    if literal and host == "0.0.0.0":
        say = "where the engine listens: it stays"
        return Use(line=scene.line, kind="engine", what=one.name, verdict="unchanged", say=say)
    if literal and (re.search(r"[.:]", one.value) or host == "localhost") and not _is_cloud(host, scene.known):
        target = aim(scene, host)
        edit = Edit(start=one.value_start, end=one.value_start + len(one.value), text=target.url + one.variable.suffix)
        if one.value == target.authority:
            say = "asks the gateway already"
            return Use(line=scene.line, kind="variable", what=one.name, verdict="unchanged", say=say)
        away = find_whereabouts(host) != "here"
        return Use(
            line=scene.line, kind="variable", what=one.name, verdict="line", place="here", edit=edit, elsewhere=away
        )
    say = one.variable.say or f"set it to {scene.target.url}{one.variable.suffix} where the program is started"
    return Use(line=scene.line, kind="variable", what=one.name, verdict="unchanged", say=say)


def judge_model(name: str, scene: Scene, library: Library | None) -> Use:
    """A model's name: the gateway knows those that engines have, and what routes call by other names."""
    cloud = next((one for one in scene.known.all.model if fnmatchcase(name.lower(), one.name)), None)
    if cloud is not None and scene.tongue not in ("plain", "data"):
        new = f'aliases = ["{name}"]'
        return Use(
            line=scene.line, kind="model", what=name, verdict="line", say=cloud.say, place="keepwell.toml", new=new
        )
    if library is None:
        return Use(line=scene.line, kind="model", what=name, verdict="unchanged", say="asked by its own name")
    new = f"{library.variable}={scene.target.url}"
    if not library.variable:
        say = f"asks where {library.arguments[0]} says"
        return Use(line=scene.line, kind="model", what=name, verdict="unchanged", say=say)
    say = f"asks the engine's usual address unless {' or '.join(library.arguments)} says another"
    return Use(line=scene.line, kind="model", what=name, verdict="line", say=say, place="environment", new=new)


def aim(scene: Scene, host: str) -> Target:
    """The gateway as who asks there names it: from a container, this machine is not 127.0.0.1."""
    target = scene.target
    if not target.is_here:
        return target
    where = find_whereabouts(host)
    outside = host
    if where == "name" and (scene.tongue in ("data", "script") or _speaks(host, scene.known)):
        outside = "host.docker.internal"
    elif where != "outside":
        return target
    return Target(scheme=target.scheme, host=outside, port=target.port, prefix=target.prefix)


def find_path(path: str, known: Knowledge) -> ApiPath | None:
    """What is known of the path of a URL; its longest beginning that is known, behind whatever stands before."""
    bare = path.partition("?")[0].rstrip("/") or path
    fits = [one for one in known.paths if bare == one.path or (one.below and bare.startswith(one.path))]
    return max(fits, key=_length, default=None)


def _of_path(scene: Scene, path: ApiPath, what: str) -> Use:
    say = path.say
    if path.verdict == "unchanged":
        say = "the gateway has this path"
    return Use(line=scene.line, kind="path", what=what, verdict=path.verdict, say=say)


def _is_telling(path: ApiPath) -> bool:
    """Whether a path has two parts at least: `/api/tags` tells more than `/health`."""
    return path.path.count("/") > 1


def _is_sure_path(path: str, known: Knowledge) -> bool:
    found = find_path(path, known)
    return found is not None and found.sure


def _is_cloud(host: str, known: Knowledge) -> bool:
    low = host.lower()
    return any(low == one or low.endswith(f".{one}") for one in known.all.clouds)


def _names_cloud(before: str, known: Knowledge) -> bool:
    """Whether what a path is added to is called like a cloud."""
    low = before[-60:].lower()
    labels = (one.rpartition(".")[0] for one in known.all.clouds if not _speaks(one, known))
    return any(len(label) > 4 and label in low for label in labels)


def _speaks(text: str, known: Knowledge) -> bool:
    low = text.lower()
    return any(one in low for one in known.all.words)


def _length(path: ApiPath) -> int:
    return len(path.path)
