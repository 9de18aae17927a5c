"""What a service could do to the node if somebody took it over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.advice import Advice, advise
from keepwell.plugins.facts import engine_title, not_seen

#: Settings of a unit and what each is advised to be; an engine works under all of them.
ADVISED: Mapping[str, str] = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "full",
    "ProtectHome": "read-only",
    "PrivateTmp": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "RestrictSUIDSGID": "yes",
}
#: The two without which the others hold little: rights may not grow, and the system may not be written to.
DECISIVE = ("NoNewPrivileges", "ProtectSystem")
#: Sockets that take orders as root.
ORDERS = ("/docker.sock", "/podman.sock", "/containerd.sock", "/crio.sock")
#: Folders of the node that no service needs as a whole.
WHOLE = frozenset({"/", "/etc", "/root", "/home", "/var", "/var/run", "/run", "/proc", "/sys", "/dev", "/boot"})
#: Rights with which a container gets out of itself.
STRONG = frozenset({"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "NET_ADMIN"})


def judge_account(seen: Seen) -> Iterator[Finding]:
    """WARNING for an engine that runs as root, outside a container."""
    for one in seen.named("engine.process"):
        row = row_of(one.value)
        supervisor = row_of(seen.value(one.subject, "engine.supervisor"))
        if find_number(row.get("uid")) is None or text_of(supervisor, "kind") == "container":
            continue
        title, pid = engine_title(seen, one.subject), text_of(row, "pid")
        verdict = Status.OK, f"{title} runs as {text_of(row, 'user') or text_of(row, 'uid')}"
        if find_number(row.get("uid")) == 0:
            verdict = Status.WARNING, f"{title} runs as root"
        advice = Advice(
            where=f"process {pid}, {text_of(supervisor, 'unit') or 'started by hand'}",
            command=f"ps -o user=,args= -p {pid}",
            why="a fault in its parsing of a model or a request then owns the node, not one account",
            next="give it an account of its own (useradd --system), in the groups of the GPU's device nodes, that owns "
            "the model store, and name it in the unit (User=)",
        )
        yield advise("audit.account", one.subject, verdict, advice, (one,))


def judge_confinement(seen: Seen) -> Iterator[Finding]:
    """WARNING for a systemd unit that lets an engine gain rights or write to the system; OK names what is left open."""
    for one in seen.named("engine.confinement"):
        yield from not_seen("audit.confinement", seen, one)
        told = row_of(row_of(one.value).get("unit"))
        supervisor = row_of(seen.value(one.subject, "engine.supervisor"))
        unit = text_of(supervisor, "unit")
        if not told:
            continue
        missing = [name for name in ADVISED if text_of(told, name) in ("no", "")]
        bad = [name for name in DECISIVE if name in missing]
        verdict = Status.OK, f"{unit} confines its engine" + f" (not: {', '.join(missing)})" * bool(missing)
        if bad:
            verdict = Status.WARNING, f"{unit} does not confine its engine: {', '.join(missing)} are not set"
        user = "--user " * (text_of(supervisor, "scope") == "user")
        lines = " ".join(f"{name}={ADVISED[name]}" for name in missing)
        advice = Advice(
            where=f"{unit} of {one.subject}",
            command=f"systemctl {user}show -p {','.join(ADVISED)} {unit}",
            why="an engine that was taken over may gain rights and write to the system",
            next=f"systemctl {user}edit {unit}, below [Service] (a model store under /home or /usr needs "
            f"ReadWritePaths= too): {lines}",
            more={"unit": unit, "missing": ", ".join(missing), "wished": lines, "scope": text_of(supervisor, "scope")},
        )
        yield advise("audit.confinement", one.subject, verdict, advice, (one,))


def judge_containers(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a running container of an engine or service that is as good as root on the node."""
    for one in seen.named("host.containers"):
        services = {text_of(row_of(site.value), "container") for site in seen.named("service.site")}
        for row in rows_of(one.value):
            name, serves = text_of(row, "name"), text_of(row, "engine") or text_of(row, "name") in services
            if not serves or text_of(row, "state") != "running":
                continue
            runtime = text_of(row, "runtime")
            reasons = list(_reasons(row))
            verdict = Status.OK, f"container {name} has no rights over the node"
            if reasons:
                verdict = Status.CRITICAL, f"container {name} is as good as root on the node: {'; '.join(reasons)}"
            advice = Advice(
                where=f"{runtime} container {name} ({text_of(row, 'image')})",
                command=f"{runtime} inspect --format '{{{{json .HostConfig}}}}' {name}",
                why="whoever takes over the service in it takes over the node",
                next="start it without them: a GPU is given with --gpus or CDI, folders one by one and read-only where "
                "that will do",
                more={"container": name, "reasons": "; ".join(reasons)},
            )
            subject = Ref("container", (one.subject.name, name))
            yield advise("audit.containers", subject, verdict, advice, (one,))


def _reasons(row: Mapping[str, Value]) -> Iterator[str]:
    if row.get("privileged") is True:
        yield "it is privileged"
    strong = [right for right in texts_of(row.get("rights_added")) if right.removeprefix("CAP_") in STRONG]
    if strong:
        yield f"it was given {', '.join(strong)}"
    if row.get("node_processes") is True and strong:
        yield "it sees the node's processes"
    for path in texts_of(row.get("binds")):
        if path.endswith(ORDERS):
            yield f"it holds {path}, which takes orders as root"
        elif path.rstrip("/") in WHOLE or path == "/":
            yield f"it holds the node's {path}"
