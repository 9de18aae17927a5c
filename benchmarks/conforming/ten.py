"""Ten wishes of one node, the same for each tool: nine files, folders and a user that an LLM server needs.

All paths lie below /etc and /srv, of which the benchmark makes private copies first.
"""

from __future__ import annotations

import json
from pathlib import Path

COMPOSE = """services:
  vllm:
    image: vllm/vllm-openai:v0.9.2
    ipc: host
    ports: ["127.0.0.1:8000:8000"]
"""
DROP_IN = "[Service]\nLimitNOFILE=65536\n"
SYSCTL = "vm.swappiness = 10\nnet.core.somaxconn = 4096\n"
LIMITS = "llm soft nofile 65536\nllm hard nofile 65536\n"
MODULES = "nvidia_uvm\n"
ROTATION = "/var/log/llm/*.log {\n    weekly\n    rotate 8\n    compress\n    missingok\n}\n"

#: Path and content of each file, besides which: one user, one folder, one value in an environment file, one mode.
FILES = {
    "/srv/llm/compose.yml": COMPOSE,
    "/etc/systemd/system/ollama.service.d/20-limits.conf": DROP_IN,
    "/etc/sysctl.d/90-llm.conf": SYSCTL,
    "/etc/security/limits.d/90-llm.conf": LIMITS,
    "/etc/modules-load.d/llm.conf": MODULES,
    "/etc/logrotate.d/llm": ROTATION,
}
ENVIRONMENT, NAME, VALUE = "/etc/default/ollama", "OLLAMA_KEEP_ALIVE", "30m"
ENVIRONMENT_BEFORE = '# settings of the server\nOLLAMA_KEEP_ALIVE="5m"\nOLLAMA_HOST=127.0.0.1\n'
KEY, MODELS, USER = "/etc/llm.key", "/srv/models", "llm"


def prepare() -> None:
    """What lies there before."""
    for path in (*FILES, ENVIRONMENT, KEY):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(ENVIRONMENT).write_text(ENVIRONMENT_BEFORE)
    Path(KEY).write_text("not a real key\n")
    Path(KEY).chmod(0o644)


def render_keepwell(folder: Path, port: int, key: Path, known_hosts: Path) -> str:
    """keepwell.toml."""
    files = "\n".join(
        f'[[desired.file]]\npath = "{path}"\ntext = {json.dumps(text)}\nmode = "0644"\n' for path, text in FILES.items()
    )
    return f"""
[[node]]
name = "far"
address = "127.0.0.1"
port = {port}
user = "root"
key = "{key}"
known_hosts = "{known_hosts}"

[[desired]]
nodes = ["far"]

[[desired.environment]]
path = "{ENVIRONMENT}"
values = {{{NAME} = "{VALUE}"}}

[[desired.account]]
user = "{USER}"
home = "/srv/llm"
shell = "/usr/sbin/nologin"

[[desired.folder]]
path = "{MODELS}"
owner = "{USER}"
group = "{USER}"
mode = "2750"

[[desired.file]]
path = "{KEY}"
mode = "0600"

{files}
"""


def render_pyinfra() -> str:
    """deploy.py."""
    files = "\n".join(
        f"files.put(src=io.StringIO({text!r}), dest={path!r}, mode='644', create_remote_dir=False)"
        for path, text in FILES.items()
    )
    return f"""import io
from pyinfra.operations import files, server
files.line(path={ENVIRONMENT!r}, line=r'^{NAME}=.*', replace='{NAME}="{VALUE}"')
server.user(user={USER!r}, home='/srv/llm', shell='/usr/sbin/nologin', system=True, ensure_home=False)
files.directory(path={MODELS!r}, user={USER!r}, group={USER!r}, mode='2750')
files.file(path={KEY!r}, mode='600')
{files}
"""


def render_ansible() -> str:
    """playbook.yml."""
    plain = [
        {"lineinfile": {"path": ENVIRONMENT, "regexp": f"^{NAME}=", "line": f'{NAME}="{VALUE}"'}},
        {
            "user": {
                "name": USER,
                "home": "/srv/llm",
                "shell": "/usr/sbin/nologin",
                "system": True,
                "create_home": False,
            }
        },
        {"file": {"path": MODELS, "state": "directory", "owner": USER, "group": USER, "mode": "2750"}},
        {"file": {"path": KEY, "mode": "0600"}},
    ]
    files = [{"copy": {"dest": path, "content": text, "mode": "0644"}} for path, text in FILES.items()]
    return json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [*plain, *files]}], indent=1)
