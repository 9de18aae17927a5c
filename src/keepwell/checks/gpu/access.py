"""Are the device nodes there, may the engine open them, and does no variable hide the devices?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.checks.gpu.devices import Gpu, evidence_of, list_gpus, on_gpu, runtime_code
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at

#: How a word of a selecting variable begins when it is the uuid of a whole device and not a number.
UUID_START = "GPU-"


def judge_nodes(seen: Seen) -> Iterator[Finding]:
    """Bad when a node is missing or has another major number than the kernel gives now, and the runtime fails."""
    for one in seen.named("device.nodes"):
        driven = {gpu.vendor for gpu in list_gpus(seen, one.subject.node) if gpu.driven}
        rows = [row for row in rows_of(one.value) if text_of(row, "vendor") in driven and row.get("required") is True]
        if rows:
            yield _judge_rows(one, rows, seen)


def _judge_rows(one: Observation, rows: list[Mapping[str, Value]], seen: Seen) -> Finding:
    container = text_of(row_of(seen.value(one.subject, "host.system")), "container")
    drifted = [row for row in rows if text_of(row, "major_wished") not in ("", text_of(row, "major"))]
    missing = [row for row in rows if row.get("there") is False]
    facts = {"kind": "there", "path": text_of(rows[0], "path"), "vendor": text_of(rows[0], "vendor")}
    status, words = Status.OK, "all device nodes that computing needs are there"
    if drifted:
        row = drifted[0]
        path, major, wished = (text_of(row, key) for key in ("path", "major", "major_wished"))
        facts = {"kind": "major", "path": path, "vendor": text_of(row, "vendor"), "major": major, "wished": wished}
        status = Status.CRITICAL
        words = f"{path} has major number {major}, the kernel's driver has {wished} now: opening it fails"
    elif missing:
        paths = [text_of(row, "path") for row in missing]
        facts = {"kind": "missing", "path": paths[0], "paths": " ".join(paths), "vendor": text_of(missing[0], "vendor")}
        status, words = Status.CRITICAL, f"{', '.join(paths)} is not there"
        if not container and runtime_code(seen, one.subject.node, facts["vendor"]) is None:
            status = Status.WARNING
            words += "; it is made when a program first uses the GPU"
        if container:
            words += f"; this is a container ({container}) that was not given it"
    if status is not Status.OK and runtime_code(seen, one.subject.node, facts["vendor"]) == 0:
        status, words = Status.OK, "the runtime starts, so the device nodes suffice"
    facts["container"] = container
    return Finding(
        check="gpu.nodes",
        subject=one.subject,
        status=status,
        message=words,
        facts={key: value for key, value in facts.items() if value},
        evidence=evidence_of(one, seen.find(one.subject, "device.runtime")),
    )


def judge_access(seen: Seen) -> Iterator[Finding]:
    """Bad when the serving process may not open the nodes of any vendor whose devices are driven."""
    for one in seen.named("device.access"):
        driven = {gpu.vendor for gpu in list_gpus(seen, one.subject.node) if gpu.driven}
        row = row_of(one.value)
        nodes = [item for item in rows_of(row.get("nodes")) if text_of(item, "vendor") in driven]
        if not nodes:
            continue
        closed = [item for item in nodes if item.get("accessible") is False]
        open_vendors = {text_of(item, "vendor") for item in nodes} - {text_of(item, "vendor") for item in closed}
        if closed and not open_vendors and not on_gpu(seen, one.subject):
            yield _closed(one, row, closed[0], seen)
            continue
        yield Finding(
            check="gpu.access",
            subject=one.subject,
            status=Status.OK,
            message=f"{engine_title(seen, one.subject)} may open the GPU",
            facts=engine_facts(seen, one.subject, kind="open"),
            evidence=(one,),
        )


def _closed(one: Observation, row: Mapping[str, Value], item: Mapping[str, Value], seen: Seen) -> Finding:
    user, path, group = text_of(row, "user"), text_of(item, "path"), text_of(item, "group")
    mode = f"{int(find_number(item.get('mode')) or 0):04o}"
    kind = _KINDS.get(text_of(item, "reason"), "mode")
    supervisor = text_of(row_of(seen.value(one.subject, "engine.supervisor")), "kind")
    if supervisor == "systemd" and kind != "mode":
        kind = "confined"
    status = Status.CRITICAL
    words = _SAID[kind].format(user=user, path=path, group=group, mode=mode)
    if kind == "not-in-container":
        status = Status.WARNING
    return Finding(
        check="gpu.access",
        subject=one.subject,
        status=status,
        message=f"{engine_title(seen, one.subject)}: {words}",
        facts=engine_facts(
            seen,
            one.subject,
            kind=kind,
            path=path,
            user=user,
            uid=text_of(row, "uid"),
            group=group,
            mode=mode,
            vendor=text_of(item, "vendor"),
        ),
        evidence=looked_at(seen, one.subject, "device.access", "engine.supervisor"),
    )


_KINDS = {"mode": "mode", "rule": "rule", "not-in-container": "not-in-container"}
_SAID = {
    "mode": "user {user} may not open {path} (mode {mode}, group {group})",
    "rule": "the control group does not allow {path}",
    "not-in-container": "its container has no {path}",
    "confined": "its unit's confinement hides {path}",
}


def judge_visible(seen: Seen) -> Iterator[Finding]:
    """Bad when a variable of the serving process (or of its start files) hides every device of a vendor."""
    for engine in seen.subjects("engine"):
        gpus = list(list_gpus(seen, engine.node))
        if not gpus:
            continue
        process = row_of(seen.value(engine, "engine.process"))
        wished = row_of(seen.value(engine, "engine.wished_settings"))
        environment = row_of(process.get("environment")) or {
            name: text_of(row_of(setting), "value") for name, setting in wished.items()
        }
        if not environment:
            continue  # nothing runs, or its environment may not be read: nothing can be said
        yield _judge_environment(engine, environment, gpus, seen)


def _judge_environment(engine: Ref, environment: Mapping[str, Value], gpus: list[Gpu], seen: Seen) -> Finding:
    chosen = ""
    for row in rows_of(seen.value(node(engine.node), "device.selectors")):
        name, vendor = text_of(row, "variable"), text_of(row, "vendor")
        mine = [gpu for gpu in gpus if gpu.vendor == vendor]
        if name not in environment or not mine:
            continue
        value = text_of(environment, name)
        chosen = chosen or f"{name}={value}"
        if hides_all(value, row, len(mine), _uuids(mine, seen)):
            return _hidden(engine, name, value, vendor, seen)
    words = "no variable hides the GPUs from it"
    if chosen:
        words = f"it may use the GPUs that {chosen} names"
    return Finding(
        check="gpu.visible",
        subject=engine,
        status=Status.OK,
        message=f"{engine_title(seen, engine)}: {words}",
        facts=engine_facts(seen, engine, kind="visible"),
        evidence=looked_at(seen, engine, "engine.process", "engine.wished_settings"),
    )


def hides_all(value: str, selector: Mapping[str, Value], count: int, uuids: tuple[str, ...]) -> bool:
    """True if a selecting variable with this value leaves no device: a hiding word, or a first word that fits none.

    The runtimes stop at the first word that they cannot place, so what follows it does not count.
    """
    if value in texts_of(selector.get("hiding")):
        return True
    first = value.partition(",")[0].strip()
    if selector.get("by_index") is True and first.lstrip("-").isdecimal():
        return first.startswith("-") or len(first) > 9 or int(first) >= count
    if selector.get("by_uuid") is True and first.startswith(UUID_START) and uuids:
        return not any(one.startswith(first) for one in uuids)
    return False


def _uuids(gpus: list[Gpu], seen: Seen) -> tuple[str, ...]:
    """The uuids of these devices; () unless every one is known."""
    found = tuple(text_of(row_of(seen.value(gpu.ref, "device.identity")), "uuid") for gpu in gpus)
    if "" in found:
        return ()
    return found


def _hidden(engine: Ref, name: str, value: str, vendor: str, seen: Seen) -> Finding:
    setting = row_of(row_of(seen.value(engine, "engine.wished_settings")).get(name))
    return Finding(
        check="gpu.visible",
        subject=engine,
        status=Status.WARNING,
        message=f'{engine_title(seen, engine)} sees no {vendor} GPU: {name} is "{value}"',
        facts=engine_facts(
            seen,
            engine,
            kind="hidden",
            variable=name,
            value=value or '""',
            vendor=vendor,
            file=text_of(setting, "file"),
            line=text_of(setting, "line"),
        ),
        evidence=looked_at(seen, engine, "engine.process", "engine.wished_settings"),
    )
