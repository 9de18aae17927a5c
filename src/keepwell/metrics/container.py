"""What probes can observe from inside containers, and of the files that define them."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="host.container_files",
        about="node",
        help="Files that define containers, and what is wrong in them about GPUs",
        shape="mapping ground (makers counts runtimes kinds majors device_nodes guarded groups release: what the node "
        "has), files: tuple of mappings path kind (compose docker podman lxc cdi) service asks running (bool) "
        "containers project project_files project_settings, and mistakes: tuple of mappings kind line words weight "
        "mendable (bool)",
    ),
    Fact(
        name="host.container_reach",
        about="node",
        help="Local addresses that running containers' environments name, asked from inside each",
        shape="tuple of mappings container runtime network pid variable url (masked) host port gateway (its name for "
        "the node) result (reached refused silent unknown-name not-asked) said",
    ),
    Fact(
        name="engine.container",
        about="engine",
        help="Its container from inside",
        shape="mapping runtime container gpus (asked for) shm_total_bytes shm_free_bytes drivers: tuple of mappings "
        "vendor module (the node's) library libraries (path -> version) problem wanted_api (of its image, where told)",
    ),
)
