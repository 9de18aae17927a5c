"""ServiceFake: a real HTTP server on loopback that answers as a known service does, from a small table.

    async with ServiceFake("grafana") as grafana:
        ...                                             # ask grafana.url
        grafana.answers["/api/health"] = json_answer({"database": "failing"}, 503)
        grafana.requests                                # paths that were asked, in order

`KINDS` names the services; a path that the table lacks is a 404. Several as a process of their own:

    python -m keepwell.testing.services grafana:3000 prometheus:9090 127.0.0.5/open_webui:8080

Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from keepwell.testing.fake_http import BadRequest, FakeAnswer, json_answer, read_request, text_answer, write_answer

Table = dict[str, FakeAnswer]


def _page(title: str, more: str = "") -> FakeAnswer:
    text = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{more}</body></html>"
    return FakeAnswer(body=text.encode(), content_type="text/html; charset=utf-8")


def _node_exporter() -> Table:
    text = "# TYPE node_load1 gauge\nnode_load1 0.5\nnode_memory_MemTotal_bytes 2.5e+10\n"
    return {
        "/": _page("Node Exporter", "<p>Version: (version=1.5.0, branch=HEAD)</p>"),
        "/metrics": FakeAnswer(body=text.encode(), content_type="text/plain; version=0.0.4"),
    }


def _dcgm_exporter() -> Table:
    labels = '{gpu="0",UUID="GPU-0",hostname="here"}'
    text = f"DCGM_FI_DEV_GPU_TEMP{labels} 41\nDCGM_FI_DEV_FB_USED{labels} 1024\n"
    return {
        "/": _page("GPU Exporter", "<h1>GPU Exporter</h1>"),
        "/metrics": FakeAnswer(body=text.encode(), content_type="text/plain; version=0.0.4"),
    }


def _prometheus() -> Table:
    target = {
        "discoveredLabels": {"__address__": "127.0.0.1:9100", "job": "node"},
        "labels": {"instance": "127.0.0.1:9100", "job": "node"},
        "scrapePool": "node",
        "scrapeUrl": "http://127.0.0.1:9100/metrics",
        "lastError": "",
        "health": "up",
    }
    down = {
        **target,
        "scrapeUrl": "http://127.0.0.1:9400/metrics",
        "labels": {"instance": "127.0.0.1:9400", "job": "gpu"},
        "health": "down",
        "lastError": 'Get "http://127.0.0.1:9400/metrics": dial tcp 127.0.0.1:9400: connect: connection refused',
    }
    return {
        "/-/healthy": text_answer("Prometheus Server is Healthy.\n"),
        "/-/ready": text_answer("Prometheus Server is Ready.\n"),
        "/api/v1/status/buildinfo": json_answer(
            {"status": "success", "data": {"version": "3.5.0", "goVersion": "go1"}}
        ),
        "/api/v1/targets": json_answer({"status": "success", "data": {"activeTargets": [target, down]}}),
    }


def _grafana() -> Table:
    return {
        "/api/health": json_answer({"commit": "abc", "database": "ok", "version": "12.1.0"}),
        "/api/datasources": json_answer({"message": "Unauthorized"}, 401),
    }


def _chroma_new() -> Table:
    gone = json_answer({"error": "Unimplemented", "message": "The v1 API is deprecated. Please use /v2 apis"}, 410)
    return {
        "/api/v2/heartbeat": json_answer({"nanosecond heartbeat": 1_767_225_600_000_000_000}),
        "/api/v2/version": json_answer("1.0.0"),
        "/api/v1/heartbeat": gone,
        "/api/v1/version": gone,
    }


def _chroma_old() -> Table:
    return {
        "/api/v1/heartbeat": json_answer({"nanosecond heartbeat": 1_767_225_600_000_000_000}),
        "/api/v1/version": json_answer("0.4.24"),
    }


def _litellm() -> Table:
    ready = {"status": "healthy", "db": "Not connected", "cache": None, "litellm_version": "1.75.3"}
    route = {
        "model_name": "small",
        "litellm_params": {"model": "openai/tiny-alpha", "api_base": "http://127.0.0.1:9/v1"},
        "model_info": {"id": "1"},
    }
    models = [{"id": "small", "object": "model", "created": 1_767_225_600, "owned_by": "openai"}]
    return {
        "/health/readiness": json_answer(ready),
        "/health/liveliness": json_answer("I'm alive!"),
        "/model/info": json_answer({"data": [route]}),
        "/v1/models": json_answer({"data": models, "object": "list"}),
    }


def _open_webui() -> Table:
    config = {
        "status": True,
        "name": "Open WebUI",
        "version": "0.6.18",
        "features": {"auth": True, "enable_signup": False},
    }
    return {
        "/health": json_answer({"status": True}),
        "/api/config": json_answer(config),
        "/": _page("Open WebUI"),
    }


def _plex() -> Table:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" apiVersion="1.1.1" claimed="1" '
        'machineIdentifier="00" version="1.42.1.10060-4e8b05daf">\n</MediaContainer>\n'
    )
    return {"/identity": FakeAnswer(body=text.encode(), content_type="text/xml;charset=utf-8")}


def _netdata() -> Table:
    info = {"version": "v2.6.0", "uid": "00", "mirrored_hosts": ["here"], "collectors": []}
    return {"/api/v1/info": json_answer(info)}


def _filebrowser() -> Table:
    script = '<script>window.FileBrowser = {"AuthMethod":"json","BaseURL":"","Version":"2.42.1"};</script>'
    return {"/": _page("File Browser", script), "/health": json_answer({"status": "OK"})}


def _ray() -> Table:
    told = {"version": "4", "ray_version": "2.49.0", "ray_commit": "00", "session_name": "session_2026"}
    return {"/api/version": json_answer(told)}


#: What each service answers when it is well, by path without the query.
KINDS: Mapping[str, Callable[[], Table]] = {
    "prometheus": _prometheus,
    "node_exporter": _node_exporter,
    "dcgm_exporter": _dcgm_exporter,
    "grafana": _grafana,
    "filebrowser": _filebrowser,
    "plex": _plex,
    "firefox": lambda: {"/": _page("Firefox")},
    "deluge": lambda: {"/": _page("Deluge: Web UI 2.2.0")},
    "netdata": _netdata,
    "glances": lambda: {"/api/4/status": json_answer({"version": "4.3.3"})},
    "homepage": lambda: {"/api/healthcheck": text_answer("up"), "/": _page("Homepage")},
    "portainer": lambda: {"/api/system/status": json_answer({"Version": "2.33.1", "InstanceID": "00"})},
    "open_webui": _open_webui,
    "chatbot_ui": lambda: {"/": _page("Chatbot UI")},
    "code_server": lambda: {"/healthz": json_answer({"status": "expired", "lastHeartbeat": 0})},
    "chroma": _chroma_new,
    "chroma-0": _chroma_old,
    "ray": _ray,
    "litellm": _litellm,
    "localai": lambda: {
        "/": _page("LocalAI API - v3.5.0"),
        "/readyz": text_answer("OK"),
        "/version": json_answer({"version": "v3.5.0"}),
        "/v1/models": json_answer({"object": "list", "data": [{"id": "tiny", "object": "model"}]}),
    },
    "nginx": lambda: {"/": _page("Welcome to nginx!")},
}
#: What stands in the Server header, where a service sends one.
SERVERS = {"nginx": "nginx/1.28.0", "litellm": "uvicorn", "open_webui": "uvicorn", "chroma-0": "uvicorn"}


class ServiceFake:
    """One fake service; `answers` may be changed at any time. `port` 0 takes a free one.

    Raises ValueError for a kind that is none of `KINDS`.
    """

    def __init__(self, kind: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        if kind not in KINDS:
            raise ValueError(f"no service {kind!r}; known: {', '.join(KINDS)}")
        self.kind = kind
        self.host = host
        self.port = port
        self.answers = KINDS[kind]()
        self.requests: list[str] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with contextlib.suppress(asyncio.CancelledError, BadRequest, ConnectionError):
            while (request := await read_request(reader)) is not None:
                self.requests.append(request.path)
                answer = self.answers.get(request.path) or json_answer({"detail": "Not Found"}, 404)
                if not await write_answer(writer, answer, server=SERVERS.get(self.kind, "")):
                    break
        writer.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve fakes until SIGTERM: `python -m keepwell.testing.services grafana:3000 127.0.0.5/open_webui:8080`."""
    parser = argparse.ArgumentParser(prog="keepwell.testing.services", description=__doc__.partition("\n")[0])
    parser.add_argument("fake", nargs="+", help=f"[ADDRESS/]KIND[:PORT], KIND one of {', '.join(KINDS)}")
    asyncio.run(_run([_fake(one) for one in parser.parse_args(argv).fake]))
    return 0


def _fake(text: str) -> ServiceFake:
    host, slash, rest = text.rpartition("/")
    kind, _, port = rest.partition(":")
    return ServiceFake(kind, host=host if slash else "127.0.0.1", port=int(port or 0))


async def _run(fakes: Sequence[ServiceFake]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        for one in fakes:
            await stack.enter_async_context(one)
            print(one.kind, one.url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
