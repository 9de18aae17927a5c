"""What is wrong in a compose file: the ways in which a service asks for a GPU and gets none, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from keepwell.formats.yaml_edit import add_item
from keepwell.formats.yaml_places import BadYaml
from keepwell.plugins.container_gpu.compose import FILLED_IN, Composed, ask_for, asks, parse_services, source_of
from keepwell.plugins.container_gpu.found import drop_from, find_mistake, put_in
from keepwell.plugins.container_gpu.ground import ALL, UNDESCRIBED, Asked, Ground, Mistake, is_undescribed
from keepwell.plugins.container_gpu.reservations import find_misplaced, find_wrong_reservations
from keepwell.plugins.container_gpu.shared_memory import find_small_shared_memory
from keepwell.plugins.device_sharing import Maker
from keepwell.plugins.recognise import engine_of_name, load_engines

#: Keys of a service, one of which each service has; an entry of `services` without any is part of another.
OWN_KEYS = ("image", "build", "extends", "provider")
#: What stands below a service and never beside it.
PARTS = frozenset({"resources", "reservations", "limits", "devices"})


def find_compose_mistakes(text: str, ground: Ground) -> Iterator[Mistake]:
    """Every mistake about GPUs; one about the syntax alone where it is no compose file."""
    try:
        services = parse_services(text)
    except BadYaml as error:
        yield Mistake(kind="syntax", line=error.line or 1, words=error.words, mended=_without_tabs(text))
        return
    for service in services:
        yield from _find_in_service(service, ground)


def engine_of(service: Composed) -> str:
    """The engine plug-in that this service's image or name speaks of, "" for none."""
    image = str(service.get("image") or "").partition("@")[0].rpartition("/")[2]
    engines = load_engines()
    return engine_of_name(image, engines) or engine_of_name(service.name, engines)


def maker_for(service: Composed, ground: Ground) -> Maker | None:
    """Whose devices a service is meant to use: those that its image is made for, else the node's first."""
    image = str(service.get("image") or "").lower()
    fitting = [one for one in ground.makers if any(word in image for word in one.sharing.images)]
    return next(iter((*fitting, *ground.makers)), None)


def _find_in_service(service: Composed, ground: Ground) -> Iterator[Mistake]:
    if not any(service.get(key) for key in OWN_KEYS) and PARTS & set(service.said):
        words = f"{service.name} stands beside the services: it belongs below one of them, further in"
        yield find_mistake("indentation", service, (), words)
        return
    found = [*find_misplaced(service), *find_wrong_reservations(service, ground), *_find_in_short_form(service)]
    for maker in ground.makers:
        found += [*_find_in_runtime(service, maker, ground), *_find_in_variables(service, maker)]
        found += _find_in_nodes(service, maker, ground)
    found += [*_find_unspecified(service, ground), *find_small_shared_memory(service, engine_of(service))]
    yield from found
    if not found:
        yield from _find_silence(service, ground)


def _find_silence(service: Composed, ground: Ground) -> Iterator[Mistake]:
    """An engine that asks for no device of any maker: it computes on the CPU, and nothing says so."""
    maker = maker_for(service, ground)
    if maker is None or not engine_of(service) or any(_asks(service, one) for one in ground.makers):
        return
    words = f"it runs an engine and asks for no GPU; the node has one of {maker.title}"
    mend = partial(ask_for, service.text, service.name, Asked(maker=maker), ground)
    yield find_mistake("not-requested", service, (), words, mend, "warning")


def _asks(service: Composed, maker: Maker) -> bool:
    return any(True for _ in asks(service, maker))


def _find_in_short_form(service: Composed) -> Iterator[Mistake]:
    """`gpus` is `all` or a list; a number alone is refused by the schema of Compose."""
    said = service.get("gpus")
    if isinstance(said, bool) or (isinstance(said, str | int) and said != ALL and FILLED_IN not in str(said)):
        wished: object = ALL
        if str(said).isdecimal() and int(said):
            wished = [{"count": int(said)}]
        words = f"gpus is all, or a list of devices; not {said}"
        yield find_mistake("gpus", service, ("gpus",), words, partial(put_in, service, ("gpus",), wished))


