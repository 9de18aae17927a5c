"""What pasted texts tell that no probe looks at: two such facts that disagree are what checks of texts judge.

Every row has `line`, the number of the line that it was read from.
"""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="text.asked",
        about="node",
        help="Addresses that somebody asked, and how it came out",
        shape="tuple of mappings host port result (answered refused silent no-name no-route reset tls) scheme path "
        "status from (container host) said line",
    ),
    Fact(
        name="text.listening",
        about="node",
        help="Addresses that programs listen on, or that a container publishes",
        shape="tuple of mappings address port program inner_port (of a container) line",
    ),
    Fact(
        name="text.contexts",
        about="node",
        help="Sizes of contexts in tokens",
        shape="tuple of mappings kind (asked total slot slots trained prompt limit cache) tokens line",
    ),
    Fact(
        name="text.models",
        about="node",
        help="Names of models: which were asked for, which are offered, which answered",
        shape="tuple of mappings kind (asked missing listed answered) name line",
    ),
    Fact(
        name="text.settings",
        about="node",
        help="Settings and where they were given",
        shape="tuple of mappings name value where (shell unit container file in-force environment) line",
    ),
    Fact(
        name="text.versions",
        about="node",
        help="Versions of things that must fit together",
        shape="tuple of mappings what (module library driver driver-api wanted-api kernel kernel-built client server) "
        "version where (host container) line",
    ),
    Fact(
        name="text.cores",
        about="node",
        help="Threads that compute, and processors that they may use",
        shape="tuple of mappings kind (threads quota) count line",
    ),
    Fact(
        name="text.layers",
        about="node",
        help="Layers of a model, of which so many lie on a GPU",
        shape="tuple of mappings layers gpu_layers asked (-1 if not told) line",
    ),
    Fact(
        name="text.gpus",
        about="node",
        help="Whether a program sees GPUs, and where it ran",
        shape="tuple of mappings kind (seen none lost mismatch no-driver no-program) by (driver engine) where (host "
        "container) count line",
    ),
    Fact(
        name="text.paths",
        about="node",
        help="Files and folders with their owners and modes",
        shape="tuple of mappings path kind mode owner group size_bytes line",
    ),
    Fact(
        name="text.users",
        about="node",
        help="Users that programs run as",
        shape="tuple of mappings user where (unit process) line",
    ),
    Fact(
        name="text.denied",
        about="node",
        help="Paths that a program was refused",
        shape="tuple of mappings path line",
    ),
    Fact(
        name="text.durations",
        about="node",
        help="How long something took until it ended or failed",
        shape="tuple of mappings seconds what (latency stated limit) status path line",
    ),
    Fact(
        name="text.limits",
        about="node",
        help="Limits that a text shows",
        shape="tuple of mappings what (one of the names in the table of default numbers) number unit line",
    ),
    Fact(
        name="text.proxied",
        about="node",
        help="Locations of a reverse proxy that hand requests on",
        shape="tuple of mappings location upstream buffering read_timeout_seconds said_blocks (the text says that "
        "answers come in blocks) line",
    ),
    Fact(
        name="text.memory",
        about="node",
        help="Memory that something needs, is allowed, or was killed for",
        shape="tuple of mappings kind (needed vm container killed) bytes line",
    ),
    Fact(
        name="text.requirements",
        about="node",
        help="What Python packages want of others",
        shape="tuple of mappings by package rule has kept (bool) line",
    ),
    Fact(
        name="text.exceptions",
        about="node",
        help="Exceptions that ended Python programs",
        shape="tuple of mappings type said package (of the innermost frame) line",
    ),
    Fact(
        name="text.ranks",
        about="node",
        help="How many GPUs a model is split over",
        shape="tuple of mappings count line",
    ),
)
