"""What is seen only where readiness or security is asked for, never by a diagnosis."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="host.clock",
        about="node",
        help="Its time of day against ours, and whether something keeps it right",
        shape="mapping ahead_seconds (of the clock here, less than 0 where behind) synchronised (bool) by; what is "
        "not told is left out",
    ),
    Fact(
        name="host.accounts",
        about="node",
        help="Accounts of the system, and who is a member of which group",
        shape="tuple of mappings name uid gid home shell groups (tuple); no account of a person",
    ),
    Fact(
        name="host.container_support",
        about="node",
        help="Container runtimes with their releases, and what hands GPUs to containers",
        shape="mapping runtimes: tuple of mappings name version problem, wanted (vendors whose cards need a tool), "
        "tools: tuple of mappings vendor tool path, specifications (tuple of files)",
    ),
    Fact(
        name="ready.wanted",
        about="node",
        help="What the engine needs for which readiness was asked",
        shape="mapping plug_in title account ports (tuple) memory_bytes disk_bytes gpu (needed, helps) api",
    ),
    Fact(
        name="host.served_files",
        about="node",
        help="Files and folders of LLM services with their owners and modes",
        shape="tuple of mappings path kind (program unit drop-in environment start compose folder store key) of "
        "(engine or unit) entry (file, directory, ...) mode (octal) uid gid open_way (others may go through all the "
        "folders above) loose_above (a folder above that others may write, or empty) secrets (tuple of names in it)",
    ),
    Fact(
        name="engine.cors",
        about="engine",
        help="What it allows pages of a foreign site, as it answered one",
        shape="mapping origin allowed (as it says: *, the origin, or empty) credentials (bool) status",
    ),
    Fact(
        name="engine.confinement",
        about="engine",
        help="What its process may not do",
        shape="mapping pid no_new_privileges seccomp (bool) capabilities (hex), and of its unit a mapping unit "
        "property -> value",
    ),
)