def _find_in_runtime(service: Composed, maker: Maker, ground: Ground) -> Iterator[Mistake]:
    """A run-time that the daemon does not know: the reservation does the same without one."""
    sharing = maker.sharing
    if not sharing.runtime or service.get("runtime") != sharing.runtime:
        return
    if ground.runtimes is not None and sharing.runtime not in ground.runtimes:
        words = f"the daemon knows no run-time {sharing.runtime}: the container does not start"
        mend = partial(_without_runtime, service, maker, ground)
        yield find_mistake("runtime-unknown", service, ("runtime",), words, mend)


def _without_runtime(service: Composed, maker: Maker, ground: Ground) -> str:
    """Reserved devices in place of the run-time: the same ones that the variable chose."""
    _, visible = service.variables().get(maker.sharing.visible, ((), ALL))
    chosen = tuple(one for one in visible.split(",") if one not in (ALL, "none", "void", ""))
    text = drop_from(service.text, service, ("runtime",))
    return ask_for(text, service.name, Asked(maker=maker, devices=chosen), ground)


def _find_in_variables(service: Composed, maker: Maker) -> Iterator[Mistake]:
    """Variables that hide every device, or leave a part of the driver out."""
    hiding = {one.name: one.hiding for one in maker.selectors}
    variables = service.variables()
    for name, (place, value) in variables.items():
        if value in hiding.get(name, ()) and _asks(service, maker):
            words = f"{name}={value} hides every device that the service asks for"
            yield find_mistake("hidden", service, place, words, partial(drop_from, service.text, service, place))
    place, value = variables.get(maker.sharing.parts, ((), ALL))
    parts = value.split(",")
    lacking = [one for one in maker.sharing.parts_needed if one not in parts]
    if value != ALL and FILLED_IN not in value and lacking and _asks(service, maker):
        words = f"{maker.sharing.parts}={value} leaves {', '.join(lacking)} of the driver out"
        whole = ",".join([one for one in parts if one] + lacking)
        wished = {True: f"{maker.sharing.parts}={whole}", False: whole}[isinstance(place[-1], int)]
        yield find_mistake("part", service, place, words, partial(put_in, service, place, wished))


def _find_in_nodes(service: Composed, maker: Maker, ground: Ground) -> Iterator[Mistake]:
    """Some of the nodes that devices of this maker need, and not all of them; a user in none of their groups."""
    sharing = maker.sharing
    there = [source_of(one) for one in service.entries("devices")]
    image = str(service.get("image") or "").lower()
    meant = any(word in image for word in sharing.images)  # others may compute by Vulkan, which wants less
    named = [one for one in sharing.nodes if any(each == one or each.startswith(f"{one}/") for each in there)]
    lacking = [one for one in sharing.nodes if one not in named]
    if named and lacking and meant and service.get("privileged") is not True:
        words = f"{', '.join(named)} without {', '.join(lacking)}: nothing can compute"
        mend = partial(_with_nodes, service, lacking)
        yield find_mistake("half", service, ("devices",), words, mend)
    user = str(service.get("user") or "").partition(":")[0]
    joined = set(map(str, service.entries("group_add")))
    able = {*map(str, ground.groups), *sharing.groups}
    if named and user not in ("", "0", "root") and ground.groups and not joined & able:
        words = f"user {user} is in no group that may open {', '.join(named)}"
        yield find_mistake("no-group", service, ("user",), words, partial(_with_groups, service, ground))


def _with_nodes(service: Composed, nodes: list[str]) -> str:
    text = service.text
    for node in nodes:
        text = add_item(text, (*service.path, "devices"), f"{node}:{node}")
    return text


def _with_groups(service: Composed, ground: Ground) -> str:
    text = service.text
    for group in ground.groups:
        text = add_item(text, (*service.path, "group_add"), str(group))
    return text


def _find_unspecified(service: Composed, ground: Ground) -> Iterator[Mistake]:
    """A name of a device whose kind no specification describes (CDI)."""
    for number, one in enumerate(service.entries("devices")):
        kind, equals, _ = source_of(one).partition("=")
        if equals and is_undescribed(kind, ground):
            words = UNDESCRIBED.format(kind=kind)
            yield find_mistake("no-specification", service, ("devices", number), words)


def _without_tabs(text: str) -> str:
    """The text with tabs before its lines as two blanks each, if it is a compose file then: YAML has no tabs there."""
    spaced = re.sub(r"^[ \t]+", _as_blanks, text, flags=re.M)
    try:
        parse_services(spaced)
    except BadYaml:
        return ""
    return spaced * (spaced != text)


def _as_blanks(found: re.Match[str]) -> str:
    return found[0].replace("\t", "  ")
