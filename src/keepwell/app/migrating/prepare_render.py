"""Compose files and systemd units for servers that are prepared: argument lists, loopback alone, no secret in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from keepwell.app.agent_unit import quote_word
from keepwell.app.migrating.prepare_report import PreparedFile
from keepwell.plugins.counterpart import UNKNOWN_MODEL, Mount, Serving
from keepwell.plugins.device import ContainerRights

COMPOSE_FILE = "compose.yaml"
#: Where the environment files of units are looked for.
UNIT_ENVIRONMENT = "/etc/keepwell"
_COMPOSE_TOP = """\
# Made by keepwell migrate prepare. Start: docker compose up -d
# It listens on this machine alone (127.0.0.1). Secrets go into the files named at env_file, never into this one.
"""
_UNIT = """\
# Made by keepwell migrate prepare.
# Save as /etc/systemd/system/{name}.service; systemctl daemon-reload; systemctl enable --now {name}
# It listens on this machine alone (127.0.0.1). Secrets: {environment}/{name}.env, mode 0600.
{remarks}[Unit]
Description={title}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
{lines}
EnvironmentFile=-{environment}/{name}.env
Restart=on-failure
RestartSec=5
TimeoutStartSec={seconds}
DynamicUser=yes
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""


def render_compose(servings: Sequence[Serving], rights: ContainerRights | None) -> PreparedFile:
    """One file for all of them. `rights` are those to compute on the card; None runs them on the processor.

    ValueError for a word that no such file can hold.
    """
    lines = [*_remarks(servings), "services:"]
    for one in servings:
        lines += _service(one, rights)
    caches = [one.name for one in servings if one.cache_folder]
    if caches:
        lines.append("volumes:")
        lines += [f"  {_quote(name)}:" for name in caches]
    return PreparedFile(name=COMPOSE_FILE, text=_COMPOSE_TOP + "\n".join(lines) + "\n")


def render_service_unit(serving: Serving, rights: ContainerRights | None) -> PreparedFile:
    """A unit for one of them. ValueError for a word that no unit file can hold."""
    lines = [f"Environment={quote_word(f'{name}={value}')}" for name, value in serving.environment.items()]
    if serving.cache_folder:
        lines += [f"CacheDirectory={serving.name}", "Environment=HOME=%C/" + serving.name]
    if rights is not None and rights.groups:
        lines.append(f"SupplementaryGroups={' '.join(rights.groups)}")
    lines.append("ExecStart=" + " ".join(quote_word(word) for word in serving.argv))
    text = _UNIT.format(
        name=serving.name,
        title=f"{serving.name}, prepared by keepwell",
        environment=UNIT_ENVIRONMENT,
        lines="\n".join(lines),
        seconds=serving.start_seconds,
        remarks="".join(f"{line}\n" for line in _remarks([serving])),
    )
    return PreparedFile(name=f"{serving.name}.service", text=text)


def render_environment(serving: Serving) -> PreparedFile:
    """Its environment file: the variables for secrets, each switched off until somebody writes a value."""
    lines = [f"# Secrets of {serving.name}; mode 0600, never in version control."]
    lines += [f"#{name}=" for name in serving.secrets]
    return PreparedFile(name=f"{serving.name}.env", text="\n".join(lines) + "\n", private=True)


def is_ready(serving: Serving) -> bool:
    """True where nothing has to be filled in before the start."""
    return UNKNOWN_MODEL not in (*serving.argv, *serving.image_argv, *(one.outside for one in serving.mounts))


def _remarks(servings: Iterable[Serving]) -> Iterator[str]:
    for one in servings:
        if not is_ready(one):
            yield f"# NOT READY: write the model of {one.name} in place of {UNKNOWN_MODEL}"


def _service(one: Serving, rights: ContainerRights | None) -> Iterator[str]:
    yield f"  {_quote(one.name)}:"
    yield f"    image: {_quote(one.image)}"
    yield "    restart: unless-stopped"
    yield "    command:"
    yield from (f"      - {_quote(word)}" for word in one.image_argv)
    if one.image_environment:
        yield "    environment:"
        yield from (f"      {name}: {_quote(value)}" for name, value in one.image_environment.items())
    if one.secrets:
        yield "    env_file:"
        yield f"      - path: {_quote(f'./{one.name}.env')}"
        yield "        required: false"
    yield "    ports:"
    yield f"      - {_quote(f'127.0.0.1:{one.port}:{one.port}')}"
    yield from _volumes(one)
    if one.shared_memory:
        yield "    ipc: host"
    yield "    healthcheck:"
    yield f"      test: [{', '.join(_quote(word) for word in one.health)}]"
    yield f"      interval: 30s\n      timeout: 10s\n      retries: 3\n      start_period: {one.start_seconds}s"
    if rights is not None:
        yield from _rights(rights)


def _volumes(one: Serving) -> Iterator[str]:
    if not one.mounts and not one.cache_folder:
        return
    yield "    volumes:"
    for mount in one.mounts:
        yield from _mount(mount)
    if one.cache_folder:
        yield f"      - type: volume\n        source: {_quote(one.name)}\n        target: {_quote(one.cache_folder)}"


def _mount(one: Mount) -> Iterator[str]:
    """In the long form: a path may hold a colon."""
    yield f"      - type: bind\n        source: {_quote(one.outside)}\n        target: {_quote(one.inside)}"
    if not one.writes:
        yield "        read_only: true"


def _rights(rights: ContainerRights) -> Iterator[str]:
    if rights.nodes:
        yield "    devices:"
        yield from (f"      - {_quote(f'{node}:{node}')}" for node in rights.nodes)
    if rights.groups:
        yield "    group_add:"
        yield from (f"      - {_quote(group)}" for group in rights.groups)
    if rights.driver:
        yield "    deploy:\n      resources:\n        reservations:\n          devices:"
        yield f"            - driver: {_quote(rights.driver)}"
        yield "              count: all\n              capabilities: [gpu]"


def _quote(word: str) -> str:
    """A text as YAML takes it, where JSON's form is one of its own; a dollar sign is doubled for Compose.

    ValueError for one with a line break or another character that cannot be seen.
    """
    if not word.isprintable():
        raise ValueError(f"not a word for a compose file: {word!r}")
    return json.dumps(word.replace("$", "$$"), ensure_ascii=False)
