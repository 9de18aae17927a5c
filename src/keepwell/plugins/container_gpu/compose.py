"""Compose files: what a service says of GPUs, and a service that asks for them as wished.

Reservations and their rules are those of the Compose specification (docs.docker.com/compose/how-tos/gpu-support and
docs.docker.com/reference/compose-file/deploy): `capabilities` must be there, `count` and `device_ids` exclude each
other, without both all devices are meant, and `device_ids` are texts. `gpus` is the newer short form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keepwell.formats.yaml_edit import add_item, drop, find_data, put_value
from keepwell.formats.yaml_places import BadYaml, parse_data, parse_places
from keepwell.plugins.container_gpu.ground import ALL, Asked, CannotAsk, Ground
from keepwell.plugins.device_sharing import Maker

RESERVED = ("deploy", "resources", "reservations", "devices")
#: What stands for a value that Compose fills in from the environment.
FILLED_IN = "${"
#: A device driver that takes names of devices from specifications (CDI).
SPECIFIED = "cdi"


@dataclass(frozen=True, slots=True)
class Composed:
    """One service of a compose file: `said` is what it says with merges done."""

    text: str
    name: str
    said: Mapping[str, Any]

    @property
    def path(self) -> tuple[str, str]:
        """Where it stands."""
        return "services", self.name

    def line(self, *keys: str | int) -> int:
        """The line of the deepest of these keys that stands there itself."""
        root = parse_places(self.text)
        path: tuple[str | int, ...] = (*self.path, *keys)
        for depth in range(len(path), 0, -1):
            above, place = root.find(*path[: depth - 1]), root.find(*path[:depth])
            if above is not None and place is not None:
                return next((key.line for key, _ in above.pairs if key.text == path[depth - 1]), place.line)
        return 1

    def get(self, *keys: str | int) -> Any:
        """What it says there; None where it says nothing."""
        return find_data(self.said, keys)

    def entries(self, *keys: str) -> list[Any]:
        """A list that it says there; () for anything else."""
        found = self.get(*keys)
        if isinstance(found, list):
            return found
        return []

    def variables(self) -> dict[str, tuple[tuple[str | int, ...], str]]:
        """Its environment: each name with where it stands in the service and its value."""
        said = self.get("environment")
        if isinstance(said, dict):
            values = {str(name): value for name, value in said.items() if value is not None}
            return {name: (("environment", name), str(value)) for name, value in values.items()}
        found: dict[str, tuple[tuple[str | int, ...], str]] = {}
        for number, one in enumerate(self.entries("environment")):
            name, equals, value = str(one).partition("=")
            if equals:
                found[name] = (("environment", number), value)
        return found


def parse_services(text: str) -> tuple[Composed, ...]:
    """The services of a compose file in their order; BadYaml for a text that is none."""
    parse_places(text)
    data = parse_data(text)
    if not isinstance(data, dict) or not isinstance(data.get("services"), dict):
        raise BadYaml("it has no services")
    return tuple(Composed(text, str(name), said) for name, said in data["services"].items() if isinstance(said, dict))


def get_service(text: str, name: str) -> Composed:
    """The service of this name. Raises CannotAsk where there is none or the file is no compose file."""
    try:
        found = [one for one in parse_services(text) if one.name == name]
    except BadYaml as error:
        raise CannotAsk(f"line {error.line}: {error.words}") from None
    if not found:
        raise CannotAsk(f"it has no service {name}")
    return found[0]


def is_reservation(one: object, maker: Maker) -> bool:
    """Whether an entry of reserved devices means this maker's."""
    if not isinstance(one, dict):
        return False
    driver, capabilities = one.get("driver"), one.get("capabilities")
    if maker.sharing.driver and (driver == maker.sharing.driver or FILLED_IN in str(driver)):
        return True
    return driver is None and isinstance(capabilities, list) and bool({"gpu", maker.name} & set(map(str, capabilities)))


def asks(service: Composed, maker: Maker) -> Iterator[str]:
    """In words, each way in which a service asks for this maker's devices; nothing where it does not."""
    sharing = maker.sharing
    for one in service.entries(*RESERVED):
        if is_reservation(one, maker):
            yield f"reserves {_which(one)}"
        elif isinstance(one, dict) and one.get("driver") == SPECIFIED:
            yield f"reserves {one.get('device_ids')}"
    if service.get("gpus"):
        yield f"gpus: {service.get('gpus')}"
    if sharing.runtime and service.get("runtime") == sharing.runtime:
        yield f"runtime: {sharing.runtime}"
    named = [source_of(one) for one in service.entries("devices")]
    yield from (f"device {one}" for one in named if is_device_of(one, maker))
    if service.get("privileged") is True and sharing.nodes:
        yield "privileged"


def source_of(device: object) -> str:
    """What an entry of `devices` names on the node, in its short or long form."""
    if isinstance(device, dict):
        return str(device.get("source", ""))
    return str(device).partition(":")[0]


def is_device_of(source: str, maker: Maker) -> bool:
    """Whether a device's name or node belongs to this maker."""
    sharing = maker.sharing
    if sharing.kind and source.startswith(f"{sharing.kind}="):
        return True
    by_node = (one for one in sharing.nodes if source == one or source.startswith(f"{one}/"))
    named = (rule for rule in maker.nodes if not sharing.nodes and source == rule.example)
    return any(True for _ in (*by_node, *named))


