"""engine.store: the models folder with the eyes of the user that serves, never with root's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing, absent
from keepwell.core.ref import node
from keepwell.core.values import row_of, rows_of
from keepwell.formats.permissions import READ, SEARCH, WRITE, User, find_user, lacks, user_of_status, with_bits
from keepwell.plugins.engine import StoreEntry
from keepwell.plugins.place import Place, Site
from keepwell.probes.engine_store import PROBE, judge_size
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import GROUP, PASSWD, Machine, about
from tests.probes.engines import REF, PlainEngine, WholeEngine, dead_site, place_of, process

OLLAMA = ("made", "serve")


def store_machine(**folder: int) -> Machine:
    """A store of root's at /models, served by user 997 (ollama)."""
    machine = Machine()
    machine.process(700, OLLAMA, uid=997, gid=996, groups=(105,))
    settings = {"mode": 0o755, "uid": 997, "gid": 996} | folder
    machine.files.put("/models", TapeFile(kind="directory", **settings))
    return machine


async def problems(machine: Machine, made: WholeEngine, site: Site | None = None) -> list[tuple[object, object]]:
    (seen,) = await PROBE.observe(place_of(machine, made, site=site))
    return [(row["kind"], row["path"]) for row in rows_of(row_of(seen.value)["problems"])]


async def test_a_store_that_its_user_may_use_has_no_problem() -> None:
    machine = store_machine()
    machine.files.put("/models/tiny.gguf", TapeFile(pieces=((0, b"GGUF"),), uid=997, mode=0o600))
    made = WholeEngine(files=(StoreEntry(path="/models/tiny.gguf", size_bytes=4, model="tiny"),))
    (seen,) = await PROBE.observe(place_of(machine, made))
    assert seen.value == {
        "path": "/models",
        "user": "mia",
        "uid": 997,
        "gid": 996,
        "groups": "105 996",
        "files": 1,
        "problems": (),
    }


async def test_a_folder_of_root_alone_keeps_the_user_out() -> None:
    machine = store_machine(mode=0o700, uid=0, gid=0)
    (seen,) = await PROBE.observe(place_of(machine, WholeEngine()))
    (row,) = rows_of(row_of(seen.value)["problems"])
    assert (row["kind"], row["path"], row["mode"], row["owner_uid"]) == ("unsearchable", "/models", "0700", 0)
    assert row["wished_mode"] == "0707"


async def test_a_folder_that_cannot_be_written_matters_only_to_an_engine_that_fetches() -> None:
    machine = store_machine(mode=0o755, uid=0, gid=0)
    assert await problems(machine, WholeEngine()) == [("unwritable", "/models")]
    assert await problems(machine, WholeEngine(fills_store=False)) == []


async def test_a_folder_above_that_cannot_be_searched_is_the_one_named() -> None:
    machine = store_machine()
    machine.files.put("/srv/ai", TapeFile(kind="directory", mode=0o700, uid=1000, gid=1000))
    machine.files.put("/srv/ai/models", TapeFile(kind="directory", mode=0o755, uid=997))
    assert await problems(machine, WholeEngine(folder="/srv/ai/models")) == [("unsearchable", "/srv/ai")]


async def test_a_link_leads_through_the_folders_of_its_target() -> None:
    machine = store_machine()
    machine.files.put("/disk", TapeFile(kind="directory", mode=0o700, uid=0))
    machine.files.put("/disk/models", TapeFile(kind="directory", mode=0o755, uid=997))
    machine.files.put("/linked", TapeFile(kind="link", target="disk/models"))
    assert await problems(machine, WholeEngine(folder="/linked")) == [("unsearchable", "/disk")]


async def test_root_without_its_capabilities_is_refused_like_anybody() -> None:
    machine = Machine()
    machine.process(700, OLLAMA)
    machine.files.put("/models", TapeFile(kind="directory", mode=0o000, uid=1000))
    assert await problems(machine, WholeEngine()) == []
    status = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\nCapEff:\t0000000000000000\n"
    machine.files.put("/proc/700/status", status)
    assert await problems(machine, WholeEngine()) == [("unsearchable", "/models")]


