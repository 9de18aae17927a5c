"""What probes can observe about a cluster of nodes that share a model, and about engines that split one."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="ray.node",
        about="node",
        help="The daemon of a Ray cluster on this node",
        shape="mapping address gcs_address head (bool) version python gpus cpus (promised) object_folder, absent when "
        "none runs",
    ),
    Fact(
        name="ray.cluster",
        about="node",
        help="A Ray cluster as its dashboard, or `ray status`, tells it",
        shape="mapping url version nodes: tuple of mappings address name head state gpus cpus; gpus cpus (of all) "
        "active failed demands: tuple of mappings kind (task, placement group) name wants (text) gpus (of all "
        "bundles) address (that one resource names) state; what is not told is left out",
    ),
    Fact(
        name="engine.ranks",
        about="engine",
        help="How it splits a model over GPUs",
        shape="mapping tensor pipeline data executor heads key_heads (of the model's configuration, left out where "
        "not told) ray_version (of its own libraries)",
    ),
    Fact(
        name="engine.collective",
        about="engine",
        help="Variables of its process that choose networks for its ranks",
        shape="mapping interfaces addresses others, each mapping variable -> value",
    ),
    Fact(
        name="engine.shared_memory",
        about="engine",
        help="/dev/shm as its process sees it",
        shape="mapping path total_bytes free_bytes segments (files there)",
    ),
)
