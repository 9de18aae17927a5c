"""Reserved devices of a compose service, rule by rule: what Compose refuses, and what gives less than was meant.

Sources: docs.docker.com/compose/how-tos/gpu-support, the Compose specification's deploy.md and its schema (device_ids
are strings, count is a number or "all"); for parts of the driver moby's daemon/nvidia_linux.go: a request that names
parts gives only these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from keepwell.formats.yaml_edit import Path, add_item, drop
from keepwell.plugins.container_gpu.compose import FILLED_IN, RESERVED, SPECIFIED, Composed, is_reservation
from keepwell.plugins.container_gpu.found import drop_from, find_mistake, put_in
from keepwell.plugins.container_gpu.ground import ALL, Ground, Mistake
from keepwell.plugins.device_sharing import Maker

#: Places below a service where people put reserved devices that mean nothing there.
WRONG_PLACES: tuple[tuple[str, ...], ...] = (
    ("resources", "reservations", "devices"),
    ("reservations", "devices"),
    ("deploy", "reservations", "devices"),
    ("deploy", "resources", "devices"),
    ("deploy", "resources", "limits", "devices"),
    ("deploy", "devices"),
)
WHERE = ".".join(RESERVED)


def find_misplaced(service: Composed) -> Iterator[Mistake]:
    """Reservations at a place where they mean nothing."""
    for place in WRONG_PLACES:
        entries = service.get(*place)
        if isinstance(entries, list) and any(_is_entry(one) for one in entries):
            words = f"{'.'.join(place)} means nothing: reserved devices stand below {WHERE}"
            yield find_mistake("misplaced", service, place, words, partial(_move, service, place, entries))
    for number, one in enumerate(service.entries("devices")):
        if _is_entry(one):
            words = f"a reservation is no entry of devices: it stands below {WHERE}"
            mend = partial(_move, service, ("devices", number), [one])
            yield find_mistake("misplaced", service, ("devices", number), words, mend)


def find_wrong_reservations(service: Composed, ground: Ground) -> Iterator[Mistake]:
    """What is wrong in the reservations where they belong."""
    entries = service.get(*RESERVED)
    if isinstance(entries, dict):
        words = "reserved devices are a list: `- ` is missing"
        yield find_mistake("no-list", service, RESERVED, words, partial(put_in, service, RESERVED, [entries]))
    for number, one in enumerate(service.entries(*RESERVED)):
        if isinstance(one, dict):
            yield from _find_in_entry(service, (*RESERVED, number), one, ground)


def _is_entry(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    return "capabilities" in one or ("driver" in one and bool({"count", "device_ids"} & set(one)))


def _move(service: Composed, place: Path, entries: list[Any]) -> str:
    """The reservations where they belong; nothing where they were."""
    text = service.text
    for one in entries:
        text = add_item(text, (*service.path, *RESERVED), one)
    return drop_from(text, service, place)


def _find_in_entry(service: Composed, place: Path, one: Mapping[str, Any], ground: Ground) -> Iterator[Mistake]:
    ids, count = one.get("device_ids"), one.get("count")
    if ids is not None and count is not None:
        words = "count and device_ids exclude each other: Compose refuses both"
        mend = partial(drop, service.text, (*service.path, *place, "count"))
        yield find_mistake("count-and-ids", service, (*place, "count"), words, mend)
    if isinstance(ids, list) and any(not isinstance(each, str) for each in ids):
        words, fixed = "device_ids are texts: a number without quotes is refused", [str(each) for each in ids]
        yield find_mistake(
            "ids-no-texts", service, (*place, "device_ids"), words, partial(_put_ids, service, place, fixed)
        )
    elif isinstance(ids, str | int) and FILLED_IN not in str(ids):
        words, fixed = "device_ids are a list", str(ids).split(",")
        yield find_mistake(
            "ids-no-list", service, (*place, "device_ids"), words, partial(_put_ids, service, place, fixed)
        )
    if ids is None and count is not None and not _is_count(count):
        words = f"count is a whole number from 1, or all; not {count}"
        yield find_mistake("count", service, (*place, "count"), words, partial(put_in, service, (*place, "count"), ALL))
    yield from _find_in_capabilities(service, place, one, ground)
    for maker in ground.makers:
        if is_reservation(one, maker):
            yield from _find_missing_devices(service, place, one, maker, ground)
    if one.get("driver") == SPECIFIED and not ids and ground.makers:
        kind = ground.makers[0].sharing.kind
        words = "the driver cdi wants the names of devices"
        yield find_mistake(
            "no-names", service, (*place, "driver"), words, partial(_put_ids, service, place, [f"{kind}={ALL}"])
        )


def _put_ids(service: Composed, place: Path, ids: list[str]) -> str:
    return put_in(service, (*place, "device_ids"), ids)


def _find_in_capabilities(service: Composed, place: Path, one: Mapping[str, Any], ground: Ground) -> Iterator[Mistake]:
    said, here = one.get("capabilities"), (*place, "capabilities")
    if said is None:
        words = "capabilities: [gpu] is missing: Compose refuses the reservation"
        yield find_mistake("no-capabilities", service, place, words, partial(put_in, service, here, ["gpu"]))
    elif isinstance(said, str) and FILLED_IN not in said:
        words = "capabilities are a list"
        yield find_mistake(
            "capabilities-no-list", service, here, words, partial(put_in, service, here, said.split(","))
        )
    elif isinstance(said, list) and not said:
        words = "capabilities are empty: no driver is chosen"
        yield find_mistake("no-capabilities", service, here, words, partial(put_in, service, here, ["gpu"]))
    elif isinstance(said, list):
        for maker in ground.makers:
            parts = set(map(str, said)) & set(maker.sharing.parts_known)
            lacking = [part for part in maker.sharing.parts_needed if part not in parts]
            if parts and lacking and is_reservation({"driver": maker.sharing.driver, **one}, maker):
                words = f"only {', '.join(sorted(parts))} of the driver is asked for; {', '.join(lacking)} is missing"
                yield find_mistake("part", service, here, words, partial(put_in, service, here, [*said, *lacking]))


def _find_missing_devices(
    service: Composed, place: Path, one: Mapping[str, Any], maker: Maker, ground: Ground
) -> Iterator[Mistake]:
    """More devices than there are, or numbers that none has: the container does not start."""
    there = ground.counts.get(maker.name, 0)
    count, ids = one.get("count"), one.get("device_ids")
    if there and isinstance(count, int) and count > there:
        words = f"{count} devices are asked for, the node has {there}"
        yield find_mistake(
            "too-many", service, (*place, "count"), words, partial(put_in, service, (*place, "count"), ALL)
        )
    if there and isinstance(ids, list):
        beyond = [str(each) for each in ids if str(each).isdecimal() and int(each) >= there]
        if beyond:
            words = f"no device has the number {', '.join(beyond)}: the node has {there}, counted from 0"
            yield find_mistake("no-such-device", service, (*place, "device_ids"), words)


def _is_count(count: object) -> bool:
    """Whether Compose takes it: `all`, -1 for the same, a number, or what is filled in later."""
    if isinstance(count, bool) or count == 0:
        return False
    return isinstance(count, int) or count == ALL or str(count).isdecimal() or FILLED_IN in str(count)