async def test_every_file_is_looked_at() -> None:
    machine = store_machine()
    for name, content, mode in [
        ("ok", b"12345678", 0o644),
        ("cut", b"123", 0o644),
        ("empty", b"", 0o644),
        ("shut", b"12345678", 0o600),
    ]:
        machine.files.put(f"/models/{name}", TapeFile(pieces=((0, content),), mode=mode))
    entries = [
        StoreEntry(path=f"/models/{name}", size_bytes=8, model=name) for name in ("ok", "cut", "empty", "gone", "shut")
    ]
    entries.append(StoreEntry(path="/models/m", size_bytes=0, model="m", problem="manifest-corrupt", detail="no JSON"))
    assert await problems(machine, WholeEngine(files=tuple(entries))) == [
        ("truncated", "/models/cut"),
        ("empty", "/models/empty"),
        ("missing", "/models/gone"),
        ("unreadable", "/models/shut"),
        ("manifest-corrupt", "/models/m"),
    ]


async def test_a_missing_store_is_one_problem_and_its_files_are_not_asked() -> None:
    machine = Machine()
    machine.process(700, OLLAMA)
    made = WholeEngine(files=(StoreEntry(path="/models/x", size_bytes=1, model="x"),))
    assert await problems(machine, made) == [("missing", "/models")]


async def test_a_store_that_cannot_be_listed_keeps_the_reason() -> None:
    (seen,) = await PROBE.observe(place_of(store_machine(), WholeEngine(files=absent("nothing is installed"))))
    assert row_of(seen.value)["unlisted"] == "absent: nothing is installed"


async def test_without_a_process_the_units_user_counts_then_the_remembered_one() -> None:
    machine = store_machine(mode=0o750, uid=0, gid=0)
    unit = about("host.units", ({"unit": "made.service", "scope": "system", "user": "ollama"},))
    by_unit = place_of(machine, WholeEngine(), unit, site=dead_site(supervisor="systemd", unit="made.service"))
    by_memory = place_of(machine, WholeEngine(), site=dead_site(user="mia"))
    by_nobody = place_of(machine, WholeEngine(), site=dead_site())
    found = [row_of(next(iter(await PROBE.observe(place))).value) for place in (by_unit, by_memory, by_nobody)]
    assert [row.get("user") for row in found] == ["ollama", "mia", None]
    assert [len(rows_of(row["problems"])) for row in found] == [1, 1, 0]


async def test_a_container_is_looked_at_through_its_own_root() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, uid=997, gid=996)
    machine.files.put("/proc/700/root/models", TapeFile(kind="directory", mode=0o755, uid=997))
    site = Site(ref=REF, engine="made", url="u", process=process(), supervisor="container", unit="llm")
    made = WholeEngine(files=(StoreEntry(path="/models/a", size_bytes=1, model="a"),))
    assert await problems(machine, made, site=site) == [("missing", "/models/a")]


async def test_a_link_in_a_container_ends_in_the_container() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, uid=997, gid=996)
    machine.files.put("/proc/700/root/models", TapeFile(kind="link", target="/data/models"))
    machine.files.put("/proc/700/root/data/models", TapeFile(kind="directory", mode=0o755, uid=997))
    machine.files.put("/proc/700/root/data/models/a", b"xy")
    site = Site(ref=REF, engine="made", url="u", process=process(), supervisor="container", unit="llm")
    made = WholeEngine(files=(StoreEntry(path="/models/a", size_bytes=2, model="a"),))
    assert await problems(machine, made, site=site) == []
    machine.files.put("/data/models/b", b"of the node")
    other = WholeEngine(files=(StoreEntry(path="/models/b", size_bytes=2, model="b"),))
    assert await problems(machine, other, site=site) == [("missing", "/models/b")]


async def test_what_keepwell_may_not_read_is_failed() -> None:
    machine = store_machine()
    machine.files.put("/models", TapeFile(kind="directory", refused=Refusal(kind="NotPermitted", what="no")))
    (seen,) = await PROBE.observe(place_of(machine, WholeEngine()))
    assert isinstance(seen.value, Missing)
    assert seen.value.kind == "failed"


