#!/usr/bin/env python3
"""Ten wishes of one node over a real sshd: how long it takes to make them true, and to see that nothing is to do.

python benchmarks/conform.py --pyinfra PROGRAM --ansible PROGRAM [--runs 7] [--json FILE]

As root. It starts itself again in a mount namespace of its own, in which /etc and /srv are private copies: nothing of
this machine changes.
Every tool is a whole process from its command line to its exit, over the same server, by turns; Ansible with
pipelining, without gathering facts, and with a connection that it keeps between runs (ControlPersist), which it finds
warm. keepwell and pyinfra connect anew each time. Prints medians; exit code 1 where keepwell takes more than half of
the faster one's time to find nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from conforming import ten

from keepwell.testing.sshd import Sshd, run_sshd

#: Share of the faster peer's wall time that is allowed.
BAR = 0.5
#: Seconds for one run of a tool.
RUN_SECONDS = 120
PRIVATE = ("/etc", "/srv")
#: Says that the mount namespace is a private one.
MARK = "KEEPWELL_BENCH_PRIVATE"


def main() -> int:
    """Measure and print."""
    options = parse_options()
    make_private()
    with (
        tempfile.TemporaryDirectory() as folder,
        run_sshd(Path(folder) / "sshd", more="Subsystem sftp internal-sftp") as server,
    ):
        return measure(options, Path(folder), server)


def measure(options: argparse.Namespace, folder: Path, server: Sshd) -> int:
    """First the changes by each tool, on a node as it was; then nothing to do, by turns."""
    tools = make_tools(options, folder, server)
    figures: dict[str, dict[str, float]] = {}
    for name, (making, _) in tools.items():
        reset()
        figures[name] = {"make": sum(run(one, folder) for one in making)}
        print(f"{name}: made true in {figures[name]['make']:.2f} s", flush=True)
    times: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(options.runs):
        for name, (_, looking) in tools.items():
            times[name].append(run(looking, folder))
    for name, seconds in times.items():
        figures[name] |= {"nothing": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}
        one = figures[name]
        print(f"{name}: nothing to do in {one['nothing']:.2f} s ({one['least']:.2f} to {one['most']:.2f})")
    peers = [one["nothing"] for name, one in figures.items() if not name.startswith("keepwell")]
    worst = max(one["nothing"] for name, one in figures.items() if name.startswith("keepwell"))
    ratio = worst / min(peers, default=float("nan"))
    print(f"keepwell takes {ratio:.2f} of the faster one's time (at most {BAR})")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures, "ratio": ratio}, indent=1))
    return int(not ratio <= BAR)


Tool = tuple[Sequence[Sequence[str]], Sequence[str]]


def make_tools(options: argparse.Namespace, folder: Path, server: Sshd) -> Mapping[str, Tool]:
    """Each tool's commands: those that make the wishes true, and the one that finds nothing to do."""
    config = folder / "keepwell.toml"
    config.write_text(ten.render_keepwell(folder, server.port, server.key, server.known_hosts))
    keepwell = (sys.executable, "-m", "keepwell")
    named = ("--config", str(config))
    tools: dict[str, Tool] = {
        "keepwell drift": (
            ((*keepwell, "plan", "--node", "far", *named), (*keepwell, "apply", "--all", *named)),
            (*keepwell, "drift", "far", *named),
        ),
        "keepwell plan": (
            ((*keepwell, "plan", "--node", "far", *named), (*keepwell, "apply", "--all", *named)),
            (*keepwell, "plan", "--node", "far", *named),
        ),
    }
    if options.pyinfra:
        (folder / "deploy.py").write_text(ten.render_pyinfra())
        login = {"ssh_port": server.port, "ssh_user": "root", "ssh_key": str(server.key)}
        login |= {"ssh_known_hosts_file": str(server.known_hosts)}
        (folder / "inventory.py").write_text(f"hosts = [('127.0.0.1', {login!r})]\n")
        both = (options.pyinfra, "-y", "inventory.py", "deploy.py")
        tools["pyinfra"] = ((both,), both)
    if options.ansible:
        write_ansible(folder, server)
        both = (options.ansible, "-i", "hosts.ini", "playbook.yml")
        tools["ansible"] = ((both,), both)
    return tools


def write_ansible(folder: Path, server: Sshd) -> None:
    """Its files, with what makes it fast."""
    (folder / "playbook.yml").write_text(ten.render_ansible())
    arguments = f"-o UserKnownHostsFile={server.known_hosts} -o ControlMaster=auto -o ControlPersist=600"
    (folder / "ansible.cfg").write_text(
        f"[defaults]\ngathering = explicit\ninterpreter_python = {find_python()}\n"
        f"[ssh_connection]\npipelining = True\nssh_args = {arguments}\n"
    )
    (folder / "hosts.ini").write_text(
        f"127.0.0.1 ansible_port={server.port} ansible_user=root ansible_ssh_private_key_file={server.key}\n"
    )


def find_python() -> str:
    """The system's own, as a node has it."""
    return shutil.which("python3", path="/usr/bin:/bin") or sys.executable


def run(argv: Sequence[str], folder: Path) -> float:
    """Wall seconds of one process; exits where it failed (keepwell says by 1 that something is to do)."""
    own = {"KEEPWELL_STATE": str(folder / "state"), "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    shared = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = time.perf_counter()
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=RUN_SECONDS, env={**shared, **own}
    )
    seconds = time.perf_counter() - before
    if done.returncode not in (0, 1) or (done.returncode == 1 and "plan" not in argv):
        raise SystemExit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return seconds


def make_private() -> None:
    """Give this process a private /etc and /srv, in a mount namespace of its own."""
    if os.geteuid():
        raise SystemExit("only root can give itself a private /etc, so that this machine stays as it is")
    if MARK not in os.environ:
        os.environ[MARK] = "1"
        os.execvp("unshare", ("unshare", "--mount", sys.executable, *sys.argv))
    subprocess.run(("mount", "--make-rprivate", "/"), check=True)
    kept = Path(tempfile.mkdtemp(prefix="keepwell-bench-"))
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", str(kept)), check=True)
    for path in PRIVATE:
        subprocess.run(("cp", "-a", path, str(kept)), check=True)
    subprocess.run(("cp", "-a", "/etc", str(kept / "before")), check=True)
    for path in PRIVATE:
        subprocess.run(("mount", "--bind", str(kept / path.lstrip("/")), path), check=True)
    os.environ["KEEPWELL_BENCH_BEFORE"] = str(kept / "before")


def reset() -> None:
    """The private folders as they were."""
    before = os.environ["KEEPWELL_BENCH_BEFORE"]
    for folder in PRIVATE:
        for one in Path(folder).iterdir():
            subprocess.run(("rm", "-rf", str(one)), check=True)
    subprocess.run(("cp", "-a", f"{before}/.", "/etc"), check=True)
    ten.prepare()


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pyinfra", default=shutil.which("pyinfra") or "", help="its program")
    parser.add_argument("--ansible", default=shutil.which("ansible-playbook") or "", help="its program")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
