"""keepwell.toml from what was discovered: a commented file that keepwell itself can read, without a secret in it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.wiring import wire
from keepwell.config import Config
from keepwell.config.load import parse_config
from keepwell.config.model import EngineEntry, NodeEntry, ServiceEntry
from keepwell.config.render import render_duration, render_entry, render_value, today
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.observation import Missing, Seen
from keepwell.core.secret import MASK, mask_argv
from keepwell.core.values import row_of, text_of, texts_of
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.registry import names
from keepwell.plugins.services import load_services
from keepwell.survey.survey import SurveyResult

LEVEL = 2
#: Characters of a start command; a longer one (a browser's, a Java program's) is not one to keep in a file.
START_CHARACTERS = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """The answer of `init`: the file, its text, and what it declares. `written` is False when it was only printed."""

    path: str
    written: bool
    text: str
    nodes: tuple[str, ...]
    engines: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.init/1"

    @property
    def exit_code(self) -> int:
        """Always 0: what is wrong is asked by `diagnose`."""
        return 0


async def init_here(caller: Caller, *, out: str, force: bool, stdout: bool) -> InitReport:
    """Look at this machine and write what was found. Raises RefusedError for a file that is there already."""
    path = Path(out)
    if not stdout and not force and os.path.lexists(path):
        raise RefusedError(
            "the file is there already, and nothing was changed",
            where=str(path),
            hint="look at the new one with keepwell init --stdout, or replace the old one with --force",
        )
    async with wire(caller) as wiring:
        result = await look(wiring, caller, level=LEVEL)
        config, here = wiring.config, wiring.hands.name
        text = render_found(result, config, here, wiring.clock.now())
    made = parse_config(text.encode(), path=path, kinds=_kinds(), local_name=here)
    if stdout:
        caller.tell(text.rstrip("\n"))
    else:
        write_new(path, text, replace=force)
    return InitReport(
        path=str(path),
        written=not stdout,
        text=text,
        nodes=tuple(one.name for one in made.nodes),
        engines=tuple(f"{one.kind} {one.url}" for one in made.engines),
        services=tuple(one.name for one in made.services),
    )


def _kinds() -> Mapping[str, set[str]]:
    return {"kind": set(names("engines")), "service": set(names("services"))}


def render_found(result: SurveyResult, config: Config, here: str, now: float) -> str:
    """The whole file: what was found on this machine, with what was declared before."""
    blocks = [_TOP.format(day=today(now), name=here), _diagnose(result.seen, config), *_nodes(config, here)]
    blocks += [*_engines(result), *_services(result.seen, config), _EXAMPLES]
    return "\n".join(blocks).rstrip("\n") + "\n"


def _diagnose(seen: Seen, config: Config) -> str:
    lines = ["[diagnose]", f"level = {config.diagnose.level}"]
    lines.append(
        f"since = {render_value(render_duration(config.diagnose.since_seconds))}  # how far back logs are read"
    )
    if config.diagnose.expect_origin:
        lines.append(f"expect_origin = {render_value(config.diagnose.expect_origin)}")
    else:
        found = tuple(dict.fromkeys(_origins(seen))) or ("https://chat.example.lan",)
        lines.append("# Web pages whose requests every engine must accept, as their address stands in the browser:")
        lines.append(f"# expect_origin = {render_value(found)}")
    return "\n".join([*lines, ""])


def _origins(seen: Seen) -> Iterator[str]:
    """Addresses of pages that call engines: services whose settings name engines."""
    kinds = load_services()
    for one in seen.named("service.site"):
        site = row_of(one.value)
        kind = kinds.get(text_of(site, "kind"))
        if kind is not None and kind.needs_variables and text_of(site, "url"):
            yield text_of(site, "url")


def _nodes(config: Config, here: str) -> Iterator[str]:
    yield "# Machines. The one without an address is this one; the others are reached over SSH."
    if not any(not one.address for one in config.nodes):
        yield _block(render_entry(NodeEntry(name=here)))
    for one in config.nodes:
        yield _block(render_entry(one))
    yield _NODE


def _engines(result: SurveyResult) -> Iterator[str]:
    yield "# Engines: those that serve now. One that is declared here and does not run is told as a fault."
    ports = {row_of(one.value).get("port") for one in result.seen.named("service.site")}
    for site in result.sites:
        if (
            not site.declared
            and _is_generic(site)
            and row_of(result.seen.value(site.ref, "engine.site")).get("port") in ports
        ):
            continue  # the service that answers there has an entry of its own
        if site.declared or not isinstance(site.process, Missing) or _answers(result.seen, site):
            yield _block([*_notes(result.seen, site), *render_entry(_engine(result.seen, site))])


def _is_generic(site: Site) -> bool:
    engine = load_engines().get(site.engine)
    return engine is not None and engine.specificity <= 0


def _answers(seen: Seen, site: Site) -> bool:
    return text_of(row_of(seen.value(site.ref, "engine.health")), "state") in ("well", "loading", "asleep")


def _notes(seen: Seen, site: Site) -> Iterator[str]:
    title = text_of(row_of(seen.value(site.ref, "engine.site")), "title")
    version = seen.value(site.ref, "engine.version")
    if isinstance(version, str):
        title = f"{title} {version}"
    yield f"# {title}".rstrip()
    if site.api_key:
        yield '# It wants a key: api_key = {env = "NAME_OF_VARIABLE"} or {file = "/path/to/key"}'
    if any(MASK in item for item in mask_argv(site.start)):
        yield "# Its start command holds a secret, and is left out here for that reason."


def _engine(seen: Seen, site: Site) -> EngineEntry:
    """How it is started and where its things lie, as far as that can be declared."""
    start: tuple[str, ...] = ()
    if site.supervisor == "process" and not any(MASK in item for item in mask_argv(site.start)):
        start = site.start
    if len(render_value(start)) > START_CHARACTERS or any("\0" in item for item in start):
        start = ()
    store = text_of(row_of(seen.value(site.ref, "engine.store")), "path")
    log = row_of(seen.value(site.ref, "engine.log"))
    return EngineEntry(
        kind=site.engine,
        url=site.url,
        start=start,
        unit=site.unit,
        models_folder=_path(site.models_folder or store),
        log=_path(text_of(log, "where") * (text_of(log, "kind") == "file")),
    )


def _path(text: str) -> str:
    return text * (text.startswith("/") and text.isprintable())


def _services(seen: Seen, config: Config) -> Iterator[str]:
    yield "# Services beside the engines. Known ones are found without an entry; a declared one is missed when gone."
    declared = {one.name: one for one in config.services}
    for entry in config.services:
        yield _block(render_entry(entry))
    for one in seen.named("service.site"):
        site = row_of(one.value)
        if one.subject.name not in declared and text_of(site, "state") == "running":
            yield _block(
                [f"# {text_of(site, 'title')}", *render_entry(_entry(one.subject.name, seen, one.subject.node))]
            )


def _entry(name: str, seen: Seen, node: str) -> ServiceEntry:
    (site,) = [row_of(one.value) for one in seen.named("service.site") if one.subject.path == (node, name)]
    unit, container = text_of(site, "unit"), text_of(site, "container")
    url = _usable(text_of(site, "url"))
    return ServiceEntry(
        name=name,
        kind=text_of(site, "kind"),
        url=url,
        unit=unit,
        container=container,
        needs=texts_of(site.get("needs")),
    )


def _usable(url: str) -> str:
    return url * bool(urlsplit(url).hostname)


def _block(lines: Iterable[str]) -> str:
    return "\n".join([*lines, ""])


def write_new(path: Path, text: str, *, replace: bool) -> None:
    """Write a file that is not there yet (or, with `replace`, in place of the old one, whole or not at all).

    Raises RefusedError if it is there, AccessError if it cannot be written.
    """
    try:
        if not replace:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except FileExistsError as error:
        raise RefusedError("the file is there already, and nothing was changed", where=str(path)) from error
    except OSError as error:
        raise AccessError(f"cannot be written: {error.strerror}", where=str(path)) from error


_TOP = """\
# keepwell.toml, written by `keepwell init` on {day} from what was found on {name}.
# keepwell works without it: what runs is found. It says what ought to be there, on which machines, and what the
# owner has decided. No secret stands in it, only where one is kept: {{env = "NAME"}} or {{file = "/path"}}.
"""
_NODE = """\
# [[node]]
# name = "gpu01"
# address = "192.168.1.20"          # an IP address; no DNS is needed
# user = "ops"
# key = "~/.ssh/id_ed25519"
# jump = "gateway"                  # another node, or user@host:port
# sudo = true                       # look as root, by sudo without a password
"""
_EXAMPLES = """\
# A node's networks by role (lan, cluster, fast, storage), so that the wrong one in use is seen:
# [[network]]
# node = "gpu01"
# role = "fast"
# interface = "enp5s0f0"
# mbit_per_s = 10000

# What was decided, so that it is not told as a fault again and again:
# [[decision]]
# what = "CPU only for the vector store"
# why = "until the new driver has settled"
# until = 2027-01-31
# check = "gpu.placement"

# The gateway (keepwell gateway): every model of every engine at one address. It needs none of this.
# [gateway]
# listen = ["127.0.0.1:4000", "127.0.0.1:11434"]     # 11434 is where Ollama's clients ask

# A name for clients, where the engines' own names will not do:
# [[route]]
# name = "chat"
# aliases = ["gpt-*"]               # * stands for anything
# model = ["qwen3:32b", "Qwen/Qwen3-32B"]            # its names at the engines
# policy = ["session", "least_work"]
# fallback = "small"
"""