async def test_an_engine_without_files_has_no_store() -> None:
    for made in (PlainEngine(), WholeEngine(folder="")):
        (seen,) = await PROBE.observe(place_of(Machine(), made))
        assert isinstance(seen.value, Missing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_real_folders_are_judged_for_the_other_user(tmp_path: Path) -> None:
    store = tmp_path / "models"
    store.mkdir(mode=0o700)
    transport = LocalTransport()
    site = Site(ref=REF, engine="made", url="u", process=absent("dead"), user="nobody")
    place = Place(
        node=node("here"), transport=transport, clock=SystemClock(), site=site, engine=WholeEngine(folder=str(store))
    )
    try:
        shut = row_of(next(iter(await PROBE.observe(place))).value)
        for folder in (store, *[one for one in store.parents if one != Path("/")]):
            if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o001)
        store.chmod(0o777)
        opened = row_of(next(iter(await PROBE.observe(place))).value)
    finally:
        await transport.close()
    assert [row["kind"] for row in rows_of(shut["problems"])] == ["unsearchable"]
    assert opened["problems"] == ()


def test_sizes_are_judged_by_what_the_entry_promises() -> None:
    exact = StoreEntry(path="/x", size_bytes=8, model="m")
    least = StoreEntry(path="/x", size_bytes=8, model="m", exact=False)
    free = StoreEntry(path="/x", size_bytes=0, model="m")
    assert judge_size(exact, 8) is None
    assert judge_size(exact, 9) is not None
    assert judge_size(least, 9) is None
    assert judge_size(least, 7) == ("truncated", "7 of 8 bytes")
    assert judge_size(free, 0) is None


RIGHTS = st.sets(st.sampled_from([READ, WRITE, SEARCH])).map(sum)
USERS = st.builds(
    lambda uid, gids, caps: User(name="u", uid=uid, gid=min(gids), groups=frozenset(gids), capabilities=caps),
    st.integers(0, 3),
    st.sets(st.integers(0, 3), min_size=1),
    st.sampled_from([0, 2, 4, 6]),
)


@given(USERS, RIGHTS, st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(0, 0o777), st.booleans())
def test_the_wished_mode_gives_what_was_lacking(
    user: User, want: int, owner: tuple[int, int], mode: int, folder: bool
) -> None:
    missing = lacks(user, want, owner=owner, mode=mode, folder=folder)
    assert missing & ~want == 0
    wished = with_bits(user, missing, owner=owner, mode=mode)
    assert wished & mode == mode
    assert lacks(user, want, owner=owner, mode=wished, folder=folder) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@given(
    owner=st.sampled_from([1234, 4321]),
    group=st.sampled_from([1234, 4321]),
    mode=st.integers(0, 0o777),
)
def test_the_kernel_agrees(tmp_path_factory: pytest.TempPathFactory, owner: int, group: int, mode: int) -> None:
    path = tmp_path_factory.getbasetemp() / "judged"
    path.touch()
    os.chown(path, owner, group)
    path.chmod(mode)
    user = User(name="u", uid=1234, gid=1234, groups=frozenset({1234}))
    descriptor = os.open(path, os.O_PATH)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(1234)
        os.setuid(1234)
        place = f"/proc/self/fd/{descriptor}"
        os._exit(sum(bit for bit in (READ, WRITE) if not os.access(place, bit)))
    _, status = os.waitpid(child, 0)
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(status) == lacks(user, READ | WRITE, owner=(owner, group), mode=mode, folder=False)


def test_users_are_told_from_status_and_from_the_password_file() -> None:
    status = {"Uid": "1 2 3 997", "Gid": "1 2 3 996", "Groups": "105 996", "CapEff": "0000000000000002"}
    running = user_of_status("ollama", status)
    assert (running.uid, running.gid, running.groups) == (997, 996, frozenset({105, 996}))
    assert lacks(running, WRITE, owner=(0, 0), mode=0, folder=False) == 0
    named = find_user("ollama", PASSWD, GROUP)
    assert named is not None
    assert named.groups == frozenset({996, 105})
    assert find_user("nobody-here", PASSWD, GROUP) is None
    with pytest.raises(ValueError, match="lacks"):
        user_of_status("x", {})
