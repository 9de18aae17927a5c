"""Made fleets for tests of views: nodes with devices, engines and services, some of them not well."""

from __future__ import annotations

from keepwell.app.report import (
    DevicePicture,
    EnginePicture,
    LoadedPicture,
    NeedPicture,
    NodePicture,
    ServicePicture,
    StatusReport,
)
from keepwell.app.unreached import Unreached
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import absent, unknown
from keepwell.core.ref import device, engine, node, service

GIB = 1024.0**3
SILENT = "Ollama at http://127.0.0.1:11434 accepts connections and does not answer"


def make_node(name: str, *, gpus: int = 1, bad: bool = False, services: int = 3) -> NodePicture:
    """A node with an Ollama (silent if `bad`), perhaps a vLLM, and some services."""
    engines = [_engine(name, "ollama", "Ollama", bad)]
    if gpus > 1:
        engines.append(_engine(name, "vllm:8001", "vLLM", False))
    return NodePicture(
        ref=node(name),
        system="Debian GNU/Linux 12 · x86_64",
        cores=16,
        memory_total_bytes=64 * GIB,
        memory_available_bytes=40 * GIB,
        devices=tuple(_device(name, index) for index in range(gpus)),
        engines=tuple(engines),
        services=tuple(_made_services(name, bad)[:services]),
    )


def _engine(name: str, ref: str, title: str, bad: bool) -> EnginePicture:
    loaded = LoadedPicture(name="llama3.2:3b", size_bytes=2**31, gpu_ratio=1.0, context_tokens=4096, expires_at=0.0)
    return EnginePicture(
        ref=engine(name, ref),
        title=title,
        url="http://127.0.0.1:11434",
        version="0.12.6",
        status=Status.CRITICAL if bad else Status.OK,
        state="accepts connections and does not answer" if bad else "well",
        supervisor="systemd",
        log="",
        models=5,
        loaded=absent("silent") if bad else (loaded,),
        requests_running=unknown("not told"),
        requests_waiting=unknown("not told"),
    )


def _device(name: str, index: int) -> DevicePicture:
    return DevicePicture(
        ref=device(name, index),
        name="NVIDIA GeForce RTX 4090",
        memory_total_bytes=24 * GIB,
        memory_used_bytes=15.5 * GIB,
        utilisation_ratio=0.4,
        temperature_celsius=61.0,
        power_watts=210.0,
    )


def _made_services(name: str, bad: bool) -> list[ServicePicture]:
    to_engine = NeedPicture(
        target=f"engine:{name}/ollama",
        url="http://host.docker.internal:11434",
        setting="OLLAMA_BASE_URL",
        reach="no" if bad else "yes",
    )
    chat = _service(name, "open_webui", "Open WebUI", "http://127.0.0.1:3000", to_engine)
    if bad:
        chat = _service(name, "open_webui", "Open WebUI", "http://127.0.0.1:3000", to_engine, Status.WARNING)
    return [
        chat,
        _service(name, "grafana", "Grafana", "http://127.0.0.1:3001"),
        _service(name, "prometheus", "Prometheus", "http://127.0.0.1:9090"),
        _service(name, "portainer", "Portainer", "http://127.0.0.1:9000"),
    ]


def _service(
    name: str, kind: str, title: str, url: str, need: NeedPicture | None = None, status: Status = Status.OK
) -> ServicePicture:
    return ServicePicture(
        ref=service(name, kind),
        kind=kind,
        title=title,
        url=url,
        version="1.2.3",
        status=status,
        state="answers" if status is Status.OK else "needs Ollama, which is not well",
        place=f"container {kind}",
        declared=False,
        needs=() if need is None else (need,),
    )


def make_report(*nodes: NodePicture, unreached: tuple[Unreached, ...] = ()) -> StatusReport:
    """A report of these nodes, with a finding for each engine that is not well."""
    findings = tuple(
        Finding(check="engine.responding", subject=one.ref, status=Status.CRITICAL, message=SILENT)
        for made in nodes
        for one in made.engines
        if one.status is Status.CRITICAL
    )
    return StatusReport(
        at=0.0,
        seconds=2.5,
        node=nodes[0] if nodes else None,
        findings=findings,
        looked=(),
        nodes=nodes,
        unreached=unreached,
    )


LOST = Unreached(
    node="gpu07",
    what="No route to host",
    where="node:gpu07",
    command="ssh ops@192.168.1.27",
    hint="ping 192.168.1.27; is it switched on?",
)
