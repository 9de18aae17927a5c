"""A container's GPU by Proxmox's API, from a machine that is not its host: over HTTPS, by whole commands."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.desired.drifting import find_drift
from keepwell.app.desired.planning import plan_all
from keepwell.app.operation import Caller
from keepwell.core.errors import RefusedError
from keepwell.testing.fake_proxmox import AUDIT, CONFIG, POWER, FakeContainer, FakeProxmox
from tests.gateway.certificates import make_certificate

PASSWORD, TOKEN, TOKEN_USER = "correct-horse", "0b9c3f1e-aaaa-bbbb-cccc-000000000001", "keepwell@pve!gpu"
BEFORE = {"hostname": "llm", "memory": "8192", "dev0": "/dev/net/tun,mode=0666"}
DEVICES = ["/dev/dri/renderD128,gid=104", "/dev/net/tun"]
AFTER = {**BEFORE, "dev1": "/dev/dri/renderD128,gid=104"}


@dataclass
class Cluster:
    """A fake cluster, and keepwell's own configuration of it."""

    fake: FakeProxmox
    folder: Path
    fingerprint: str

    @property
    def container(self) -> FakeContainer:
        return self.fake.containers["pve1", 101]

    def caller(self, user: str = "root@pam", secret: str = PASSWORD, *, fingerprint: str = "") -> Caller:
        """Whoever asks for the container's GPU."""
        (self.folder / "secret").write_text(f"{secret}\n")
        config = self.folder / "keepwell.toml"
        config.write_text(
            f'''[[node]]
name = "lab"
address = "127.0.0.1"
port = {self.fake.port}
reach = "proxmox"
user = "{user}"
token = {{file = "{self.folder / "secret"}"}}
fingerprint = "{fingerprint or self.fingerprint}"

[[desired]]
nodes = ["lab"]
[[desired.container_devices]]
host = "pve1"
container = 101
devices = ["{DEVICES[0]}", "{DEVICES[1]}"]
'''
        )
        return Caller(config=config, state=self.folder / "state")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    certificate, key = make_certificate(tmp_path, "pve1")
    fake = FakeProxmox(
        containers={("pve1", 101): FakeContainer(settings=dict(BEFORE), raw=[("lxc.apparmor.profile", "unconfined")])},
        logins={"root@pam": PASSWORD, TOKEN_USER: TOKEN},
        rights={TOKEN_USER: {AUDIT, CONFIG, POWER}},
    )
    await fake.start(certificate, key)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
    yield Cluster(fake, tmp_path, digest)
    await fake.close()


async def plan(caller: Caller) -> tuple[str, ...]:
    report = await plan_all(caller, "", ["lab"])
    assert not report.unreached, report.unreached
    return tuple(one.id for one in report.planned)


async def why_not(caller: Caller) -> str:
    """Why no plan is made."""
    report = await find_drift(caller, ["lab"])
    return " ".join(str(one) for one in (*report.nodes, *report.unreached))


async def apply_and_die(cluster: Cluster, caller: Caller, run: str) -> None:
    """keepwell is killed when the change was made and before it heard of it."""
    killed: list[int] = []
    argv = ["-m", "keepwell", "apply", run, "--config", str(caller.config)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *argv, env={**os.environ, "KEEPWELL_STATE": str(caller.state)}
    )

    def kill() -> None:
        process.kill()
        killed.append(process.pid)

    cluster.fake.after_change = kill
    assert await process.wait() == -signal.SIGKILL
    assert killed
    cluster.fake.after_change = None


