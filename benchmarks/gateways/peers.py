"""The gateways that are compared: how each is found, and how it is started for one worker and one engine."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateways.engine import MODEL
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.dialect import Offered
from keepwell.plugins.routing import Replica
from keepwell.store.folder import make_private_folder
from keepwell.store.keys import Key, add_key

BENCHMARKS = Path(__file__).resolve().parent.parent
#: The key of every client; LiteLLM takes none that is short.
SECRET = "sk-" + secrets.token_hex(16)
_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream engine {{ server 127.0.0.1:{engine}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 10000000;
    location / {{
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off;
    }}
  }}
}}
"""
_LITELLM = """
model_list:
  - model_name: {model}
    litellm_params: {{model: "openai/{model}", api_base: "http://127.0.0.1:{engine}/v1", api_key: none}}
general_settings: {{master_key: "{secret}"}}
"""
_LITELLM_ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one runs: its port, the engine's, and a folder of its own."""

    port: int
    engine: int
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One gateway. `command` prepares what it needs and gives its start command; `program` is looked for on PATH and
    in folders that are named; `instruction` tells how to get it. `slow`: it gets a twentieth of the requests.
    """

    name: str
    command: Callable[[str, Place], Sequence[str]]
    program: str = ""
    instruction: str = ""
    slow: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def find(self, folders: str) -> str:
        """Its program, "" where there is none."""
        if not self.program:
            return sys.executable
        return shutil.which(self.program) or shutil.which(self.program, path=folders) or ""


def _keepwell(program: str, place: Place) -> Sequence[str]:
    """With a key, a route, the record and the counts: as it is used."""
    replica = Replica(
        id="bench/engine", node="bench", host="127.0.0.1", port=place.engine, dialects=frozenset({"openai"})
    )
    settings = Settings(
        port=place.port,
        key_required=True,
        replicas=(replica,),
        routes=(Route(name=MODEL, replicas={replica.id: MODEL}),),
        offered=(Offered(name=MODEL),),
    )
    path = place.folder / SETTINGS_FILE
    make_private_folder(path.parent)
    path.write_bytes(render_settings(settings))
    add_key(place.folder, Key(name="bench", digest=hashlib.sha256(SECRET.encode()).hexdigest()))
    return program, "-m", "keepwell.gateway.serve", str(place.folder)


def _prototype(program: str, place: Place) -> Sequence[str]:
    return program, str(BENCHMARKS / "gateways" / "prototype.py"), str(place.port), str(place.engine)


def _nginx(program: str, place: Place) -> Sequence[str]:
    path = place.folder / "nginx.conf"
    path.write_text(_NGINX.format(folder=place.folder, port=place.port, engine=place.engine))
    return program, "-p", str(place.folder), "-c", str(path)


def _rust(program: str, place: Place) -> list[str]:
    return [
        *(program, "--host", "127.0.0.1", "--port", str(place.port), "--policy", "round_robin"),
        *("--prometheus-port", str(place.port + 1), "--worker-urls", f"http://127.0.0.1:{place.engine}"),
    ]


def _smg(program: str, place: Place) -> Sequence[str]:
    found = _rust(program, place)
    return [found[0], "launch", *found[1:]]


def _litellm(program: str, place: Place) -> Sequence[str]:
    path = place.folder / "litellm.yaml"
    path.write_text(_LITELLM.format(model=MODEL, engine=place.engine, secret=SECRET))
    fixed = ("--host", "127.0.0.1", "--num_workers", "1", "--telemetry", "False")
    return program, "--config", str(path), "--port", str(place.port), *fixed


PEERS = (
    Peer(name="keepwell", command=_keepwell),
    Peer(name="vllm-router", command=_rust, program="vllm-router", instruction="pip install vllm-router"),
    Peer(name="smg", command=_smg, program="smg", instruction="pip install smg"),
    Peer(name="nginx", command=_nginx, program="nginx", instruction="the package nginx of your system"),
    Peer(name="bare prototype", command=_prototype),
    Peer(
        name="LiteLLM",
        command=_litellm,
        program="litellm",
        instruction='pip install "litellm[proxy]"',
        slow=True,
        environment=_LITELLM_ENVIRONMENT,
    ),
)
AUTHORIZATION = {"Authorization": f"Bearer {SECRET}"}


def set_pace(port: int, first: float, between: float) -> bytes:
    """The request that sets the fake engine's pace."""
    body = json.dumps([first, between]).encode()
    return b"POST /pace HTTP/1.1\r\nhost: x:%d\r\ncontent-length: %d\r\n\r\n%b" % (port, len(body), body)
