"""A bundle says what the node said: the same findings and causes, live and recorded, with secrets masked."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from keepwell.app.bundle_report import BundleDifference, BundleReport, MemberReport
from keepwell.app.bundles import compare_bundles, mask_bundle, show_bundle
from keepwell.app.catalogue import get_catalogue, get_follow_ups
from keepwell.app.collecting import Collected, Wanted, collect, diagnose_bundle
from keepwell.app.plain import document
from keepwell.core.errors import NotThere, RefusedError
from keepwell.diagnose.diagnosis import diagnose
from keepwell.survey.survey import survey
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Reply
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.bundle import save_bundle
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import Machine
from tests.redact.planted import build_log, forms, plants

#: How far the confidence of the first cause may differ between a look and the bundle of it.
MARGIN = 0.02
#: Seconds for a bundle of this machine at level 2, as promised.
BUNDLE_SECONDS = 20.0
SECRETS = list(plants(300, seed=21))
MODELS = "/home/mia/models"


def _machine(*, closed: bool) -> Machine:
    """A machine whose engine runs as mia, with secrets all over the place; its models folder may be closed."""
    machine = Machine()
    environment = {"HOME": "/home/mia", "USER": "mia", "OLLAMA_MODELS": MODELS, "HF_TOKEN": "hf_" + "Ab1" * 11}
    log = "/home/mia/serve.log"
    machine.process(700, ["/usr/bin/ollama", "serve"], uid=997, gid=996, environment=environment, output=log)
    machine.listen(700, 11434)
    machine.files.put(log, build_log(SECRETS).decode("utf-8") + "Listening on 127.0.0.1:11434 (version 0.9.3)\n")
    mode, owner = {True: (0o700, 0), False: (0o755, 997)}[closed]
    for folder in ("/home", "/home/mia"):
        machine.files.put(folder, TapeFile(kind="directory", mode=0o755))
    for folder in (MODELS, f"{MODELS}/blobs", f"{MODELS}/manifests"):
        machine.files.put(folder, TapeFile(kind="directory", mode=mode, names=(), uid=owner))
    node = machine.ready()
    _answers(node)
    if closed:
        error = "Error: open /home/mia/models/manifests: permission denied\n"
        machine.files.put(log, build_log(SECRETS).decode() + error)
    return machine


def _answers(node: RecordedNode) -> None:
    url = "http://127.0.0.1:11434"
    node.reply("GET", f"{url}/", "Ollama is running")
    node.reply("GET", f"{url}/api/version", '{"version":"0.9.3"}')
    node.reply("GET", f"{url}/api/tags", '{"models":[]}')
    node.reply("GET", f"{url}/api/ps", '{"models":[]}')
    node.reply("GET", f"{url}/v1/models", Reply(status=200, body=b'{"object":"list","data":null}'))


async def _collected(machine: Machine, *, names: bool = False) -> Collected:
    return await collect(machine.node, machine.clock, Wanted(names=names))


@pytest.mark.parametrize("closed", [False, True], ids=["well", "models closed"])
async def test_a_bundle_tells_what_the_node_tells(closed: bool, tmp_path: Path) -> None:
    machine = _machine(closed=closed)
    live = await survey(machine.node, machine.clock, level=2)
    told = diagnose(live.seen, live.findings, (), get_catalogue(), get_follow_ups())
    path = tmp_path / "node.kwb"
    save_bundle((await _collected(machine)).archive, path)
    again, retold = await diagnose_bundle(path)
    assert len(live.sites) == 1
    assert [(one.check, one.status) for one in again.findings] == [(one.check, one.status) for one in live.findings]
    assert [one.issue for one in retold.hypotheses[:1]] == [one.issue for one in told.hypotheses[:1]]
    for one, other in zip(told.hypotheses[:1], retold.hypotheses[:1], strict=True):
        assert abs(one.confidence - other.confidence) <= MARGIN
    bad = {one.check for one in again.findings if one.bad}
    assert ("store.readable" in bad) is closed


async def test_no_secret_and_no_person_is_in_the_archive() -> None:
    got = await _collected(_machine(closed=False))
    data = gzip.decompress(got.archive)
    left = [one.format for one in SECRETS if any(form in data for form in forms(one.value))]
    assert left == []
    at = data.lower().find(b"mia")
    assert at < 0, data[max(0, at - 60) : at + 20]
    assert b"hf_Ab1" not in data
    assert sum(got.manifest.masked.values()) >= len(SECRETS)
    assert not any(value in repr(got.masked) for value in (one.value for one in SECRETS))


async def test_the_same_look_gives_the_same_bytes() -> None:
    one, two = await _collected(_machine(closed=False)), await _collected(_machine(closed=False))
    assert gzip.decompress(one.archive)[:512] == gzip.decompress(two.archive)[:512]
    assert one.manifest.used == two.manifest.used


async def test_show_and_diff_and_redact(tmp_path: Path) -> None:
    well, closed = tmp_path / "well.kwb", tmp_path / "closed.kwb"
    save_bundle((await _collected(_machine(closed=False))).archive, well)
    save_bundle((await _collected(_machine(closed=True))).archive, closed)
    shown = show_bundle(str(closed), "")
    assert isinstance(shown, BundleReport)
    assert "store.readable" in {one.check for one in shown.findings}
    assert document(shown)["schema"] == "keepwell.bundle/1"
    member = show_bundle(str(well), "/etc/passwd")
    assert isinstance(member, MemberReport)
    assert "<user-1>:x:1000:1000" in member.text
    assert "ollama:x:997" in member.text
    with pytest.raises(NotThere):
        show_bundle(str(well), "/etc/shadow")
    difference = compare_bundles(str(well), str(closed))
    assert isinstance(difference, BundleDifference)
    assert any(row.kind == "finding" and row.what.startswith("store.readable") for row in difference.rows)
    assert compare_bundles(str(well), str(well)).exit_code == 0
    again = mask_bundle(str(well), out=str(tmp_path / "again.kwb"), names=False)
    assert again.masked == show_bundle(str(well), "").masked
    assert compare_bundles(str(well), str(tmp_path / "again.kwb")).rows == ()
    with pytest.raises(RefusedError):
        mask_bundle(str(well), out=str(closed), names=False)


async def test_host_names_are_masked_when_asked() -> None:
    machine = _machine(closed=False)
    machine.node.name = "attic-gpu"
    machine.files.put("/etc/hostname", "attic-gpu\n")
    got = await _collected(machine, names=True)
    assert b"attic" not in gzip.decompress(got.archive)
    assert got.manifest.node == "<host-1>"


async def test_an_account_that_is_called_like_an_engine_hides_nothing() -> None:
    machine = _machine(closed=True)
    machine.files.put("/etc/passwd", "ollama:x:1001:1001::/home/ollama:/bin/sh\nroot:x:0:0::/root:/bin/sh\n")
    got = await _collected(machine)
    assert any(site.engine == "ollama" for site in got.result.sites)
    data = gzip.decompress(got.archive)
    assert b"/usr/bin/ollama" in data
    assert b"/home/ollama" not in data


async def test_what_may_not_be_read_stays_so(tmp_path: Path) -> None:
    machine = _machine(closed=False)
    machine.files.put("/proc/700/environ", TapeFile(unreadable=Refusal(kind="NotPermitted", what="for /home/mia")))
    path = tmp_path / "n.kwb"
    save_bundle((await _collected(machine)).archive, path)
    assert (await diagnose_bundle(path))[0].sites


@pytest.mark.timeout(90)
async def test_this_machine_in_time() -> None:
    began = time.monotonic()
    transport = LocalTransport()
    got = await collect(transport, SystemClock(), Wanted())
    await transport.close()
    assert time.monotonic() - began < BUNDLE_SECONDS
    assert len(got.archive) < 50_000_000
