"""Give a container its GPU where it is defined: in a compose file, daemon.json, a Quadlet, an LXC container's file.

Only the lines that say so are changed, everything else keeps every byte; a definition that asks wrongly is set right.
What runs is made anew, or reads its settings again, without which nothing takes effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from keepwell.config.sections import Key
from keepwell.config.shapes import label, one_of, path, text, texts
from keepwell.core.finding import Finding
from keepwell.core.observation import Missing, Seen, Value, failed, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Plan, WriteFile
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.formats.yaml_places import BadYaml
from keepwell.plugins.container_gpu.effect import (
    LIST,
    PROXMOX_RELEASE,
    Effect,
    Project,
    find_effect,
    find_project,
    parse_projects,
    state_command,
)
from keepwell.plugins.container_gpu.ground import ALL, Asked, CannotAsk, FileKind, Ground, file_kind
from keepwell.plugins.container_gpu.lint import ask, mend, parse_text
from keepwell.plugins.container_gpu.looking import find_ground, need_ground
from keepwell.plugins.container_gpu.seen import ground_of_row
from keepwell.plugins.container_gpu.told import changed_lines, describe, find_devices, find_engine, wish_in_words
from keepwell.plugins.paths import path_bytes
from keepwell.plugins.step import Wants
from keepwell.plugins.whole_file import WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Looked, Needs, Wish

#: What a change says of itself that only adds lines.
NO_LINES = "(no such lines)"
#: What a reservation asks for unless the wish says more.
GPU = ("gpu",)


def _devices(value: object) -> tuple[str, ...]:
    """ "all", or a list of numbers, UUIDs or device nodes."""
    if value == ALL:
        return (ALL,)
    if isinstance(value, list):
        value = [str(one) for one in value]
    found = texts(value)
    if not found:
        raise ValueError('"all", or a list of devices like ["0", "1"]')
    return found


class _ContainerGpu:
    """The step; it holds no state."""

    title = "Give a container its GPU"
    table = "container_gpu"
    mends: tuple[str, ...] = ("container_gpu.definition",)
    keys: tuple[Key, ...] = (
        Key(name="file", shape=path, required=True, help="The file that defines the container."),
        Key(name="kind", shape=one_of(*get_args(FileKind)), help="What the file is; compose by itself."),
        Key(name="service", shape=label, help="The service of a compose file."),
        Key(name="devices", shape=_devices, help='"all", or a list of numbers, UUIDs or device nodes; all by itself.'),
        Key(name="capabilities", shape=texts, help='What a reservation asks for; ["gpu"] by itself.'),
        Key(name="gpu", shape=text, help="Whose GPUs, by their maker's name in lower case, where a node has several."),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The file; what the node has of GPUs; the daemon's settings and specifications; what runs of it."""
        nodes = need_ground(looked)
        return replace(nodes, paths=(*needed_paths(_file(wish)), *nodes.paths), commands=_commands(wish))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """The changed lines of the file, and what makes them take effect."""
        content, ground = find_content(looked, _file(wish)), find_ground(looked)
        if isinstance(content, Missing) and content.kind == "absent" and _kind(wish) == "docker":
            content = b""
        asked = _find_asked(wish, ground)
        if isinstance(asked, Missing):
            return asked
        if isinstance(content, Missing):
            return content
        subject = Ref("path", (looked.node, _file(wish)))
        try:
            before = parse_text(content)
            after = _wished_text(wish, before, asked, ground)
            words = describe(_kind(wish), _service(wish), before, asked.maker, ground)
        except (CannotAsk, BadYaml) as error:
            return Drift(subject=subject, before="", after=wish_in_words(_kind(wish), asked), problem=str(error))
        return _drift(wish, looked, (before, after), (words, wish_in_words(_kind(wish), asked)))

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The devices that the definition on that node asks for."""
        content, ground = find_content(looked, _file(wish)), find_ground(looked)
        asked = _find_asked(wish, ground)
        if isinstance(asked, Missing):
            return asked
        if isinstance(content, Missing):
            return content
        try:
            devices = find_devices(_kind(wish), _service(wish), parse_text(content), asked.maker, ground)
        except (CannotAsk, BadYaml) as error:
            return failed(f"{_file(wish)}: {error}")
        if devices is None:
            return Missing(kind="absent", reason=f"{_file(wish)} asks for no GPU there")
        return {"devices": devices, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """Every definition that asks for a GPU."""
        found: list[Wish] = []
        for row in _rows(seen, node):
            named = {"file": text_of(row, "path"), "kind": text_of(row, "kind"), "service": text_of(row, "service")}
            if row.get("asks") is True:
                found.append({key: value for key, value in named.items() if value})
        return tuple(found)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """The file that the finding names."""
        return Wants(files=tuple(one for one in (finding.facts.get("file", ""),) if one.startswith("/")))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """The file without the mistakes that a machine can set right; None where there is none such."""
        facts, node = finding.facts, finding.subject.node
        kind, service = file_kind(facts.get("file_kind", "")), facts.get("service", "")
        content = path_bytes(seen, node, facts.get("file", ""))
        row = next((one for one in _rows(seen, node) if _is_about(one, facts.get("file", ""), service)), None)
        if kind is None or content is None or row is None:
            return None
        try:
            before = parse_text(content)
        except CannotAsk:
            return None
        after = mend(kind, facts["file"], before, ground_of_row(_ground_row(seen, node)), service)
        if after == before:
            return None
        effect = find_effect(kind, facts["file"], service, _project(row), row.get("running") is True)
        return Plan(
            step="container_gpu",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=(_rewrite(node, facts["file"], (before, after), effect),),
            activate=effect.activate,
            note=effect.by_hand,
            engine=_find_touched(kind, service, before, node, effect),
        )


def _wished_text(wish: Wish, before: str, asked: Asked, ground: Ground) -> str:
    """First what is wrong is set right, then it asks for what is wished."""
    kind, service = _kind(wish), _service(wish)
    if kind == "compose" and not service:
        raise CannotAsk("say which service of the compose file is meant")
    return ask(kind, service, mend(kind, _file(wish), before, ground, service), asked, ground)


def _drift(wish: Wish, looked: Looked, texts: tuple[str, str], words: tuple[str, str]) -> Drift | Missing:
    (before, after), kind, path = texts, _kind(wish), _file(wish)
    ran, state = looked.ran.get(LIST, unknown("")), looked.ran.get(state_command(path), unknown(""))
    project, running = None, False
    if not isinstance(ran, Missing):
        project = find_project(parse_projects(ran.text), path, _service(wish))
    if not isinstance(state, Missing):
        running = "running" in state.text.lower()
    effect = find_effect(kind, path, _service(wish), project, running)
    if kind == "compose" and isinstance(ran, Missing):
        told = f"whether its container runs could not be told ({ran.reason}): docker compose up makes it count"
        effect = Effect(by_hand=told)
    subject = Ref("path", (looked.node, path))
    if before == after:
        return Drift(subject=subject, before=words[0], after=words[1])
    gone, come = changed_lines(before, after)
    file = WholeFile(path=path, content=after.encode(), told=come, was=gone or NO_LINES, interrupts=effect.interrupts)
    changes = put_file(file, looked)
    if isinstance(changes, Missing):
        return changes
    return Drift(
        subject=subject,
        before=words[0],
        after=words[1],
        changes=changes,
        activate=effect.activate,
        engine=_find_touched(kind, _service(wish), before, looked.node, effect),
        kept=tuple(one for one in (effect.by_hand,) if one),
    )


def _find_touched(kind: FileKind, service: str, before: str, node: str, effect: Effect) -> Ref | None:
    """The engine that is started again; None where nothing is."""
    if not effect.interrupts:
        return None
    return find_engine(kind, service, before, node)


def _rewrite(node: str, path: str, texts: tuple[str, str], effect: Effect) -> Change:
    old, new = (one.encode() for one in texts)
    before, after = changed_lines(*texts)
    digests = [hashlib.sha256(one).hexdigest() for one in (old, new)]
    return Change(
        subject=Ref("path", (node, path)),
        what=path.rpartition("/")[2],
        before=before or NO_LINES,
        after=after,
        do=WriteFile(path=path, content=new, expect_sha256=digests[0]),
        undo=WriteFile(path=path, content=old, expect_sha256=digests[1]),
        interrupts=effect.interrupts,
    )


def _find_asked(wish: Wish, ground: Ground) -> Asked | Missing:
    """What is wished, with the maker who is meant."""
    makers = {one.name: one for one in ground.makers}
    devices = tuple(one for one in wish.get("devices", ()) if one != ALL)
    capabilities = tuple(wish.get("capabilities", GPU))
    named = wish.get("gpu", "")
    if not makers:
        return Missing(kind="absent", reason="the node has no GPU whose maker is known")
    if named and named not in makers:
        return Missing(kind="absent", reason=f"the node has no GPU of {named}; it has those of {', '.join(makers)}")
    if not named and len(makers) > 1:
        return unknown(f'the node has GPUs of {", ".join(makers)}: say whose with gpu = "{next(iter(makers))}"')
    return Asked(maker=makers[named or next(iter(makers))], devices=devices, capabilities=capabilities)


def _commands(wish: Wish) -> tuple[tuple[str, ...], ...]:
    kind, state = _kind(wish), state_command(_file(wish))
    if kind == "compose":
        return (LIST,)
    if kind == "lxc" and state:
        return (PROXMOX_RELEASE, state)
    return ()


def _file(wish: Wish) -> str:
    return str(wish["file"])


def _kind(wish: Wish) -> FileKind:
    return file_kind(str(wish.get("kind", ""))) or "compose"


def _service(wish: Wish) -> str:
    """The service; of a Quadlet its own name."""
    return str(wish.get("service", "")) or _file(wish).rpartition("/")[2].partition(".")[0] * (_kind(wish) == "podman")


def _rows(seen: Seen, node: str) -> list[Mapping[str, Value]]:
    return list(rows_of(_seen_files(seen, node).get("files")))


def _is_about(row: Mapping[str, Value], path: str, service: str) -> bool:
    return (text_of(row, "path"), text_of(row, "service")) == (path, service)


def _ground_row(seen: Seen, node: str) -> Mapping[str, Value]:
    return row_of(_seen_files(seen, node).get("ground"))


def _seen_files(seen: Seen, node: str) -> Mapping[str, Value]:
    return row_of(seen.value(Ref("node", (node,)), "host.container_files"))


def _project(row: Mapping[str, Value]) -> Project | None:
    if not text_of(row, "project"):
        return None
    return Project(
        name=text_of(row, "project"),
        files=texts_of(row.get("project_files")),
        settings=texts_of(row.get("project_settings")),
        running=row.get("running") is True,
    )


STEP = _ContainerGpu()
