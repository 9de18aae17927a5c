"""The plan that sets things aside: it takes what is broken or left over, collides with nothing, and goes back."""

from __future__ import annotations

import posixpath

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.conform.models.clean import Aside, choose_faults, judge_cleaned, plan_clean, summarise
from keepwell.conform.models.judge import Fault, FaultKind
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.finding import Status
from keepwell.core.step import Plan, Put, Rename

ROOT = "/m/store"
FOLDER = "/m/store.set-aside/run"
KINDS: tuple[FaultKind, ...] = ("corrupt", "manifest-corrupt", "partial", "temporary", "orphan", "missing", "duplicate")
NAMES = st.lists(st.sampled_from(["blobs", "manifests", "a", "b", "c d", "%2F"]), min_size=1, max_size=4)


def fault(kind: FaultKind, path: str, *models: str, fresh: bool = False, blob: bool = True) -> Fault:
    return Fault(kind=kind, path=path, detail="d", models=models, bytes_taken=10, blob=blob, fresh=fresh)


def plan(faults: list[Fault], *, there: tuple[str, ...] = ()) -> Plan:
    entries = {path: Entry(kind="folder", modified_ns=7, uid=3, gid=4) for path in (ROOT, *there)}
    entries |= {posixpath.dirname(one.path): Entry(kind="folder", modified_ns=9) for one in faults}
    return plan_clean(faults, Aside(root=ROOT, folder=FOLDER, entries=entries), "n", "e", ("fetch x",))


def carry_out(made: Plan, world: set[str], *, back: bool = False) -> set[str]:
    """Paths that are there afterwards; fails where a folder is not there yet or a name is taken."""
    world = set(world)
    changes = made.changes[::-1] if back else made.changes
    for change in changes:
        action = change.undo if back else change.do
        if isinstance(action, Rename):
            assert action.path in world
            assert action.target not in world
            assert back or posixpath.dirname(action.target) in world
            world = (world - {action.path}) | {action.target}
        else:
            assert isinstance(action, Put)
            if action.after.kind == "absent":
                assert not any(path.startswith(f"{action.path}/") for path in world)
                world.remove(action.path)
            else:
                assert action.path not in world
                assert posixpath.dirname(action.path) in world
                world.add(action.path)
    return world


@settings(max_examples=80)
@given(
    st.dictionaries(NAMES.map(lambda names: f"{ROOT}/" + "/".join(names) + "/file"), st.sampled_from(KINDS), max_size=8)
)
def test_all_that_is_chosen_is_moved_and_all_of_it_comes_back(planted: dict[str, FaultKind]) -> None:
    faults = list(choose_faults([fault(kind, path) for path, kind in planted.items()]))
    made = plan(faults)
    before = {"/m", ROOT, *planted}
    after = carry_out(made, before)
    assert {path for path in planted if path in after} == set(planted) - {one.path for one in faults}
    assert all(path.startswith("/m/store") for path in after - {"/m"})
    assert carry_out(made, after, back=True) == before


def test_orphans_wait_for_manifests_and_downloads_and_fresh_files_stay() -> None:
    orphan, broken = fault("orphan", f"{ROOT}/blobs/o"), fault("corrupt", f"{ROOT}/blobs/c", "m")
    bad = fault("manifest-corrupt", f"{ROOT}/manifests/x", "x", blob=False)
    closed = fault("unreadable", f"{ROOT}/manifests/y", "y", blob=False)
    going = fault("partial", f"{ROOT}/blobs/p-partial", fresh=True)
    assert choose_faults([orphan, broken]) == (broken, orphan)
    assert choose_faults([orphan, bad]) == (bad,)
    assert choose_faults([orphan, closed]) == ()
    assert choose_faults([orphan, going]) == ()
    assert choose_faults([fault("orphan", "/o", fresh=True)]) == ()
    assert choose_faults([fault("unreadable", "/b"), fault("missing", "/c"), fault("duplicate", "/d")]) == ()
    assert choose_faults([fault("truncated", "/plain.gguf", blob=False)]) == ()


def test_folders_that_are_there_are_not_made_again_and_new_ones_belong_to_the_store() -> None:
    made = plan([fault("orphan", f"{ROOT}/blobs/o")], there=("/m/store.set-aside",))
    first, second, move = made.changes
    assert isinstance(first.do, Put)
    assert (first.do.path, first.do.before, first.do.after.uid) == (FOLDER, ABSENT, 3)
    assert isinstance(second.do, Put)
    assert second.do.path == f"{FOLDER}/blobs"
    assert isinstance(move.undo, Rename)
    assert move.undo.folders_ns == (-1, 9)


def test_a_plan_says_which_models_stop_and_what_fetches_them() -> None:
    made = plan([fault("corrupt", f"{ROOT}/blobs/c", "llama:1b", "other")])
    assert made.changes[-1].interrupts == "llama:1b, other: not to be loaded until it is fetched again"
    assert str(made.changes[-1].subject) == "model:n/e/llama:1b"
    assert made.note.endswith("then fetch what models lack: fetch x")
    assert made.why == summarise([fault("corrupt", "")]) == "1 corrupt: 10 B"


def test_it_is_well_when_it_is_gone_and_nobody_needs_what_nobody_needed() -> None:
    orphan, broken = fault("orphan", f"{ROOT}/blobs/o"), fault("corrupt", f"{ROOT}/blobs/c", "m")
    made = plan([orphan, broken])
    elsewhere = fault("missing", f"{ROOT}/blobs/z", "z")
    assert judge_cleaned(made, [fault("missing", broken.path, "m"), elsewhere]).status is Status.OK
    assert judge_cleaned(made, [fault("missing", orphan.path, "new")]).status is Status.CRITICAL
    assert judge_cleaned(made, [orphan]).status is Status.CRITICAL
