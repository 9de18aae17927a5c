"""What dashboards may ask of the gateway is what it tells, under the same names, kinds and labels."""

from __future__ import annotations

from typing import cast

from keepwell.formats.prometheus import PREFIX
from keepwell.gateway.access import Access
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.gauges import find_gauges
from keepwell.gateway.record.measures import Measures
from keepwell.gateway.record.recorder import make_row
from keepwell.metrics.pages import GATEWAY_PAGE
from keepwell.plugins.dialect import Usage
from keepwell.plugins.registry import load_all
from keepwell.plugins.routing import Policy, Replica
from keepwell.store.keys import Key
from tests.export.real import promtool
from tests.gateway.exposition import read_exposition


def full_page() -> bytes:
    """A page on which every name has a sample."""
    facts = Facts(1, 10.0)
    facts.route, facts.replica, facts.proof = "m", "box/0", "verified"
    facts.started, facts.first, facts.last, facts.ended = 10.5, 11.0, 13.0, 13.5
    facts.stream, facts.usage, facts.times = True, Usage(7, 5, 3), [11.0, 13.0]
    measures = Measures()
    measures.count([facts], [make_row(facts, 0.0)])
    policies = cast("dict[str, Policy]", load_all("routing"))
    scheduler = Scheduler([], [], policies)
    scheduler.replace(
        [Replica(id="box/0", node="n", host="h", port=1, dialects=frozenset({"d"}), limit=1)],
        [Route(name="m", replicas={"box/0": "m"})],
    )
    access = Access()
    access.replace([Key(name="ada", digest="0", per_minute=3)], frozenset())
    return measures.render(find_gauges(scheduler, access, 1, {"queue_full": 2}))


def test_names_kinds_and_labels_are_those_of_the_page() -> None:
    found = {
        name: (family.kind, {label for _, labels in family.samples for label, _ in labels} - {"le"})
        for name, family in read_exposition(full_page()).items()
    }
    assert found == {PREFIX + one.name: (one.kind, set(one.labels)) for one in GATEWAY_PAGE}


def test_words_are_those_of_the_page() -> None:
    page = full_page().decode()
    for one in GATEWAY_PAGE:
        assert f"# HELP {PREFIX}{one.name} {one.help}\n" in page


def test_promtool_finds_nothing_to_say_against_the_page() -> None:
    done = promtool("check", "metrics", stdin=full_page())
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)
