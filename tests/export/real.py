"""The real Prometheus and its promtool, where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, RealEngine, running, skip
from tests.support import free_port

#: Where a folder with the programs is named, for machines where they are unpacked and not installed.
FOLDER = "KEEPWELL_PROMETHEUS"


def find_program(name: str) -> str:
    """Its path; skips where it is not there."""
    path = os.pathsep.join((os.environ.get(FOLDER, ""), os.environ.get("PATH", os.defpath)))
    found = shutil.which(name, path=path.strip(os.pathsep))
    if found is None:
        skip(f"no {name}: apt install prometheus, or name its folder in {FOLDER}")
    return found


def promtool(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """One run of it."""
    argv = [find_program("promtool"), *words]
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=PATIENCE, check=False)


@dataclass(slots=True, kw_only=True)
class RealPrometheus:
    """A running Prometheus."""

    engine: RealEngine

    @property
    def url(self) -> str:
        """Its address."""
        return self.engine.url

    def get(self, path: str) -> Any:
        """The `data` of an answer of its API; None where it answers with an error."""
        import json

        status, body = self.engine.ask(path)
        if status != 200:
            return None
        return json.loads(body)["data"]

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """What an expression gives now, by labels without the name."""
        from urllib.parse import quote

        found = self.get(f"/api/v1/query?query={quote(expression)}") or {"result": []}
        rows = found["result"]
        return {
            tuple(sorted((name, value) for name, value in row["metric"].items() if name != "__name__")): float(
                row["value"][1]
            )
            for row in rows
        }


@contextmanager
def prometheus(folder: Path, configuration: str, flags: Sequence[str] = ()) -> Iterator[RealPrometheus]:
    """A Prometheus with this configuration and a store of its own, ready."""
    program = find_program("prometheus")
    (folder / "prometheus.yml").write_text(configuration, encoding="utf-8")
    port = free_port()
    argv = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *flags,
    ]
    environment = {"GOMAXPROCS": "1"}
    with running(argv, environment, f"http://127.0.0.1:{port}", folder / "prometheus.log") as engine:
        eventually(lambda: engine.ask("/-/ready")[0] == 200, PATIENCE, "Prometheus is ready")
        yield RealPrometheus(engine=engine)
