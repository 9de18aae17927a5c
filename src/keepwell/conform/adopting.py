"""The plan by which the gateway takes an engine's address: the engine moves to another port, clients keep theirs. Pure.

The engine leaves its address last of all, when everything that follows is ready: the gateway waits for it and, where
two of the engine can run at a time (a plain process), the new one answers already. Whatever fails before, clients
notice nothing. What the undo does stands where it has to in the opposite order: the engine is started again when its
address is free and its settings are back, unless it never ended.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from keepwell.conform.running import require_begin
from keepwell.core.errors import RefusedError
from keepwell.core.observation import Missing
from keepwell.core.step import Change, EndProcess, Plan, RunCommand, Serving, StartProcess
from keepwell.formats.assignment import set_assignment
from keepwell.formats.startfile import launchd_dictionary
from keepwell.formats.unit_environment import set_unit_variable
from keepwell.plugins.putting import (
    Place,
    find_content,
    find_paths,
    find_place,
    make_folders,
    only_content,
    put_change,
)
from keepwell.plugins.running import Running, begin_change, end_change, end_of_values, reload_change
from keepwell.plugins.wish import Looked, Needs

#: The plan's step, and the check that stands for what it promises.
STEP, CHECK = "adopt", "address.adopted"
#: Where packages put units; an update replaces what lies there.
PACKAGED = ("/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/")
DROP_IN = "/etc/systemd/system/{unit}.d/zz-keepwell.conf"
INTERRUPTS = "requests in flight end; clients wait until the gateway serves, about a second"
IN_TURN = "requests in flight end; clients wait until it has started again, a few seconds"
#: Does nothing: for the direction in which a change has nothing to do.
NOTHING = RunCommand(argv=("true",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """An engine that moves from `url` to `moved_url` by the value `moved` of its `setting`, which `file` sets now ("":
    no file). `toml` is keepwell.toml's path, `toml_after` what it is to hold, `listen` what that means in words.
    `proof` is what must be true afterwards, `note` is for the reader.
    """

    running: Running
    url: str
    moved_url: str
    setting: str
    value: str
    moved: str
    file: str
    toml: str
    toml_after: bytes
    listen: str
    proof: tuple[Serving, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """How the gateway comes to listen there: `before` anything else changes, which is for the undo, when it is made
    `ready` to take the address, and `after` the engine has left it.
    """

    before: tuple[Change, ...] = ()
    ready: tuple[Change, ...] = ()
    after: tuple[Change, ...] = ()


def find_needs(adoption: Adoption, looked: Looked) -> Needs:
    """What to look at before `plan_adoption`."""
    paths = [adoption.toml, _find_file(adoption)]
    return Needs(paths=tuple(one for path in paths if path for one in find_paths(looked, path)))


def plan_adoption(adoption: Adoption, gateway: Gateway, looked: Looked, mark: str) -> Plan:
    """The plan. RefusedError where the engine's address stands where keepwell cannot change it."""
    one = adoption.running
    require_begin(one, mark)
    reload = tuple(reload_change(one) for _ in range(one.kind == "systemd"))
    files = (
        *gateway.before,
        *_put(adoption.toml, adoption.toml_after, ("where clients ask", adoption.listen), looked),
        *_set_address(adoption, looked),
    )
    turns = {True: _beside, False: _in_turn}[one.start is not None]
    changes = (_begin_again(adoption, mark), *reload, *files, *reload, *turns(adoption, gateway, mark))
    return Plan(
        step=STEP,
        check=CHECK,
        subject=one.ref,
        why=f"the gateway takes the place of {one.title}, which moves to {adoption.moved_url}",
        changes=changes,
        note=adoption.note,
        proof=adoption.proof,
    )


def start_gateway(running: Running, start: StartProcess, listens: str) -> Gateway:
    """Where none runs: as a plain process, which waits for its address. It bears a mark, so that it is started a second
    time only if it has given up waiting: a run may be gone on with days after it was killed.
    """
    waiting = Change(
        subject=running.ref,
        what=f"the gateway at {listens}",
        before="does not run",
        after="waits for its address",
        do=start,
        undo=EndProcess(mark=start.mark),
    )
    serving = replace(waiting, before="waits", after="serves", do=replace(start, ready=""))
    return Gateway(ready=(waiting,), after=(serving,))


def restart_gateway(running: Running, argv: tuple[str, ...], listens: str, *, patient: bool) -> Gateway:
    """Where one runs: it starts again by itself, no stream is cut, and goes by what keepwell.toml says then; a
    `patient` one does so before the engine leaves its address, and takes that as soon as it is free.
    """
    again = RunCommand(argv=argv, timeout_seconds=120.0)
    made = Change(
        subject=running.ref, what="the gateway", before="listens as before", after=listens, do=NOTHING, undo=again
    )
    done = (replace(made, do=again, undo=NOTHING),)
    return Gateway(before=(made,), ready=done * patient, after=done * (not patient))


