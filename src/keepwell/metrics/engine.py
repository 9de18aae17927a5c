"""What probes can observe about an engine."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="engine.site",
        about="engine",
        help="Where an engine is, or ought to be",
        shape="mapping plug_in title url host port declared remembered seen_at found (how)",
    ),
    Fact(
        name="engine.process",
        about="engine",
        help="The process that serves",
        shape="mapping pid argv user uid gid exe cwd state started_at children threads environment (masked)",
    ),
    Fact(
        name="engine.limits",
        about="engine",
        help="Limits of the serving process and its cgroup",
        shape="mapping open_files_soft open_files_hard open_files_used address_space_bytes address_space_used_bytes "
        "data_bytes locked_bytes processes_soft memory_max_bytes memory_used_bytes memory_peak_bytes oom_kills "
        "cgroup cgroup_version; "
        "what is unlimited is left out",
    ),
    Fact(
        name="engine.cgroup",
        about="engine",
        help="Limits of the control groups above its process",
        shape="as host.cgroup",
    ),
    Fact(
        name="engine.listening",
        about="engine",
        help="Addresses that its process listens on",
        shape="tuple of 'address:port'",
    ),
    Fact(name="engine.version", about="engine", help="Release that it reports"),
    Fact(
        name="engine.health",
        about="engine",
        help="Whether it can serve, beyond a 200",
        shape="mapping state (well loading asleep failing silent refused) http_status seconds said",
    ),
    Fact(
        name="engine.models",
        about="engine",
        help="Models that it offers",
        shape="tuple of mappings, fields of ModelInfo",
    ),
    Fact(
        name="engine.loaded",
        about="engine",
        help="Models in memory and their split",
        shape="tuple of mappings, fields of LoadedModel; gpu_ratio 0..1 only where told",
    ),
    Fact(
        name="engine.readings",
        about="engine",
        help="The engine's own metrics under common names",
        shape="mapping of numbers",
    ),
    Fact(
        name="engine.settings",
        about="engine",
        help="Effective settings",
        shape="mapping name -> mapping value origin problem kind (malformed unread shadowed) nearest suggested wished; "
        "secrets masked",
    ),
    Fact(
        name="engine.wished_settings",
        about="engine",
        help="Settings in its unit, drop-ins or start file",
        shape="mapping name -> mapping value file line",
    ),
    Fact(
        name="engine.supervisor",
        about="engine",
        help="What runs it",
        shape="mapping kind unit scope state sub_state result start restart (argument lists; start has env K=V first) "
        "files restarts exit_code exit_kind enabled need_reload gpus error",
    ),
    Fact(
        name="engine.log",
        about="engine",
        help="Where its log is and how much was read",
        shape="mapping kind where size_bytes last_error, absent when none is readable",
    ),
    Fact(
        name="engine.store",
        about="engine",
        help="Its model store as the serving user sees it",
        shape="mapping path user uid gid groups files unlisted problems: tuple of mappings path detail model role "
        "owner_uid owner_gid mode wished_mode kind (missing unreadable unwritable unsearchable truncated empty "
        "not-a-model manifest-corrupt)",
    ),
    Fact(
        name="engine.origin_check",
        about="engine",
        help="Answer to a request with a foreign Origin or Host",
        shape="mapping origin plain_status status host_status setting expected: tuple of mappings origin status",
    ),
    Fact(
        name="engine.runners",
        about="engine",
        help="Child processes that run models",
        shape="tuple of mappings pid state model started_at",
    ),
    Metric(
        name="engine.resident_bytes",
        unit=Unit.BYTES,
        about="engine",
        help="Resident memory of the process and its children",
    ),
    Metric(
        name="engine.swap_bytes", unit=Unit.BYTES, about="engine", help="Swapped memory of the process and its children"
    ),
)
