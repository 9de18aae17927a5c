"""Variables of environment files through the step: the wished value is read, and every other byte stays."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.conform.desired.look import look
from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import Put
from keepwell.formats.environment_file import CannotEdit, Reader, parse_environment, remove_variable, set_variable
from keepwell.formats.environment_shell import scan_shell
from keepwell.formats.environment_spots import UnreadableFile
from keepwell.formats.environment_systemd import scan_systemd
from keepwell.plugins.wish import Drift, Looked, Wish
from keepwell.steps.environment_file import FILE_BYTES, READERS, STEP
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.engines.real import skip
from tests.environment_made import NAMES, make_environment, make_value
from tests.environment_readers import ask_shell, ask_systemd, find_library
from tests.steps.keeping import find_drift, make, prove

PATH = "/etc/default/server"
FILES = 500


def make_node(tmp_path: Path, content: bytes, *, show: str = "") -> RootedNode:
    file = tmp_path / PATH.lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    file.chmod(0o640)
    os.utime(file, ns=(1, 1))

    def systemctl(argv: Sequence[str], root: Path) -> Ran:
        return Ran(argv=tuple(argv), code=0, stdout=show.encode(), stderr=b"")

    return RootedNode(tmp_path, programs={"systemctl": systemctl})


@dataclass(frozen=True)
class Case:
    """A made file, and what is wished of it."""

    before: bytes
    name: str
    wish: Wish
    value: str | None


def make_case(number: int, reader: Reader) -> Case:
    chance = random.Random(-number)
    before = make_environment(number, for_shell=reader == "shell")
    name, value = chance.choice(NAMES), make_value(chance)
    wish: dict[str, object] = {"path": PATH, "reader": reader}
    kind = number % 5
    if kind == 3:
        return Case(before, name, {**wish, "absent": (name,)}, None)
    if kind == 4:
        return Case(before, name, {**wish, "rename": {name: "RENAMED"}}, None)
    return Case(before, name, {**wish, "values": {name: value}}, value.encode().decode("latin-1"))


def edit(case: Case) -> Drift:
    """What the step makes of a file, without a node."""
    entry = Entry(kind="file", content=case.before, mode=0o640)
    folders = {"/etc": Entry(kind="folder"), "/etc/default": Entry(kind="folder")}
    drift = STEP.compare(case.wish, Looked(node="made", entries={**folders, PATH: entry}))
    assert not isinstance(drift, Missing), drift
    return drift


def after_of(case: Case, drift: Drift) -> bytes:
    for change in drift.changes:
        assert isinstance(change.do, Put)
        assert change.do.after.content is not None
        return change.do.after.content
    return case.before


#: What a refusal says, by who is right to refuse: the reader itself does not take the file, or keepwell will not touch
#: what is under a condition, swallowed by an open quote, or not told apart by all releases.
OWN_REFUSALS = ("by hand", "a quote is missing", "without changing", "both ", "only a shell can tell")


def test_500_made_files_are_read_by_systemd_as_wished(tmp_path: Path) -> None:
    if not find_library():
        skip("no library of systemd here to read environment files with")
    prove_edits(tmp_path, "systemd", range(FILES))


def test_500_made_files_are_read_by_a_shell_as_wished(tmp_path: Path) -> None:
    prove_edits(tmp_path, "shell", range(FILES))


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS)
def test_many_more_made_files_are_read_as_wished(tmp_path: Path, reader: Reader) -> None:
    if reader == "systemd" and not find_library():
        skip("no library of systemd here to read environment files with")
    for start in range(FILES, 10 * FILES, FILES):
        prove_edits(tmp_path, reader, range(start, start + FILES))


def prove_edits(folder: Path, reader: Reader, numbers: range) -> None:
    """Each made file before and after its wish, as its reader reads it; refused only by who is right to refuse."""
    cases = [make_case(number, reader) for number in numbers]
    drifts = [edit(case) for case in cases]
    paths = []
    for place, (case, drift) in enumerate(zip(cases, drifts, strict=True)):
        for kind, content in (("before", case.before), ("after", after_of(case, drift))):
            paths.append(folder / f"{place}.{kind}")
            paths[-1].write_bytes(content)
    told = ask(reader, paths)
    own = 0
    for case, drift, before, after in zip(cases, drifts, told[::2], told[1::2], strict=True):
        if drift.problem:
            since_254 = b"# goes on \\" in case.before and "no UTF-8" in drift.problem
            refused = any(said in drift.problem for said in OWN_REFUSALS)
            assert before is None or since_254 or refused, (drift, case)
            own += refused
            continue
        assert before is not None, case
        assert after is not None, (case, after_of(case, drift))
        judge(case, drift, before, after)
    assert own < len(cases) * 0.1, own


def ask(reader: Reader, paths: Sequence[Path]) -> list[Mapping[str, str] | None]:
    if reader == "systemd":
        return ask_systemd(paths)
    return ask_shell(paths, (*NAMES, "RENAMED", "OPEN", "D"))


def judge(case: Case, drift: Drift, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """The name is as wished, all others as before."""
    touched = {case.name, "RENAMED"}
    assert without(before, touched) == without(after, touched), case
    if "rename" in case.wish:
        assert after.get("RENAMED") == before.get(case.name), case
        assert case.name not in after, case
    else:
        assert after.get(case.name) == case.value, (case, after_of(case, drift))
    if "values" in case.wish:
        gone = taken_out(case.before, after_of(case, drift))
        assert any(gone in raw for raw in (b"", *raws(case))), (gone, case, after_of(case, drift))


def without(told: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in told.items() if name not in names}


def taken_out(before: bytes, after: bytes) -> bytes:
    """The bytes of a file that are no longer there, given that something else stands in one place of it."""
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    tail = next((n for n in range(shorter - head) if before[-1 - n] != after[-1 - n]), shorter - head)
    return before[head : len(before) - tail]


def raws(case: Case) -> list[bytes]:
    """The values of the name as they are written."""
    text = case.before.decode("latin-1")
    scan = scan_shell(text) if case.wish["reader"] == "shell" else scan_systemd(text, comments_go_on=False)
    return [spot.raw.encode("latin-1") for spot in scan.spots if spot.name == case.name]


SHOW = f"LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nEnvironmentFiles={PATH} (ignore_errors=no)\n"


async def test_a_file_is_changed_taken_back_and_what_reads_it_restarted(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf# kept\r\nA=1 # of the value\r\nB='x'\r\nB='y'\r\njust words\r\nC=3"
    node = make_node(tmp_path, content, show=SHOW)
    wish = {"path": PATH, "values": {"A": "2", "B": "new one"}, "absent": ("C",), "unit": "server.service"}
    drift = await prove(STEP, wish, node)
    after = b"\xef\xbb\xbf# kept\r\nA=2\r\nB='x'\r\nB='new one'\r\njust words\r\n"
    assert (tmp_path / PATH[1:]).read_bytes() == after
    assert node.ran[-2] == ("systemctl", "try-restart", "server.service") or node.ran[-3][1] == "try-restart"
    assert (drift.before, drift.after) == ("A=1 # of the value, B=y, C=3", "A=2, B=new one, C=(not set)")
    assert drift.changes[0].interrupts.startswith("server.service restarts")
    assert drift.kept == (
        "B is also set in line 3, which the last assignment makes void",
        "the mark of UTF-8 before its first line, which hides that line's variable from its reader",
        "line 1, 5: systemd passes over it, for it sets no variable",
    )


async def test_a_file_and_its_folders_are_made(tmp_path: Path) -> None:
    node = RootedNode(tmp_path)
    drift = await prove(STEP, {"path": PATH, "values": {"API_KEY": "very secret"}}, node)
    assert (tmp_path / PATH[1:]).read_bytes() == b'API_KEY="very secret"\n'
    assert (tmp_path / PATH[1:]).stat().st_mode & 0o777 == 0o600
    assert "very secret" not in str((drift.before, drift.after, drift.kept, [one.after for one in drift.changes]))


async def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    node = make_node(tmp_path, b"A=1\n")
    (tmp_path / "etc/server.env").symlink_to("default/../default/server")
    drift = await prove(STEP, {"path": "/etc/server.env", "values": {"A": "2"}}, node)
    assert str(drift.subject) == f"path:made:{PATH}".replace("made:", "made/")
    assert (tmp_path / "etc/server.env").is_symlink()


@pytest.mark.parametrize(
    ("content", "wish", "said"),
    [
        (b'A="open\nB=2\n', {"values": {"A": "1"}}, "a quote is missing"),
        (b"A=\xff\n", {"values": {"B": "1"}}, "no UTF-8"),
        (b"A=1\0\n", {"values": {"B": "1"}}, "NUL"),
        (b"if true; then A=1; fi\n", {"values": {"A": "2"}, "reader": "shell"}, "change it by hand"),
        (b"A='open\n", {"values": {"B": "2"}, "reader": "shell"}, "never closes"),
        (b"cat <<X\nA=1\nX\n", {"values": {"B": "2"}, "reader": "shell"}, "here-document"),
        (b"A=1\nB=2\n", {"rename": {"A": "B"}}, "both A and B are set"),
        (b"A=1\n", {"values": {"A": "1"}, "absent": ("A",)}, "wished to be set and not"),
        (b"L=a,b\nM_A=1\n", {"list": "L", "entry": "M_{name}"}, "L names b without a variable M_NAME"),
        (b"L=a\nM_A=1\nM_B=1\n", {"list": "L", "entry": "M_{name}"}, "M_B is set for what L does not name"),
        (b"L=a,b\nM_A=1\n", {"list": "L", "entry": "M_{name}", "agree": "list"}, "give it in values"),
        (b"L=a,b\n", {"list": "L"}, "name both"),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, content: bytes, wish: Wish, said: str) -> None:
    drift = await find_drift(STEP, {"path": PATH, **wish}, make_node(tmp_path, content))
    assert said in drift.problem
    assert not drift.changes


@pytest.mark.parametrize(
    ("content", "wish", "after"),
    [
        (b"L=a, b\nM_A=1\nM_C3_1=1\n", {"agree": "entries"}, b'L="a, C3_1"\nM_A=1\nM_C3_1=1\n'),
        (b"M_A=1\n", {"agree": "entries"}, b"M_A=1\nL=A\n"),
        (b"L=a\nM_A=1\nM_B=1\nN=2\n", {"agree": "list"}, b"L=a\nM_A=1\nN=2\n"),
        (b"L='a b'\nM_A=1\n", {"agree": "entries", "separator": " "}, b"L='a'\nM_A=1\n"),
        (b"L=c3.1:8b\n", {"agree": "list", "values": {"M_C3_1_8B": "/m"}}, b"L=c3.1:8b\nM_C3_1_8B=/m\n"),
    ],
)
async def test_list_and_entries_of_models_agree(tmp_path: Path, content: bytes, wish: Wish, after: bytes) -> None:
    node = make_node(tmp_path, content)
    await prove(STEP, {"path": PATH, "list": "L", "entry": "M_{name}", **wish}, node)
    assert (tmp_path / PATH[1:]).read_bytes() == after


async def test_what_is_no_file_of_settings_is_left_alone(tmp_path: Path) -> None:
    wish = {"path": PATH, "values": {"A": "1"}}
    large = make_node(tmp_path / "large", b"A=1\n" * FILE_BYTES)
    assert isinstance(STEP.compare(wish, await look([partial(STEP.needs, wish)], large)), Missing)
    folder = RootedNode(tmp_path / "folder")
    (tmp_path / "folder" / PATH[1:]).mkdir(parents=True)
    assert isinstance(STEP.compare(wish, await look([partial(STEP.needs, wish)], folder)), Missing)


async def test_who_reads_a_file_is_told_by_its_unit_then_by_its_form(tmp_path: Path) -> None:
    content = b"export A=1\n"
    wish = {"path": PATH, "values": {"A": "2"}}
    node = make_node(tmp_path, content, show=SHOW)
    await make(await find_drift(STEP, wish, node), node)
    assert (tmp_path / PATH[1:]).read_bytes() == b"export A=2\n"
    await make(await find_drift(STEP, {**wish, "unit": "server.service"}, node), node)
    assert (tmp_path / PATH[1:]).read_bytes() == b"export A=2\nA=2\n"


async def test_one_node_becomes_the_model_of_another(tmp_path: Path) -> None:
    model = make_node(tmp_path / "model", b"A=1\nB='two words'\nC=3\n")
    wish = {"path": PATH, "values": {"A": "9"}, "absent": ("C",)}
    copied = STEP.copy(wish, await look([partial(STEP.needs, wish)], model))
    assert not isinstance(copied, Missing)
    assert copied["values"] == {"A": "9", "B": "two words"}
    await prove(STEP, copied, make_node(tmp_path / "other", b"C=1\nD=4\n"))
    assert (tmp_path / "other" / PATH[1:]).read_bytes() == b'D=4\nB="two words"\nA=9\n'


def test_files_of_units_that_run_engines_are_proposed() -> None:
    row: Value = {
        "manager": "systemd", "unit": "own.service", "scope": "system", "engine": "some", "environment_files": (PATH,)
    }  # fmt: skip
    saw = partial(Observation, at=0.0, source="made")
    seen = Seen(
        [
            saw(subject=Ref("node", ("n",)), name="host.units", value=(row, {**row, "scope": "user"})),
            saw(subject=Ref("engine", ("n", "some:81")), name="engine.supervisor", value={"unit": "own.service"}),
        ]
    )
    assert STEP.propose(seen, "n") == ({"path": PATH, "unit": "own.service", "engine": "some:81"},)


@settings(max_examples=300)
@given(st.binary(max_size=40) | st.text("A=B \t\r\n'\"\\#;$`(){}&|<>xé", max_size=60).map(str.encode))
def test_any_bytes_are_edited_exactly_or_refused(content: bytes) -> None:
    for reader in READERS:
        try:
            before = parse_environment(content, reader)
        except UnreadableFile:
            continue
        try:
            after = set_variable(content, reader, "A", "new $value")
        except CannotEdit:
            continue
        told = parse_environment(after, reader)
        assert told.pop("A") == "new $value"
        before.pop("A", None)
        assert told == before
        assert set_variable(after, reader, "A", "new $value") == after
        try:
            assert "A" not in parse_environment(remove_variable(after, reader, "A"), reader)
        except CannotEdit:
            continue
