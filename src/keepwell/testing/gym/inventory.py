"""The inventory of a node: what there is, and so what there is no use to look at."""

from __future__ import annotations

from keepwell.core.observation import Seen
from keepwell.core.values import row_of, text_of
from keepwell.diagnose.outlook import find_empty
from keepwell.plugins.services import load_services
from keepwell.plugins.whereabouts import find_candidates
from keepwell.probes.services import make_scene
from keepwell.survey.drafts import ANSWERS
from keepwell.survey.timetable import HINTS

#: What the probes count as together that tell what there is.
INVENTORY = "inventory"
INVENTORY_NAMES = (*HINTS, "device.list")
#: Checks that discovery has answered as well as they can be, where every engine answered it.
OF_SILENCE = frozenset({"engine.running", "engine.responding"})


def find_nothing(seen: Seen) -> frozenset[str]:
    """The listings that hold nothing. Services are not listed yet; where no process, socket or container is one,
    there is hardly any.
    """
    empty = find_empty(seen)
    nodes = seen.subjects("node")
    if all(seen.named(name) for name in HINTS) and not any(
        find_candidates(make_scene(seen, one, load_services(), ()), ()) for one in nodes
    ):
        return empty | {"service.site"}
    return empty


def find_answered(seen: Seen) -> frozenset[str]:
    """The checks that need not be made because every engine answered while the inventory was taken."""
    found = [text_of(row_of(one.value), "found") for one in seen.named("engine.site")]
    if found and all(one == ANSWERS for one in found):
        return OF_SILENCE
    return frozenset()
