"""A machine of a few programs: an engine, a gateway, a unit, and who holds which address. What runs is kept in a file,
so that it outlives a keepwell that is killed; settings are real files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keepwell.conform.launch import make_parser
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran
from tests.conform.kit import Doom, DoomedHands

OLD, NEW, OWN = "127.0.0.1:11434", "127.0.0.1:11435", "127.0.0.1:4000"
SETTING = "ENGINE_HOST"
UNIT = "engine.service"


class Machine(DoomedHands):
    """Hands whose commands act on the programs that `root/machine.json` tells; settings lie in `root/world`."""

    def __init__(self, root: Path, doom: Doom | None = None) -> None:
        super().__init__(doom or Doom())
        self.python = "python"
        self.files = root / "world"
        self._path = root / "machine.json"
        self.world: dict[str, Any] = {"next": 10, "programs": [], "held": {}, "unit": OLD}
        if self._path.exists():
            self.world = json.loads(self._path.read_text())

    def save(self) -> None:
        """What runs, for the next one to look."""
        self._path.write_text(json.dumps(self.world))

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """A launcher, systemctl, the gateway's restart, or something without a consequence."""
        self._doom.moment()
        code, said = self.act(list(argv))
        self.settle()
        self.save()
        self._doom.moment()
        return Ran(argv=tuple(argv), code=code, stdout=said.encode(), stderr=said.encode(), seconds=0.0)

    def act(self, argv: list[str]) -> tuple[int, str]:
        """Exit code and words."""
        if argv[1:3] == ["-m", "keepwell.conform.launch"]:
            return self._launch(argv[3:])
        if argv[0] == "systemctl":
            return self._systemctl(argv[1])
        if argv == ["gateway", "--restart"]:
            gateway = next(one for one in self.world["programs"] if one["name"] == "gateway")
            self._leave(gateway["pid"])
            return 0, ""
        assert argv == ["true"], argv
        return 0, ""

    def _launch(self, words: list[str]) -> tuple[int, str]:
        wanted = make_parser().parse_args(words)
        if wanted.keep and self._find(pid=wanted.replaces):
            return 0, f"pid {wanted.replaces} started 1.000"
        self._end(self._find(pid=wanted.replaces))
        marked = self._find(mark=wanted.mark)
        if not wanted.argv and not wanted.ready:
            self._end(marked)
            return 0, ""
        if wanted.argv and marked is None:
            values = dict(one.split("=", 1) for one in wanted.argv[1:-1])
            for path in wanted.environment_file:
                values |= dict(line.split("=", 1) for line in Path(path).read_text().splitlines())
            code, said = self.start(wanted.argv[-1], values.get(SETTING, ""), wanted.mark)
            if code:
                return code, said
        self.settle()
        if wanted.ready and not wanted.ready.startswith("/") and wanted.ready not in self.world["held"]:
            return 1, f"not ready, by {wanted.ready}"
        return 0, "pid 1 started 1.000"

    def _systemctl(self, verb: str) -> tuple[int, str]:
        unit = self._find(mark=UNIT)
        if verb == "daemon-reload":
            self.world["unit"] = (self.files / "drop-in.conf").read_text().rpartition("=")[2].strip().strip('"')
        if verb == "stop":
            self._end(unit)
        if verb == "start" and unit is None:
            return self.start("engine", self.world["unit"], UNIT)
        return 0, ""

    def start(self, name: str, address: str, mark: str) -> tuple[int, str]:
        """A program: an engine needs its address at once, a gateway waits for those of keepwell.toml."""
        if address in self.world["held"]:
            return 1, f"{address} is held by {self.world['held']}"
        self.world["next"] += 1
        self.world["programs"].append({"name": name, "pid": self.world["next"], "mark": mark.split()[-1:]})
        if address:
            self.world["held"][address] = self.world["next"]
        return 0, ""

    def find_holders(self) -> dict[str, str]:
        """Which program holds which address."""
        names = {one["pid"]: one["name"] for one in self.world["programs"]}
        return {address: names[pid] for address, pid in self.world["held"].items()}

    def _find(self, *, pid: int = 0, mark: str = "") -> dict[str, Any] | None:
        for one in self.world["programs"]:
            if (pid and one["pid"] == pid) or (mark and one["mark"] == mark.split()[-1:]):
                return dict(one)
        return None

    def _end(self, program: dict[str, Any] | None) -> None:
        if program is not None:
            self._leave(program["pid"])
            self.world["programs"] = [one for one in self.world["programs"] if one["pid"] != program["pid"]]

    def _leave(self, pid: int) -> None:
        self.world["held"] = {address: one for address, one in self.world["held"].items() if one != pid}

    def settle(self) -> None:
        """A gateway takes what it listens on as soon as it is free."""
        for one in self.world["programs"]:
            if one["name"] == "gateway":
                for address in (self.files / "keepwell.toml").read_text().split():
                    self.world["held"].setdefault(address, one["pid"])
