"""Is what serves language models on this node safe from others: on the network, in a browser, on the node itself?

Asked by `keepwell audit` alone, never by a diagnosis.
"""

from __future__ import annotations

from keepwell.checks.audit.confinement import judge_account, judge_confinement, judge_containers
from keepwell.checks.audit.doors import judge_keys, judge_origins, judge_plain, judge_runtime, judge_services
from keepwell.checks.audit.files import judge_secrets, judge_setuid, judge_told_secrets, judge_writable
from keepwell.core.finding import Check

PURPOSE = "audit"

CHECKS: tuple[Check, ...] = (
    Check(
        id="audit.key",
        title="An engine that other machines reach asks who they are",
        needs=("engine.site", "engine.key_check", "engine.listening", "host.interfaces"),
        judge=judge_keys,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.plain",
        title="What other machines ask an engine is not sent in the clear",
        needs=("engine.site", "engine.key_check"),
        judge=judge_plain,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.origin",
        title="Pages of foreign sites may not read what an engine answers",
        needs=("engine.cors", "engine.key_check"),
        judge=judge_origins,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.services",
        title="Services beside the engines are reached by this machine alone, or are known to be open",
        needs=("service.site", "host.sockets"),
        judge=judge_services,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.runtime",
        title="No container runtime takes orders over the network",
        needs=("host.sockets",),
        judge=judge_runtime,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.writable",
        title="Nobody but its owner can change what an engine runs, is set by or serves",
        needs=("host.served_files",),
        judge=judge_writable,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.setuid",
        title="No program of an engine runs with the rights of its owner",
        needs=("host.served_files",),
        judge=judge_setuid,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.secrets",
        title="Files with secrets can be read by those who need them alone",
        needs=("host.served_files",),
        judge=judge_secrets,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.told_secrets",
        title="No secret stands in a command line or a unit, where every user of the node can read it",
        needs=("engine.process", "host.units"),
        judge=judge_told_secrets,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.account",
        title="Engines do not run as root",
        needs=("engine.process", "engine.supervisor"),
        judge=judge_account,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.confinement",
        title="The unit of an engine confines it",
        needs=("engine.confinement", "engine.supervisor", "engine.store"),
        judge=judge_confinement,
        purpose=PURPOSE,
    ),
    Check(
        id="audit.containers",
        title="No container of a service may do what the node itself may",
        needs=("host.containers", "service.site", "engine.site"),
        judge=judge_containers,
        level=3,
        purpose=PURPOSE,
    ),
)
