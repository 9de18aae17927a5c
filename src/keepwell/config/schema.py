"""The sections and keys of keepwell.toml, declared once: reading, checking and documentation follow from it."""

from __future__ import annotations

from keepwell.config import shapes
from keepwell.config.alert_schema import ALERT_SECTIONS
from keepwell.config.ask_schema import ASK_SECTIONS
from keepwell.config.desired_schema import DESIRED_SECTIONS
from keepwell.config.gateway_schema import GATEWAY_SECTIONS
from keepwell.config.gateway_shapes import count, prefix
from keepwell.config.hub_schema import HUB_SECTIONS
from keepwell.config.model import (
    DecisionEntry,
    DiagnoseOptions,
    EngineEntry,
    NetworkEntry,
    NodeEntry,
    ServiceEntry,
)
from keepwell.config.objective_schema import OBJECTIVE_SECTIONS
from keepwell.config.sections import Key, Section
from keepwell.config.sink_schema import SINK_SECTIONS
from keepwell.config.window_schema import WINDOW_SECTIONS

SECTIONS: tuple[Section, ...] = (
    Section(
        name="node",
        several=True,
        help="A machine. This one is always known and needs no entry.",
        entry=NodeEntry,
        field="nodes",
        distinct=("name",),
        keys=(
            Key(name="name", shape=shapes.label, required=True, help="label, used in every report"),
            Key(name="address", shape=shapes.address, help="IP address or host name"),
            Key(name="tags", shape=shapes.texts, help="free words to group by"),
            Key(
                name="reach",
                shape=shapes.one_of("ssh", "agent", "proxmox"),
                help="how to get there: ssh (the usual), agent, or proxmox: its API, for containers' settings",
            ),
            Key(name="port", shape=shapes.port, help="port of its SSH server, agent or API, if not the usual one"),
            Key(name="user", shape=shapes.login, help="the user to log in as; of an API like root@pam or me@pve!token"),
            Key(name="key", shape=shapes.path, help="file of the private key; without it the SSH agent and ~/.ssh"),
            Key(name="known_hosts", shape=shapes.path, help="file of known host keys; without it ~/.ssh/known_hosts"),
            Key(name="jump", shape=shapes.text, help="the node, or user@host:port, to go through"),
            Key(name="sudo", shape=shapes.flag, help="look as root, by sudo without a password"),
            Key(
                name="token",
                shape=shapes.secret,
                help='token of the agent, token or password of the API: {env = "NAME"} or {file = "/path"}',
            ),
            Key(name="fingerprint", shape=shapes.fingerprint, help="SHA-256 of its agent's or API's certificate, hex"),
        ),
    ),
    Section(
        name="network",
        several=True,
        help="One of a node's networks, so that the wrong one in use is seen.",
        entry=NetworkEntry,
        field="networks",
        keys=(
            Key(name="node", shape=shapes.label, required=True, choice="node", help="the machine"),
            Key(
                name="role",
                shape=shapes.one_of("lan", "cluster", "fast", "storage"),
                required=True,
                help="what it is for: lan, cluster, fast or storage",
            ),
            Key(name="interface", shape=shapes.text, help="the interface's name there"),
            Key(name="address", shape=shapes.address, help="the node's address in it"),
            Key(name="mbit_per_s", shape=shapes.positive, help="what the link ought to give, in Mbit/s"),
        ),
    ),
    Section(
        name="service",
        several=True,
        help="A service beside the engines that should be there. Known ones that run are found without an entry.",
        entry=ServiceEntry,
        field="services",
        distinct=("node", "name"),
        keys=(
            Key(name="name", shape=shapes.label, required=True, help="label"),
            Key(name="node", shape=shapes.label, choice="node", help="the machine; this one if left out"),
            Key(name="kind", shape=shapes.text, choice="service", help="which known service it is"),
            Key(name="url", shape=shapes.url, help="its address, if it speaks HTTP"),
            Key(name="tcp", shape=shapes.host_and_port, help="its address and port, if it speaks something else"),
            Key(name="unit", shape=shapes.text, help="its systemd unit"),
            Key(name="container", shape=shapes.text, help="its container"),
            Key(name="process", shape=shapes.text, help="its program's name"),
            Key(name="needs", shape=shapes.texts, help="services, engines or nodes that it cannot do without"),
            Key(name="prefix", shape=prefix, help="the gateway offers it under this path, behind its keys"),
            Key(name="api_key", shape=shapes.secret, help='where its key stands: {env = "NAME"} or {file = "/path"}'),
        ),
    ),
    Section(
        name="decision",
        several=True,
        help="The owner's word, which checks and plans honour and cite.",
        entry=DecisionEntry,
        field="decisions",
        keys=(
            Key(name="what", shape=shapes.text, required=True, help="what was decided"),
            Key(name="why", shape=shapes.text, required=True, help="why"),
            Key(name="until", shape=shapes.date, help="the day it ends, like 2027-01-31; left out, it stays"),
            Key(name="about", shape=shapes.text, help="the node, engine, service or model, by name"),
            Key(name="check", shape=shapes.text, help="the check that it answers, like gpu.placement or gpu.*"),
            Key(name="issue", shape=shapes.text, help="the cause that it answers"),
        ),
    ),
    Section(
        name="engine",
        several=True,
        help="An engine that should be there. One that runs now is found without an entry.",
        entry=EngineEntry,
        field="engines",
        distinct=("node", "url"),
        keys=(
            Key(name="kind", shape=shapes.text, required=True, choice="kind", help="which engine it is"),
            Key(name="url", shape=shapes.url, required=True, help="its address"),
            Key(
                name="node", shape=shapes.label, choice="node", help="the machine that it runs on; this one if left out"
            ),
            Key(name="name", shape=shapes.label, help="label"),
            Key(name="tags", shape=shapes.texts, help="free words to group by"),
            Key(name="start", shape=shapes.argv, help="the command that starts it, as a list"),
            Key(name="environment_file", shape=shapes.path, help="file of NAME=value lines that it is started with"),
            Key(name="log", shape=shapes.path, help="file that it logs to"),
            Key(name="models_folder", shape=shapes.path, help="folder of its model files"),
            Key(name="unit", shape=shapes.text, help="its systemd unit, launchd label or container"),
            Key(name="user", shape=shapes.user, help="the user that it runs as"),
            Key(name="limit", shape=count, help="requests that it gets at once; left out, what it says itself"),
            Key(
                name="weight", shape=shapes.positive, help="its share where a route's policy is weighted; 1 if left out"
            ),
            Key(name="canary", shape=shapes.flag, help="it may be asked a little now and then, to see what answers"),
            Key(name="api_key", shape=shapes.secret, help='where its key stands: {env = "NAME"} or {file = "/path"}'),
        ),
    ),
    Section(
        name="diagnose",
        several=False,
        help="How to look.",
        entry=DiagnoseOptions,
        field="diagnose",
        keys=(
            Key(name="since", shape=shapes.duration, field="since_seconds", help="age of the oldest log line to read"),
            Key(name="level", shape=shapes.level, help="highest level of probes, 1 to 4"),
            Key(name="expect_origin", shape=shapes.origins, help="origins that every engine must accept"),
        ),
    ),
    *GATEWAY_SECTIONS,
    *ALERT_SECTIONS,
    *OBJECTIVE_SECTIONS,
    *HUB_SECTIONS,
    *ASK_SECTIONS,
    *SINK_SECTIONS,
    *DESIRED_SECTIONS,
    *WINDOW_SECTIONS,
)
