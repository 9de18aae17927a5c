"""The systemd unit of `keepwell up`: told when it serves, watched, and as tight as serving and looking allow."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.app.agent_unit import quote_word
from keepwell.app.operation import Caller
from keepwell.app.serving.offering import GatewayOptions
from keepwell.app.serving.planes import GRACE_SECONDS, LEAVE_SECONDS
from keepwell.app.serving.supervised import WATCHDOG_SECONDS
from keepwell.app.wiring import find_state
from keepwell.store.folder import ROOT_FOLDER

#: Seconds for all to end: what runs is finished, then the hub keeps what it has.
STOP_SECONDS = int(GRACE_SECONDS + LEAVE_SECONDS) + 25
_HEAD = """\
# keepwell up: one address for every model, and the numbers of all nodes.
# Save as /etc/systemd/system/keepwell.service; systemctl daemon-reload; systemctl enable --now keepwell
# It is ready when it serves; systemctl reload lets it start again without cutting a stream; it is started anew when
# it ends, or when the gateway answers nobody for {watchdog} s.
#
# What it cannot see because of that:
#   - what containers reach from their own network, and their programs (that takes CAP_SYS_ADMIN); files are seen
#   - the health of NVMe disks (CAP_SYS_ADMIN, too)
#   - files that are held back by a security module (SELinux, AppArmor) for system services
"""
_UNIT = """\
[Unit]
Description=keepwell: gateway and hub
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
WatchdogSec={watchdog}
TimeoutStopSec={stop}
KillMode=mixed
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
{place}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
TasksMax=1024

[Install]
WantedBy=multi-user.target
"""
#: What root keeps of its rights: to read files, to look into processes, the kernel's log, SMART of SATA disks.
_RIGHTS = "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_SYSLOG CAP_SYS_RAWIO CAP_DAC_OVERRIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpReport:
    """The answer of `up --print-unit`."""

    unit: str

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.up/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def print_unit(caller: Caller, options: GatewayOptions) -> UpReport:
    """The unit that runs it as it would run now, as this user."""
    command = _command(sys.argv[0], caller.config, options)
    user = ""
    if os.geteuid():
        user = pwd.getpwuid(os.geteuid()).pw_name
    return UpReport(unit=render_unit(command, find_state(caller), user))


def render_unit(command: Sequence[str], state: Path, user: str) -> str:
    """The text. ValueError for a word with a line break or other control in it."""
    written = " ".join(quote_word(one) for one in command)
    head = _HEAD.format(watchdog=WATCHDOG_SECONDS)
    place = "\n".join(_place(state, user))
    return head + _UNIT.format(command=written, watchdog=WATCHDOG_SECONDS, stop=STOP_SECONDS, place=place)


def _place(state: Path, user: str) -> Iterator[str]:
    """Who it is, and the one folder that it writes to."""
    if user:
        yield f"User={quote_word(user)}"
    else:
        yield _RIGHTS
    if state == ROOT_FOLDER:
        yield f"StateDirectory={ROOT_FOLDER.name}"
        yield "StateDirectoryMode=0700"
    else:
        yield f"Environment={quote_word(f'KEEPWELL_STATE={state}')}"
        yield f"ReadWritePaths={quote_word(str(state))}"


def _command(program: str, config: Path | None, options: GatewayOptions) -> Sequence[str]:
    argv = [str(Path(program).absolute())]
    if Path(program).name == "__main__.py":
        argv = [sys.executable, "-m", "keepwell"]
    argv.append("up")
    if config is not None:
        argv += ["--config", str(config.absolute())]
    if options.listen:
        argv += ["--listen", ",".join(options.listen)]
    return (*argv, *("--declared",) * options.declared, *("--insecure",) * options.insecure)
