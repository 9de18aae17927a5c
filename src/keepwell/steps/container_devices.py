"""Let devices into a container that is known by Proxmox's API, from a machine that is not its host.

The keys that are missing are set, all others stay; a container that runs is rebooted, without which nothing takes
effect. What the login may not do is told when it is planned, with the command for the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keepwell.config.sections import Key
from keepwell.config.shapes import label, texts
from keepwell.config.wish_shapes import whole
from keepwell.core.observation import Missing, Seen, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import CallApi, Change
from keepwell.plugins.managed_container import (
    ROOT_USER,
    Managed,
    find_change,
    find_nodes,
    path_of,
    paths_of,
    read_managed,
)
from keepwell.plugins.wish import Drift, Looked, Needs, Wish

TOKEN = (
    "the API lets nobody but root@pam with a password let devices in ({user} is none; a token of root@pam is refused, "
    "too). On that host, as root: {commands}"
)
REBOOT = "the container is started again (about half a minute): everything in it stops meanwhile"
LATER = "it counts at the container's next start"
#: What the API says of a reboot of a container that has stopped meanwhile.
NOT_RUNNING = "not running"


def devices(value: object) -> tuple[str, ...]:
    """Device nodes of the host, each with its options."""
    found = texts(value)
    if not found or not all(path_of(one).startswith("/dev/") for one in found):
        raise ValueError('device nodes of the host, like ["/dev/dri/renderD128,gid=104"]')
    return found


class _ContainerDevices:
    """The step; it holds no state."""

    title = "Let devices into a container by its host's API"
    table = "container_devices"
    keys: tuple[Key, ...] = (
        Key(name="host", shape=label, required=True, help="The host of that API which has the container."),
        Key(name="container", shape=whole, required=True, help="Its number."),
        Key(name="devices", shape=devices, help="Device nodes of the host, with options as devN takes them."),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """Its settings and its state."""
        return Needs(urls=_paths(wish))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """The keys that let the wished devices in."""
        managed = _look(wish, looked)
        if isinstance(managed, Missing):
            return managed
        wished = wish.get("devices", ())
        same = Drift(
            subject=Ref("container", (looked.node, str(wish["container"]))),
            before=_words(find_nodes(managed)),
            after=_words(dict.fromkeys(map(path_of, wished))),
            kept=managed.raw,
        )
        try:
            pairs = find_change(managed, wished)
        except ValueError as error:
            return replace(same, problem=str(error))
        if not pairs:
            return same
        if managed.user != ROOT_USER:
            commands = " ".join(("pct set", str(wish["container"]), *(f"-{key} {value}" for key, value in pairs)))
            return replace(same, problem=TOKEN.format(user=managed.user or "its user", commands=commands))
        return _differing(same, managed, pairs, wish)

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The devices that it lets in."""
        managed = _look(wish, looked)
        if isinstance(managed, Missing):
            return managed
        found = tuple(managed.settings[key] for key in find_nodes(managed).values())
        if not found:
            return Missing(kind="absent", reason=f"container {wish['container']} lets no device in there")
        return {"devices": found, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """None: what an API could tell is not observed."""
        return ()


def _differing(same: Drift, managed: Managed, wished: tuple[tuple[str, str], ...], wish: Wish) -> Drift:
    there = tuple((key, managed.settings.get(key, "")) for key, _ in wished)
    config, state = _paths(wish)
    reboot = CallApi(path=state.replace("/current", "/reboot"), settled=NOT_RUNNING)
    change = Change(
        subject=same.subject,
        what=f"container {wish['container']} on {wish['host']}",
        before=_lines(there) or "(no such settings)",
        after=_lines(wished),
        do=CallApi(path=config, before=there, after=wished),
        undo=CallApi(path=config, before=wished, after=there),
        interrupts=REBOOT * managed.running,
    )
    return replace(
        same,
        changes=(change,),
        activate=(reboot,) * managed.running,
        kept=(*managed.raw, *(LATER,) * (not managed.running)),
    )


def _look(wish: Wish, looked: Looked) -> Managed | Missing:
    config, state = (looked.replies.get(one, unknown("not looked at")) for one in _paths(wish))
    return read_managed(config, state)


def _paths(wish: Wish) -> tuple[str, str]:
    return paths_of(str(wish["host"]), str(wish["container"]))


def _words(nodes: Mapping[str, object]) -> str:
    return ", ".join(sorted(nodes)) or "no device"


def _lines(pairs: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in pairs if value)


STEP = _ContainerDevices()
