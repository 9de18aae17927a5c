#!/usr/bin/env python3
"""Get the system packages that some tests need: python3 scripts/system_packages.py [--long]

As root on Debian or Ubuntu it installs what is missing, with --long also what only long tests need. Anywhere else it
says, a line each, which tests will be skipped and why; with CI=true that is a failure. Standard library only; quick
when everything is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Seconds for one run of apt-get: a slow mirror takes minutes, a dead one for ever.
APT_SECONDS = 300


@dataclass(frozen=True)
class Need:
    """A program, the Debian package (or packages) that it takes, and the tests that need it."""

    program: str
    package: str
    tests: str
    long: bool = False


NEEDS = (
    Need("nginx", "nginx-light", "a reverse proxy that buffers a stream (tests/faults)"),
    Need("setpriv", "util-linux", "engines that run as an ordinary user (tests/faults)"),
    Need("prlimit", "util-linux", "engines under limits (tests/faults)"),
    Need("mount", "mount", "full disks on a small tmpfs (tests/faults, tests/conform)"),
    Need("ss", "iproute2", "fixes that look at listening sockets (tests/faults)"),
    Need("nsenter", "util-linux", "containers made of namespaces (tests/transport, tests/probes)"),
    Need("ip", "iproute2", "containers made of namespaces (tests/transport, tests/probes)"),
    Need("pgrep", "procps", "commands that must be gone (tests/transport)"),
    Need("curl", "curl", "what a client saw (tests/faults)"),
    Need("gcc", "gcc libc6-dev", "libraries made for tests: tests/faults, tests/fake_gpu, tests/devices"),
    Need("cmake", "cmake", "a real llama-server (tests/long), which is built"),
    Need("make", "make", "a real llama-server (tests/long), which is built"),
    Need("g++", "g++", "a real llama-server (tests/long), which is built"),
    Need("sshd", "openssh-server", "nodes over SSH (tests/transport)"),
    Need("ssh-keygen", "openssh-client", "keys and their fingerprints (tests/transport)"),
    Need("sudo", "sudo", "nodes over SSH, looked at as root (tests/transport)"),
    Need("prometheus", "prometheus", "a real Prometheus that reads the pages (tests/export)"),
    Need("promtool", "prometheus", "pages, rules and dashboards checked by promtool (tests/export)"),
    Need("prometheus-alertmanager", "prometheus-alertmanager", "a real Alertmanager (tests/notify)"),
    Need("pg_ctlcluster", "postgresql", "requests in a real PostgreSQL (tests/store/requestlog, tests/app/hub)"),
    Need("logrotate", "logrotate", "rotation of logs by the real program (tests/steps)"),
    Need("modprobe", "kmod", "files of kernel modules read by the real program (tests/formats)"),
    Need("systemd-analyze", "systemd", "units checked by the real program (tests/steps)"),
    Need("useradd", "passwd", "accounts by the real programs (tests/steps)"),
    Need("unshare", "util-linux", "a private copy of /etc (tests/steps, benchmarks/conform.py)"),
    Need("git", "git", "files from a repository (tests/conform, tests/app)"),
    Need("rg", "ripgrep", "the comparison in benchmarks/scan.py"),
    Need("chromium", "chromium fonts-dejavu-core", "pages in a real browser (tests/web, tests/web2)", long=True),
)
#: Where programs for root lie; they are missing from an ordinary user's PATH.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def main() -> int:
    """Install or tell; 1 when something is missing and CI=true."""
    missing = find_missing()
    if missing and can_install():
        install(sorted({name for need in missing for name in need.package.split()}))
        missing = find_missing()
    for need in missing:
        print(f"skipped: {need.tests}, because there is no {need.program}; on Debian: apt install {need.package}")
    if not missing:
        print("system packages: all there")
    return int(bool(missing) and os.environ.get("CI") == "true")


def find_missing() -> list[Need]:
    """What is not there."""
    everything = "--long" in sys.argv[1:]
    wanted = [need for need in NEEDS if everything or not need.long]
    return [need for need in wanted if shutil.which(need.program, path=PATH) is None]


def can_install() -> bool:
    """True for root where there is apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Install these; a failure is told and the rest goes on."""
    print(f"installing {' '.join(packages)}", flush=True)
    patient = ["-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
    with without_starting_services():
        apt_get((["apt-get", "update", "-qq"], ["apt-get", "install", *patient, *packages]))


def apt_get(commands: tuple[list[str], ...]) -> None:
    """Run these in order; the first failure ends it."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in commands:
        try:
            done = subprocess.run(argv, env=environment, capture_output=True, timeout=APT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            print(f"not done within {APT_SECONDS} s: {' '.join(argv)}", file=sys.stderr)
            return
        if done.returncode:
            print(done.stderr.decode("utf-8", "replace").strip(), file=sys.stderr)
            return


@contextlib.contextmanager
def without_starting_services() -> Iterator[None]:
    """Debian starts a service by installing it, unless this file says no; nginx would take port 80."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