def ask_for(text: str, name: str, asked: Asked, ground: Ground) -> str:
    """The text whose service asks for these devices; the same text where it does. Raises CannotAsk."""
    service = get_service(text, name)
    try:
        if asked.maker.sharing.driver:
            return _by_driver(service, asked)
        return _by_nodes(service, asked, ground)
    except BadYaml as error:
        raise CannotAsk(f"line {error.line or service.line()}: {error.words}") from None


def require_names(asked: Asked) -> None:
    """CannotAsk for device nodes where a driver wants numbers or UUIDs."""
    if any(one.startswith("/") for one in asked.devices):
        raise CannotAsk(f"name the devices of {asked.maker.title} by number or UUID, not by node")


def _by_driver(service: Composed, asked: Asked) -> str:
    require_names(asked)
    if service.get("gpus") is not None:
        return _short(service, asked)
    if _is_whole(service, asked):
        return service.text
    entries = service.entries(*RESERVED)
    numbers = [number for number, one in enumerate(entries) if is_reservation(one, asked.maker)]
    if not numbers:
        return add_item(service.text, (*service.path, *RESERVED), reservation(asked))
    return _amended(service, asked, numbers[0])


def _is_whole(service: Composed, asked: Asked) -> bool:
    """Whether another way asks for just this: the run-time, or names from specifications."""
    sharing = asked.maker.sharing
    wanted = set(asked.devices) or {ALL}
    kind = f"{sharing.kind}="
    named = [source_of(one) for one in service.entries("devices")]
    for one in service.entries(*RESERVED):
        if isinstance(one, dict) and one.get("driver") == SPECIFIED:
            named += map(str, one.get("device_ids") or ())
    if {one.removeprefix(kind) for one in named if one.startswith(kind)} == wanted:
        return True
    if service.get("runtime") != sharing.runtime or service.entries(*RESERVED):
        return False
    _, visible = service.variables().get(sharing.visible, ((), ALL))
    return set(visible.split(",")) == wanted


def _short(service: Composed, asked: Asked) -> str:
    """`gpus: all`, or a list with one entry; what stands there stays where it says the same."""
    said, path = service.get("gpus"), (*service.path, "gpus")
    whole = reservation(asked)
    if not asked.devices and said == ALL:
        return service.text
    if isinstance(said, list) and len(said) == 1 and isinstance(said[0], dict) and _says(said[0], asked):
        return service.text
    if not asked.devices:
        return put_value(service.text, path, ALL)
    return put_value(service.text, path, [whole])


def reservation(asked: Asked) -> dict[str, Any]:
    """The entry of reserved devices that asks for this."""
    found: dict[str, Any] = {"driver": asked.maker.sharing.driver}
    if asked.devices:
        found["device_ids"] = list(asked.devices)
    else:
        found["count"] = ALL
    return {**found, "capabilities": list(asked.capabilities)}


def _says(one: Mapping[str, Any], asked: Asked) -> bool:
    ids, count = one.get("device_ids"), one.get("count")
    capable = set(asked.capabilities) <= set(map(str, one.get("capabilities") or asked.capabilities))
    if asked.devices:
        return capable and count is None and ids is not None and set(map(str, ids)) == set(asked.devices)
    return capable and not ids and count in (ALL, -1, None)


def _amended(service: Composed, asked: Asked, number: int) -> str:
    """Only what differs in the entry that is there."""
    text, path = service.text, (*service.path, *RESERVED, number)
    there, wished = service.get(*RESERVED, number), reservation(asked)
    if _says(there, asked) and "capabilities" in there:
        return text
    if not set(asked.capabilities) <= set(map(str, there.get("capabilities") or ())):
        more = [one for one in there.get("capabilities") or () if one not in asked.capabilities]
        text = put_value(text, (*path, "capabilities"), [*asked.capabilities, *more])
    for key in ("device_ids", "count"):
        if key in wished and not _says({**there, "capabilities": None}, asked):
            text = put_value(text, (*path, key), wished[key])
    for key in ("device_ids", "count"):
        if key in there and key not in wished:
            text = drop(text, (*path, key))
    return text


def _by_nodes(service: Composed, asked: Asked, ground: Ground) -> str:
    text, there = service.text, [source_of(one) for one in service.entries("devices")]
    sharing = asked.maker.sharing
    if any(one.startswith(f"{sharing.kind}=") for one in there) and not asked.devices:
        return text
    for node in nodes_for(asked):
        if not any(node == one or node.startswith(f"{one}/") for one in there):
            text = add_item(text, (*service.path, "devices"), f"{node}:{node}")
    groups = set(map(str, service.entries("group_add")))
    for group in ground.groups:
        if not groups & {str(group), *sharing.groups}:
            text = add_item(text, (*service.path, "group_add"), str(group))
    return text


def nodes_for(asked: Asked) -> tuple[str, ...]:
    """The device nodes that give these devices; CannotAsk for devices that are not named by their nodes."""
    nodes = asked.maker.sharing.nodes
    if not asked.devices:
        return nodes
    if any(not one.startswith("/dev/") for one in asked.devices):
        raise CannotAsk("name its devices by their nodes, like /dev/dri/renderD128")
    whole = tuple(one for one in nodes if not any(device.startswith(f"{one}/") for device in asked.devices))
    return whole + asked.devices


def _which(one: Mapping[str, Any]) -> str:
    if one.get("device_ids"):
        return "the devices " + ", ".join(map(str, one["device_ids"]))
    return f"{one.get('count', ALL)} devices"
