"""What probes can observe about a node: its system, network and files."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="host.system",
        about="node",
        help="Operating system",
        shape="mapping kernel release machine distribution init container virtual (hypervisor, wsl) boot_id "
        "secure_boot lockdown, as far as told",
    ),
    Fact(
        name="host.processes",
        about="node",
        help="All visible processes",
        shape="tuple of mappings pid parent_pid argv user uid state started_at exe cwd",
    ),
    Fact(
        name="host.sockets",
        about="node",
        help="Listening TCP sockets",
        shape="tuple of mappings address port pid uid inode",
    ),
    Fact(
        name="host.units",
        about="node",
        help="Service units that may run an engine",
        shape="tuple of mappings manager unit scope (system user gui/UID) engine load active sub main_pid restarts "
        "result exit_code exit_kind fragment drop_ins need_reload enabled argv environment (masked) user "
        "environment_files logs",
    ),
    Fact(
        name="host.containers",
        about="node",
        help="Containers",
        shape="tuple of mappings runtime name id image image_id created_at finished_at engine state health pid "
        "exit_code oom_killed error started_at "
        "restarts restart_policy command environment (masked) user ports (tuple of mappings address port inner_port) "
        "addresses network gpus (none, or what was asked for) memory_max_bytes compose socket (no client told of it), "
        "compose_files compose_service compose_project compose_settings (of Compose's containers) "
        "and where so privileged node_processes (bool) rights_added unconfined binds (tuples)",
    ),
    Fact(
        name="host.names",
        about="node",
        help="Name resolution of localhost and the names in use",
        shape="mapping name -> tuple of addresses",
    ),
    Fact(
        name="host.proxy",
        about="node",
        help="Proxy variables and whether they catch local addresses",
        shape="mapping where (shell, a file, an engine's Ref) -> mapping variable -> value; passwords masked",
    ),
    Fact(
        name="host.mounts",
        about="node",
        help="File systems",
        shape="tuple of mappings path device kind options (tuple) read_only total_bytes free_bytes inodes inodes_free; "
        "the numbers left out, with not_asked and the reason, where asking might hang or failed",
    ),
    Fact(
        name="host.pools",
        about="node",
        help="Storage pools (ZFS)",
        shape="tuple of mappings name state total_bytes free_bytes",
    ),
    Fact(name="host.cpu", about="node", help="Processor", shape="mapping model cores flags: tuple"),
    Fact(
        name="host.limits",
        about="node",
        help="System limits",
        shape="mapping inotify_instances inotify_watches inotify_queue open_files_max open_files_used pids_max "
        "threads_max map_count_max inotify_instances_used (uid -> number)",
    ),
    Fact(
        name="host.pressure",
        about="node",
        help="Pressure stall information",
        shape="mapping cpu memory io, each mapping some_10_ratio some_60_ratio full_10_ratio full_60_ratio",
    ),
    Fact(
        name="host.cgroup",
        about="node",
        help="Cgroup limits that apply here",
        shape="mapping version path memory_max_bytes memory_used_bytes cpu_quota_cores throttled_periods periods "
        "throttled_seconds oom_kills pids_max pids_used; what is unlimited is left out",
    ),
    Fact(
        name="host.timeline",
        about="node",
        help="What changed",
        shape="tuple of mappings at kind (boot suspend resume reload unit-start package container-start process-start) "
        "what topic (kernel driver engine container-toolkit container) version unit pid, ordered",
    ),
    Fact(
        name="host.history",
        about="node",
        help="What changed on the node, over all boots",
        shape="tuple of mappings, fields of core.event.Event that are not empty, ordered",
    ),
    Fact(
        name="host.history_sources",
        about="node",
        help="Where the history was read, and what could not be read",
        shape="tuple of mappings source state (read absent failed) reason events oldest_at",
    ),
    Fact(
        name="host.files",
        about="node",
        help="Files that hold settings of engines and containers",
        shape="tuple of mappings path kind (unit drop-in environment start compose runtime) unit digest size_bytes "
        "modified_at lines: tuple of text (secrets masked), or problem instead of digest",
    ),
    Fact(
        name="host.kernel_lines", about="node", help="Kernel log lines of interest", shape="tuple of mappings at text"
    ),
    Fact(
        name="host.interfaces",
        about="node",
        help="Network interfaces",
        shape="tuple of mappings name state (up down) mtu mbit_per_s (negotiated) duplex kind (ethernet wireless "
        "bridge virtual loopback tunnel infiniband) addresses: tuple of 'address/prefix' errors drops bytes master; "
        "what is not told is left out",
    ),
    Fact(
        name="host.networks",
        about="node",
        help="The node's networks by role, as declared",
        shape="tuple of mappings role interface (found or declared) address mbit_per_s (wished) declared (the name or "
        "address that was declared)",
    ),
    Metric(name="host.memory_total_bytes", unit=Unit.BYTES, about="node", help="Installed memory"),
    Metric(
        name="host.memory_available_bytes",
        unit=Unit.BYTES,
        about="node",
        help="Memory that can be had without swapping",
    ),
    Metric(name="host.swap_total_bytes", unit=Unit.BYTES, about="node", help="Swap space"),
    Metric(name="host.swap_used_bytes", unit=Unit.BYTES, about="node", help="Swap in use"),
)
