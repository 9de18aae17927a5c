"""Stores on another node: digests are made there, and the plan that sets something aside is that node's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import undo_run
from keepwell.app.operation import Caller
from keepwell.app.stores.cleaning import plan_cleaning
from keepwell.app.stores.migrating import Wish, migrate
from keepwell.app.stores.verifying import list_models, verify
from keepwell.core.errors import ConfigurationError
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
from tests.planted import make_store, snapshot


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not find_sshd():
        pytest.skip("no sshd here")
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def caller_of(folder: Path, sshd: Sshd) -> Caller:
    """A caller whose keepwell.toml names the node."""
    node = sshd.node()
    rows = [f'name = "{node.name}"', f'address = "{node.address}"', f"port = {node.port}", f'user = "{node.user}"']
    rows += [f'key = "{node.key}"', f'known_hosts = "{node.known_hosts}"']
    path = folder / "keepwell.toml"
    path.write_text("[[node]]\n" + "\n".join(rows) + "\n")
    return Caller(state=folder / "state", config=path)


async def test_a_far_store_is_read_listed_and_planned_there(sshd: Sshd, tmp_path: Path) -> None:
    make_store(tmp_path / "models")
    caller, root, node = caller_of(tmp_path, sshd), str(tmp_path / "models"), sshd.node().name
    before = snapshot(tmp_path / "models")
    here, there = await verify(caller, root), await verify(caller, root, node)
    assert there.exit_code == 2
    assert there.stores == here.stores
    assert (await list_models(caller, root, node)).models == (await list_models(caller, root)).models
    (planned,) = (await plan_cleaning(caller, root, node)).planned
    assert planned.plan.subject.node == node
    assert len(planned.plan.changes) > 4
    assert snapshot(tmp_path / "models") == before
    with pytest.raises(ConfigurationError, match="on "):
        await verify(caller, "./models", node)


async def test_a_far_store_is_moved_there_and_back(sshd: Sshd, tmp_path: Path) -> None:
    root, target = tmp_path / "home" / "models", tmp_path / "big" / "models"
    make_store(root)
    target.parent.mkdir()
    caller, before = caller_of(tmp_path, sshd), snapshot(tmp_path / "home")
    report = await migrate(caller, Wish(engine=str(root), to=str(target), node=sshd.node().name, limit="50 MiB/s"))
    assert report.state == "moved", report
    assert root.is_symlink()
    assert snapshot(target).keys() == snapshot(Path(report.old)).keys()
    assert (await undo_run(caller, report.run)).outcome.state == "undone"
    assert snapshot(tmp_path / "home") == before
