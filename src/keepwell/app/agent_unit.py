"""The systemd unit of an agent, as tight as looking allows."""

from __future__ import annotations

from collections.abc import Sequence

_LOOKING = """\
# keepwell agent: answers questions about this machine over TLS, to callers with its token. It changes nothing:
# its file system is read-only, it may not gain rights, and it runs only programs that read.
# Save as /etc/systemd/system/keepwell-agent.service; systemctl daemon-reload; systemctl enable --now keepwell-agent
#
# What it cannot see because of that:
#   - what containers reach from their own network, and their programs (that takes CAP_SYS_ADMIN); files are seen
#   - how a GPU's compute runtime starts (that needs keepwell's own child process; readings by vendor tools are seen)
#   - files that are held back by a security module (SELinux, AppArmor) for system services
# It runs as root, because other users' processes, sockets and logs are hidden from anybody else; of root's rights it
# keeps only those to read files and to look into processes. With `User=` it sees what that user sees.
"""
_CHANGING = """\
# keepwell agent: answers questions about this machine and CHANGES it for callers with its token: files, owners and
# modes of files, and any command as root. Without --allow-change the unit that is printed is read-only.
# Save as /etc/systemd/system/keepwell-agent.service; systemctl daemon-reload; systemctl enable --now keepwell-agent
"""
_UNIT = """\
[Unit]
Description=keepwell agent
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=5
{hardening}
[Install]
WantedBy=multi-user.target
"""
#: Each with what it takes away (systemd.exec(5), systemd.resource-control(5)).
_TIGHT = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ReadOnlyPaths=/
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_SYSLOG
AmbientCapabilities=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
MemoryMax=1G
TasksMax=1024
"""
_LOOSE = """\
NoNewPrivileges=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
MemoryMax=1G
TasksMax=1024
"""
#: Characters that a unit file leaves as they are between double quotes (systemd.service(5), "Command lines").
_QUOTED = {"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"}


def render_unit(argv: Sequence[str], *, changes: bool) -> str:
    """The text of the unit that runs this command. ValueError for a word with a line break or other control in it."""
    head, hardening = {True: (_CHANGING, _LOOSE), False: (_LOOKING, _TIGHT)}[changes]
    command = " ".join(quote_word(one) for one in argv)
    return f"{head}{_UNIT.format(command=command, hardening=hardening)}"


def quote_word(word: str) -> str:
    """A word of a command line as a unit file takes it."""
    if not word.isprintable():
        raise ValueError(f"not a word for a unit file: {word!r}")
    quoted = "".join(_QUOTED.get(one, one) for one in word)
    if quoted and not set(quoted) & set(" \"';#"):
        return quoted
    return f'"{quoted}"'