def _begin_again(adoption: Adoption, mark: str) -> Change:
    """What takes the engine back to its address; it comes last in an undo, and does nothing to one that is there."""
    one = adoption.running
    undo = end_change(one, f"{mark}-old").undo
    if isinstance(undo, StartProcess):
        undo = replace(undo, replaces_pid=one.pid, replaces_started_at=one.started_at, keeps=True)
    return Change(
        subject=one.ref,
        what=one.title,
        before=f"{one.name} serves at {adoption.url}",
        after=f"is to serve at {adoption.moved_url}",
        do=NOTHING,
        undo=undo or NOTHING,
    )


def _beside(adoption: Adoption, gateway: Gateway, mark: str) -> tuple[Change, ...]:
    """Two run at a time: the new one answers before the old one ends."""
    one = _moved(adoption)
    parts = urlsplit(adoption.moved_url)
    begin = begin_change(one, f"{mark}-new")
    if isinstance(begin.do, StartProcess):
        begin = replace(
            begin, do=replace(begin.do, ready=parts.netloc), what=f"a second one at {parts.netloc}", before="(nothing)"
        )
    end = replace(end_change(adoption.running, ""), undo=NOTHING, irreversible="", interrupts=INTERRUPTS)
    return begin, *gateway.ready, end, *gateway.after


def _in_turn(adoption: Adoption, gateway: Gateway, mark: str) -> tuple[Change, ...]:
    """What supervises it runs only one of it."""
    one, address = adoption.running, urlsplit(adoption.moved_url).netloc
    end = replace(end_change(one, ""), undo=NOTHING, irreversible="", interrupts=IN_TURN)
    wait = Change(
        subject=one.ref,
        what=f"{one.name} at {address}",
        before="starts",
        after="takes connections",
        do=StartProcess(argv=(), ready=address),
        undo=NOTHING,
    )
    return *gateway.ready, end, begin_change(one, f"{mark}-new"), wait, *gateway.after


def _moved(adoption: Adoption) -> Running:
    """The engine as it is started afterwards: what a file sets is not in its command."""
    one = adoption.running
    if one.start is None or _find_file(adoption):
        return one
    place = end_of_values(one.start.argv)
    head = [word for word in one.start.argv[1:place] if word.partition("=")[0] != adoption.setting]
    argv = ("env", *head, f"{adoption.setting}={adoption.moved}", *one.start.argv[place:])
    return replace(one, start=replace(one.start, argv=argv))


def _find_file(adoption: Adoption) -> str:
    """The file that is to set the address; "" where it stands in the command alone."""
    one, file = adoption.running, adoption.file
    if one.kind == "systemd" and (not file or file.startswith(PACKAGED)):
        return DROP_IN.format(unit=one.unit)
    if one.kind == "launchd":
        return one.begin[-1]
    return file


def _set_address(adoption: Adoption, looked: Looked) -> tuple[Change, ...]:
    path = _find_file(adoption)
    if not path:
        return ()
    place, folders = _find_spot(path, looked)
    content = find_content(place)
    if isinstance(content, Missing):
        raise RefusedError(f"the file that sets its address cannot be changed: {content.reason}", where=path)
    try:
        after = _with_value(path, content, adoption)
    except ValueError as error:
        raise RefusedError(f"the file that sets its address cannot be read: {error}", where=path) from error
    words = (f"{adoption.setting}={adoption.value}", f"{adoption.setting}={adoption.moved}")
    return (*folders, put_change(looked.node, place, only_content(after), adoption.setting, words))


def _with_value(path: str, content: bytes, adoption: Adoption) -> bytes:
    """The file with the new value; every other byte stays, but of a property list, which is written anew."""
    name, value = adoption.setting, adoption.moved
    ending = PurePosixPath(path).suffix
    if ending == ".plist":
        job = dict(launchd_dictionary(content))
        variables = job.get("EnvironmentVariables", {})
        if not isinstance(variables, dict):
            raise ValueError("its EnvironmentVariables are no dictionary")
        form = {True: plistlib.FMT_BINARY, False: plistlib.FMT_XML}[content.startswith(b"bplist")]
        job["EnvironmentVariables"] = {**variables, name: value}
        return plistlib.dumps(job, fmt=form, sort_keys=False)
    if ending in (".conf", ".service"):
        return set_unit_variable(content or b"[Service]\n", name, value)
    return set_assignment(content, name, value, whole=adoption.value)


def _put(path: str, after: bytes, words: tuple[str, str], looked: Looked) -> tuple[Change, ...]:
    what, said = words
    place, folders = _find_spot(path, looked)
    if place.entry.content == after:
        return ()
    before = {True: "(no such file)"}.get(place.entry.kind == "absent", "without it")
    return (*folders, put_change(looked.node, place, only_content(after), f"{path}: {what}", (before, said)))


def _find_spot(path: str, looked: Looked) -> tuple[Place, tuple[Change, ...]]:
    """What lies at a path, and the folders that it needs first. RefusedError where that cannot be told."""
    place, folders = find_place(looked, path), make_folders(looked, path)
    if isinstance(place, Missing):
        raise RefusedError(place.reason, where=path)
    if isinstance(folders, Missing):
        raise RefusedError(folders.reason, where=path)
    return place, folders
