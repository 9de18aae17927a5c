"""Engines that ought to be there, from what the owner declared and what earlier looks remember. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from keepwell.config import Config, EngineEntry, load_secret
from keepwell.core.issue import Supervisor
from keepwell.core.observation import Missing, Seen
from keepwell.core.values import row_of, text_of, texts_of
from keepwell.plugins.place import LogSource, Site
from keepwell.store.memory import Memory, RememberedEngine
from keepwell.survey.expected import Expected


def expect_engines(config: Config, memory: Memory, node: str, environment: Mapping[str, str]) -> tuple[Expected, ...]:
    """Declared engines of this node first; a remembered one fills what a declaration leaves out.

    Raises ConfigurationError when an API key that is named cannot be read.
    """
    remembered = {one.url: one for one in memory.engines if one.node == node}
    declared = [one for one in config.engines if one.node in ("", node)]
    found = [_declared(one, remembered.get(one.url), environment) for one in declared]
    taken = {one.url for one in found} | {_other_spelling(one.url) for one in found}
    return (*found, *(_remembered(one) for url, one in remembered.items() if url not in taken))


def _declared(one: EngineEntry, known: RememberedEngine | None, environment: Mapping[str, str]) -> Expected:
    start, folder, user = one.start, one.models_folder, one.user
    logs = tuple(LogSource(kind="file", where=path) for path in (one.log,) if path)
    if known is not None:
        start = start or known.start
        folder = folder or known.models_folder
        user = user or known.user
        logs = logs or _logs(known)
    supervisor: Supervisor = "process"
    if one.unit:
        supervisor = "systemd"
    if known is not None and known.unit == one.unit:
        supervisor = known.supervisor
    return Expected(
        engine=one.kind,
        url=one.url,
        declared=True,
        name=one.name,
        start=start,
        files=tuple(path for path in (one.environment_file,) if path),
        logs=logs,
        models_folder=folder,
        api_key=load_secret(one.api_key, environment),
        supervisor=supervisor,
        unit=one.unit,
        user=user,
    )


def _remembered(one: RememberedEngine) -> Expected:
    return Expected(
        engine=one.kind,
        url=one.url,
        declared=False,
        start=one.start,
        logs=_logs(one),
        models_folder=one.models_folder,
        supervisor=one.supervisor,
        unit=one.unit,
        user=one.user,
    )


def _logs(one: RememberedEngine) -> tuple[LogSource, ...]:
    return tuple(LogSource(kind="file", where=path) for path in (one.log,) if path)


def _other_spelling(url: str) -> str:
    """localhost for 127.0.0.1 and the other way round: one engine, not two."""
    host = urlsplit(url).hostname or ""
    other = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}.get(host, host)
    return url.replace(host, other, 1)


def recall(sites: Iterable[Site], seen: Seen, now: float) -> tuple[RememberedEngine, ...]:
    """What to remember of the engines that serve now."""
    return tuple(_recalled(site, seen, now) for site in sites if not isinstance(site.process, Missing))


def _recalled(site: Site, seen: Seen, now: float) -> RememberedEngine:
    process = row_of(seen.value(site.ref, "engine.process"))
    environment = {name: str(value) for name, value in row_of(process.get("environment")).items()}
    files = [one.where for one in site.logs if one.kind == "file"]
    return RememberedEngine(
        node=site.ref.node,
        kind=site.engine,
        url=site.url,
        seen_at=now,
        start=site.start or texts_of(process.get("argv")),
        environment=environment,
        cwd=text_of(process, "cwd"),
        user=text_of(process, "user"),
        log=next(iter(files), ""),
        models_folder=site.models_folder or text_of(row_of(seen.value(site.ref, "engine.store")), "path"),
        supervisor=site.supervisor,
        unit=site.unit,
    )
