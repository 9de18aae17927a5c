"""Versions against versions, threads against processors, settings here against settings there, users against owners."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.text.rows import Row, rows_named, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import find_number, text_of
from keepwell.plugins.settings import parse_release


def judge_cores(seen: Seen) -> Iterator[Finding]:
    """Bad when more threads compute than the limit lets run at once."""
    threads = max(rows_named(seen, "text.cores", kind="threads"), key=_count, default=None)
    quota = min(rows_named(seen, "text.cores", kind="quota"), key=_count, default=None)
    if threads is None or quota is None:
        return
    status, kind = Status.OK, "enough"
    words = f"{_count(threads):g} threads compute on {_count(quota):g} processors"
    if _count(threads) > _count(quota):
        status, kind = Status.WARNING, "quota"
        words = f"{_count(threads):g} threads compute, and {_count(quota):g} processors may be used"
    facts = {"kind": kind, "threads": f"{_count(threads):g}", "cores": f"{_count(quota):g}"}
    yield tell("text.cores", status, words, [threads, quota], seen, **facts)


def judge_cuda(seen: Seen) -> Iterator[Finding]:
    """Bad when an image or a library wants a newer compute API than the driver has; a newer major never runs."""
    wanted = max(rows_named(seen, "text.versions", what="wanted-api"), key=_release, default=None)
    has = max(rows_named(seen, "text.versions", what="driver-api"), key=_release, default=None)
    if wanted is None or has is None:
        return
    need, api = _release(wanted), _release(has)
    status, kind = Status.OK, "fits"
    words = f"{text_of(wanted, 'version')} is wanted, the driver has {text_of(has, 'version')}"
    if need[:1] > api[:1]:
        status, kind = Status.CRITICAL, "major"
    elif need > api:
        status, kind = Status.WARNING, "minor"
    facts = {"kind": kind, "wanted": text_of(wanted, "version"), "api": text_of(has, "version")}
    yield tell("text.cuda", status, words, [wanted, has], seen, **facts)


def judge_kernel(seen: Seen) -> Iterator[Finding]:
    """Bad when driver modules are shown for other kernels and none for the running one."""
    running = rows_named(seen, "text.versions", what="kernel")
    built = rows_named(seen, "text.versions", what="kernel-built")
    if not running or not built:
        return
    now = text_of(running[-1], "version")
    status, kind = Status.OK, "built"
    words = f"a module is there for the running kernel {now}"
    if all(text_of(row, "version") != now for row in built):
        status, kind = Status.WARNING, "not-built"
        words = f"the kernel {now} runs, and modules are there for {text_of(built[0], 'version')}"
    facts = {"kind": kind, "kernel": now, "built_for": text_of(built[0], "version")}
    yield tell("text.kernel", status, words, [running[-1], *built], seen, **facts)


def judge_release(seen: Seen) -> Iterator[Finding]:
    """Bad when client and server are of different releases: the server that runs is not the one that was installed."""
    client, server = rows_named(seen, "text.versions", what="client"), rows_named(seen, "text.versions", what="server")
    if not client or not server:
        return
    status, kind = Status.OK, "same"
    new, old = text_of(client[-1], "version"), text_of(server[-1], "version")
    words = f"client {new}, server {old}"
    if new != old:
        status, kind = Status.WARNING, "server-older"
        if _release(server[-1]) > _release(client[-1]):
            kind = "client-older"
    yield tell("text.release", status, words, [client[-1], server[-1]], seen, kind=kind, client=new, server=old)


def judge_package(seen: Seen) -> Iterator[Finding]:
    """Bad when a package has another release than one that needs it wants."""
    for row in rows_named(seen, "text.requirements"):
        if row.get("kept") is False:
            facts = {name: text_of(row, name) for name in ("by", "package", "rule", "has")}
            words = f"{facts['by']} wants {facts['package']}{facts['rule']}, and there is {facts['has']}"
            yield tell("text.package", Status.WARNING, words, [row], seen, kind="mismatch", **facts)
            return


#: Where a setting is given for the service, and where it is given elsewhere.
_SERVICE = ("in-force",)
_ELSEWHERE = ("shell", "unit", "file", "container")


def judge_setting(seen: Seen) -> Iterator[Finding]:
    """Bad when a setting in force in the server is not what was set elsewhere."""
    rows = rows_named(seen, "text.settings")
    force = {text_of(row, "name"): row for row in rows if text_of(row, "where") in _SERVICE}
    given = [row for row in rows if text_of(row, "where") in _ELSEWHERE and text_of(row, "name") in force]
    for row in given:
        name, value = text_of(row, "name"), text_of(row, "value")
        effective = text_of(force[name], "value")
        if value and not _same(value, effective):
            words = f"{name}={value} is set ({text_of(row, 'where')}), and the server runs with {effective or 'none'}"
            facts = {"name": name, "wished": value, "effective": effective, "kind": text_of(row, "where")}
            facts["value"] = {True: "path"}.get(value.startswith("/"), "")
            yield tell("text.setting", Status.WARNING, words, [row, force[name]], seen, **facts)
            return
    if given:
        yield tell("text.setting", Status.OK, "settings are in force as they are set", given, seen, kind="applied")


def _same(wished: str, effective: str) -> bool:
    """Whether two spellings of a value may mean the same: servers add schemes, ports and units."""
    one, other = wished.strip("\"'/ ").lower(), effective.strip("\"'/[] ").lower()
    if one == other or (one and one in other):
        return True
    truths = {"1": "true", "0": "false", "-1": "-1"}
    if truths.get(one, one) == truths.get(other, other):
        return True
    return one.isdecimal() and other.startswith(one)


def judge_permission(seen: Seen) -> Iterator[Finding]:
    """Bad when a program was refused a path that belongs to another user than the one that it runs as."""
    users = {text_of(row, "user"): row for row in rows_named(seen, "text.users")}
    paths = rows_named(seen, "text.paths")
    for denied in rows_named(seen, "text.denied"):
        holding = [row for row in paths if _above(text_of(row, "path"), text_of(denied, "path"))]
        closed = [row for row in holding if any(not _may_enter(row, user) for user in users)]
        if closed:
            row = closed[-1]
            owner = f"{text_of(row, 'owner')}:{text_of(row, 'group')} {text_of(row, 'mode')}"
            user = next(iter(users))
            words = f"{text_of(row, 'path')} is {owner}, and {user} was refused there"
            kind = {True: "device"}.get(text_of(row, "path").startswith("/dev/"), "owner")
            facts = {"kind": kind, "path": text_of(row, "path"), "user": user, "mode": text_of(row, "mode")}
            yield tell("text.permission", Status.WARNING, words, [denied, row, users[user]], seen, **facts)
            return


def _above(path: str, wanted: str) -> bool:
    return bool(path) and f"{wanted}/".startswith(f"{path.rstrip('/')}/")


def _may_enter(row: Row, user: str) -> bool:
    """Whether the user may write and search here by owner and mode; a group of the user's name counts as theirs."""
    mode = text_of(row, "mode")
    if user == "root" or len(mode) < 10:
        return True
    if text_of(row, "owner") == user:
        return mode[2] == "w" and mode[3] in "xs"
    if text_of(row, "group") == user:
        return mode[5] == "w" and mode[6] in "xs"
    return mode[8] == "w" and mode[9] in "xt"


def _count(row: Row) -> float:
    return find_number(row.get("count")) or 0.0


def _release(row: Row) -> tuple[int, ...]:
    return parse_release(text_of(row, "version"))