@pytest.mark.long
async def test_it_is_planned_applied_found_done_and_taken_back(cluster: Cluster) -> None:
    caller = cluster.caller()
    (run,) = await plan(caller)
    assert cluster.container.wished == BEFORE
    applied = await apply_run(caller, run)
    assert applied.outcome.state == "well", applied.outcome
    assert (cluster.container.settings, cluster.container.pending) == (AFTER, {})
    assert cluster.container.running
    assert await plan(caller) == ()
    undone = await undo_run(caller, run)
    assert undone.outcome.state == "undone", undone.outcome
    assert (cluster.container.settings, cluster.container.pending) == (BEFORE, {})
    kept = b"".join(path.read_bytes() for path in (cluster.folder / "state").rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept
    assert b"PVEAuthCookie" not in kept


@pytest.mark.long
async def test_killed_between_the_change_and_its_journal_it_is_gone_on_with(cluster: Cluster) -> None:
    caller = cluster.caller()
    (run,) = await plan(caller)
    await apply_and_die(cluster, caller, run)
    assert (cluster.container.settings, cluster.container.wished) == (BEFORE, AFTER)
    calls = len(cluster.fake.calls)
    assert (await apply_run(caller, run)).outcome.state == "well"
    assert not [one for one in cluster.fake.calls[calls:] if one[0] == "PUT"]
    assert (cluster.container.settings, cluster.container.pending) == (AFTER, {})


@pytest.mark.long
async def test_killed_between_the_change_and_its_journal_it_is_taken_back(cluster: Cluster) -> None:
    caller = cluster.caller()
    (run,) = await plan(caller)
    await apply_and_die(cluster, caller, run)
    assert (await undo_run(caller, run)).outcome.state == "undone"
    assert (cluster.container.settings, cluster.container.pending) == (BEFORE, {})


@pytest.mark.long
async def test_killed_at_every_record_it_is_gone_on_with_or_taken_back(cluster: Cluster) -> None:
    caller = cluster.caller()
    for records in range(1, 40):
        for back in (False, True):
            (run,) = await plan(caller)
            argv = ["-m", "tests.app.applying.dying", str(caller.config), str(caller.state), run, str(records)]
            process = await asyncio.create_subprocess_exec(sys.executable, *argv)
            ended = await process.wait()
            if not back:
                assert (await apply_run(caller, run)).outcome.state == "well"
                assert cluster.container.settings == AFTER
            assert (await undo_run(caller, run)).outcome.state == "undone"
            assert cluster.container.wished == BEFORE, records
        if ended == 0:
            return
    pytest.fail("it has more records than that")


@pytest.mark.long
async def test_what_somebody_changes_meanwhile_stays(cluster: Cluster) -> None:
    caller = cluster.caller()
    (run,) = await plan(caller)
    cluster.fake.interfere = True
    with pytest.raises(RefusedError, match="this very moment"):
        await apply_run(caller, run)
    assert cluster.container.wished == {**BEFORE, "tags": "somebody"}
    assert (await apply_run(caller, run)).outcome.state == "well"
    cluster.container.settings["dev1"] = "/dev/other"
    with pytest.raises(RefusedError, match="somebody changed it since"):
        await undo_run(caller, run)
    cluster.container.settings["dev1"] = AFTER["dev1"]
    assert (await undo_run(caller, run)).outcome.state == "undone"
    assert cluster.container.settings == {**BEFORE, "tags": "somebody"}


async def test_another_certificate_hears_nothing(cluster: Cluster) -> None:
    assert "another certificate than the pinned one" in await why_not(cluster.caller(fingerprint="ab" * 32))
    assert cluster.fake.calls == []


@pytest.mark.parametrize(
    ("user", "secret", "rights", "said"),
    [
        (TOKEN_USER, TOKEN, {AUDIT, CONFIG, POWER}, "pct set 101 -dev1 /dev/dri/renderD128,gid=104"),
        (TOKEN_USER, TOKEN, {CONFIG}, "403 Permission check failed (/vms/101, VM.Audit)"),
        (TOKEN_USER, "another", {AUDIT}, "refuses the login"),
        ("root@pam", "another", {AUDIT}, "refuses the login"),
    ],
)
async def test_who_may_not_is_told_before_anything_is_done(
    cluster: Cluster, user: str, secret: str, rights: set[str], said: str
) -> None:
    cluster.fake.rights = {TOKEN_USER: rights}
    assert said in await why_not(cluster.caller(user, secret))
    assert not [one for one in cluster.fake.calls if one[0] == "PUT"]


@pytest.mark.long
async def test_a_node_that_is_down_and_a_task_that_fails(cluster: Cluster) -> None:
    caller = cluster.caller()
    (run,) = await plan(caller)
    cluster.fake.failing = "startup for container '101' failed"
    failed = await apply_run(caller, run)
    assert failed.outcome.state == "failed"
    assert "startup for container" in failed.outcome.detail
    cluster.fake.down = {"pve1"}
    assert "596" in await why_not(caller)
    cluster.fake.down = set()
    assert (await undo_run(caller, run)).outcome.state == "undone"
    assert cluster.container.wished == BEFORE


async def test_a_container_that_does_not_run_is_not_started(cluster: Cluster) -> None:
    cluster.container.running = False
    caller = cluster.caller()
    (run,) = await plan(caller)
    assert (await apply_run(caller, run)).outcome.state == "well"
    assert cluster.container.settings == AFTER
    assert not cluster.container.running


async def test_another_client_finds_the_same_api(cluster: Cluster) -> None:
    """The fake is judged by a client that others wrote."""
    proxmoxer = pytest.importorskip("proxmoxer")

    def ask() -> None:
        at = {"port": cluster.fake.port, "verify_ssl": False}
        token = proxmoxer.ProxmoxAPI("127.0.0.1", user="keepwell@pve", token_name="gpu", token_value=TOKEN, **at)
        assert token.nodes("pve1").lxc(101).status.current.get()["status"] == "running"
        with pytest.raises(proxmoxer.ResourceException, match="403"):
            token.nodes("pve1").lxc(101).config.put(dev1="/dev/null")
        with pytest.raises(proxmoxer.ResourceException, match="400"):
            token.nodes("pve1").lxc(101).config.put(lxc="x")
        root = proxmoxer.ProxmoxAPI("127.0.0.1", user="root@pam", password=PASSWORD, **at)
        config = root.nodes("pve1").lxc(101).config
        digest = config.get()["digest"]
        config.put(dev1="/dev/null", digest=digest)
        with pytest.raises(proxmoxer.ResourceException, match="detected modified"):
            config.put(delete="dev1", digest=digest)
        task = root.nodes("pve1").lxc(101).status.reboot.post()
        states = [root.nodes("pve1").tasks(task).status.get() for _ in range(3)]
        assert states[-1]["exitstatus"] == "OK"

    await asyncio.to_thread(ask)
    assert cluster.container.settings["dev1"] == "/dev/null"
