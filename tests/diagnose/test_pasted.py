"""Pasted texts to causes: findings of a text speak beside its signatures, and no line counts twice."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest

from keepwell.core.finding import Finding, Status
from keepwell.core.issue import Evidence
from keepwell.core.observation import Seen
from keepwell.core.ref import node
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.clues import TextHits
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.diagnose.pasted import diagnose_pasted
from keepwell.diagnose.weigh import Fired, share_groups
from keepwell.scan.tally import Line
from keepwell.survey.pasted import TEXT_CHARS
from tests.survey.pasted_texts import TELLING

#: Texts of two facts that a person would name the cause of at once, and that cause.
CAUSES = {
    "published on loopback only": "bind-address-loopback-only",
    "listens on loopback only": "bind-address-loopback-only",
    "listens on IPv4, asked by IPv6": "localhost-address-wrong",
    "a container asks itself": "localhost-address-wrong",
    "dropped on the way": "firewall-or-nat-blocks-port",
    "a model that is not in the list": "model-name-mismatch",
    "another model answers": "backend-ignores-model-name",
    "slots share the context": "context-divided-by-slots",
    "a prompt beyond the context": "prompt-exceeds-context",
    "a cache too small for the context": "kv-cache-too-small-for-context",
    "more threads than processors": "threads-exceed-cpu-quota",
    "more threads than cpu.max": "threads-exceed-cpu-quota",
    "a container without a GPU": "container-gpu-not-requested",
    "a compose file without a GPU": "container-gpu-not-requested",
    "a GPU lost in the container": "container-gpu-lost-cgroup-reload",
    "a setting of the shell": "env-not-applied-to-service",
    "a library of a newer major version": "driver-too-old-for-cuda",
    "module and library": "driver-library-version-mismatch",
    "a module for another kernel": "kernel-module-not-loaded",
    "more ranks than GPUs": "tensor-parallel-size-invalid",
    "a folder of somebody else": "data-dir-not-writable",
    "an engine's load limit, measured by the engine": "model-load-slow-or-timeout",
    "a virtual machine with too little memory": "vm-memory-limit",
    "killed at the limit of its pod": "insufficient-system-memory",
    "a package of another release": "python-dependency-mismatch",
    "an address without the API's prefix": "api-base-url-wrong",
    "an address with the prefix twice": "api-base-url-wrong",
    "a container without the driver's program": "container-gpu-not-requested",
    "threads in a batch job": "threads-exceed-cpu-quota",
    "reasons for lowered clocks, cut out": "gpu-throttled",
    "a unit that failed": "engine-not-running",
    "a port that docker ps shows on loopback": "bind-address-loopback-only",
    "a container that was killed, inspected": "insufficient-system-memory",
    "no layer asked for": "gpu-disabled-by-setting",
    "an image that wants a newer driver": "driver-too-old-for-cuda",
    "a setting of the unit": "env-not-applied-to-service",
    "the limit of the proxy that is shown": "request-timeout-too-short",
    "a proxy that collects": "reverse-proxy-breaks-stream",
    "shared memory of 64 MB": "shm-too-small",
    "open files": "open-file-or-watch-limit",
    "nothing may run from /tmp": "tmp-dir-unusable",
    "another driver holds the card": "open-driver-holds-gpu",
}


@cache
def known() -> Catalogue:
    """The shipped catalogue, loaded once."""
    return load_catalogue()


TEXTS = {name: text for name, _, _, text in TELLING}


@pytest.mark.parametrize(("name", "cause"), CAUSES.items(), ids=list(CAUSES))
def test_two_facts_name_their_cause(name: str, cause: str) -> None:
    found = diagnose_pasted("evidence", (TEXTS[name].encode(),), known())
    assert found.hypotheses[0].issue == cause, [(one.issue, one.confidence) for one in found.hypotheses[:3]]


def test_a_long_text_is_only_scanned_and_not_held() -> None:
    text = TEXTS["a full disk"].encode()
    chunks = (text, b"a line that says nothing\n" * (TEXT_CHARS // 10), b"Error: no space left on device\n")
    found = diagnose_pasted("log", iter(chunks), known())
    assert found.findings == ()
    assert "disk-full" in [one.issue for one in found.hypotheses]
    assert found.lines_read == sum(one.count(b"\n") for one in chunks)


def test_a_check_of_texts_is_never_the_next_probe() -> None:
    for text in TEXTS.values():
        found = diagnose_pasted("evidence", (text.encode(),), known())
        assert found.next_probe is None or " text." not in found.next_probe.say
        assert all(not one.check.startswith("text.") for cause in found.hypotheses for one in cause.undecided)


def fired(weight: float, group: str, *, lines: tuple[int, ...] = (), said: str = "") -> Fired:
    """Evidence that fired: of a pasted text at these lines, or of a finding that rests on `said`."""
    evidence = Evidence(say=group, weight=weight)
    if said:
        one = Finding(check="text.x", subject=node("pasted"), status=Status.WARNING, message="", facts={"lines": said})
        return Fired(evidence=evidence, group=group, weight=weight, finding=one)
    text = TextHits(name="evidence", hits={}, pasted=True)
    shown = tuple(Line(number, "x") for number in lines)
    return Fired(evidence=evidence, group=group, weight=weight, text=text, lines=shown)


def test_a_line_counts_once() -> None:
    finding = fired(3.0, "finding", said="2 3")
    within, beyond = fired(4.0, "within", lines=(2,)), fired(4.0, "beyond", lines=(3, 9))
    against, log = fired(-2.0, "against", lines=(2,)), fired(2.0, "log", lines=(2,))
    assert log.text is not None
    log = dataclasses.replace(log, text=dataclasses.replace(log.text, pasted=False))
    groups = [one.group for one in share_groups([finding, within, beyond, against, log])]
    assert groups == ["finding", "finding", "beyond", "against", "log"]


def test_what_a_text_shows_adds_to_what_its_words_say() -> None:
    """The same text without the look at it is less sure of its cause, or no surer."""
    text = TEXTS["published on loopback only"].encode()
    catalogue = known()
    plain = diagnose(Seen(), (), (Text(name="evidence", chunks=(text,)),), catalogue)
    looked = diagnose_pasted("evidence", (text,), catalogue)
    words = {one.issue: one.score for one in plain.hypotheses}
    shown = {one.issue: one.score for one in looked.hypotheses}
    assert shown["bind-address-loopback-only"] > words.get("bind-address-loopback-only", 0.0)
