"""Proposals: changes that were asked for and wait for a person. `proposals/ID.json` in the state folder, one file each,
for its owner alone.

Each new stage replaces the file whole, and is durable before the next thing is done. Who carries one out holds a lock
meanwhile, which the system lets go of when that process ends: what is said to run and is not locked was interrupted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.core.proposal import ENDED, Proposal, make_mark
from keepwell.store.folder import make_private_folder, read_private, replace_private, state_error

#: The folder in the state folder.
FOLDER_NAME = "proposals"
SCHEMA = "keepwell-proposal/1"
#: Proposals that wait at once, so that nobody is drowned in questions; and those that are kept in all.
WAITING, KEPT = 50, 150
#: Bytes of one.
PROPOSAL_BYTES = 1024 * 1024
#: Bytes of an outcome that is kept; of a longer one its beginning says what it was.
OUTCOME_BYTES = 256 * 1024
#: What of a document tells what it is.
_TELLING = ("schema", "exit_code", "id", "run")
_ID = re.compile(r"[0-9a-f]{8}")
_LOCK, _DESK_LOCK = ".lock", ".desk.lock"


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    proposal: Proposal


def make_proposal_id() -> str:
    """A new one: short, since people type it."""
    return secrets.token_hex(4)


def load_proposal(state: Path, name: str, now: float) -> Proposal:
    """One as it stands at `now` (seconds since the epoch). Raises NotThere, DamagedError."""
    return _settle(state, _load(_path(state, name)), now)


def list_proposals(state: Path, now: float) -> tuple[Proposal, ...]:
    """All that are kept, the newest first; one that cannot be read hides no other."""
    found = []
    for path in (state / FOLDER_NAME).glob("*.json"):
        with contextlib.suppress(NotThere, DamagedError):
            found.append(_settle(state, _load(path), now))
    return tuple(sorted(found, key=_asked_at, reverse=True))


def add_proposal(state: Path, proposal: Proposal, now: float) -> Proposal:
    """Keep a new one; the one that waits for the same already instead, where there is one.

    Raises RefusedError where too many wait, AccessError where the disk does not keep it.
    """
    with _desk_locked(state):
        known = list_proposals(state, now)
        waiting = [one for one in known if one.stage == "waiting"]
        for one in waiting:
            if (one.operation, one.arguments, one.basis) == (proposal.operation, proposal.arguments, proposal.basis):
                return one
        if len(waiting) >= WAITING:
            raise RefusedError(f"{WAITING} proposals wait already", hint="keepwell proposals refuse ID")
        marked = replace(proposal, mark=make_mark(proposal))
        _save(state, marked)
        _forget(state, known)
    return marked


def change_proposal(state: Path, name: str, change: Callable[[Proposal], Proposal], now: float) -> Proposal:
    """Replace it by what `change` makes of it as it stands, while nobody else does; gives the new one.

    Raises what `change` raises, NotThere, DamagedError where it is not as it was shown, AccessError.
    """
    with _desk_locked(state):
        found = load_proposal(state, name, now)
        if make_mark(found) != found.mark:
            raise DamagedError("this proposal is not as it was kept", where=str(_path(state, name)))
        changed = change(found)
        _save(state, changed)
    return changed


@contextlib.contextmanager
def carry_out(state: Path, name: str) -> Iterator[None]:
    """Hold what says that somebody carries it out; the system lets go of it however this process ends.

    Raises RefusedError where somebody does.
    """
    descriptor = _open_lock(_path(state, name).with_suffix(_LOCK))
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                f"proposal {name} is being carried out", hint=f"keepwell proposals list {name}"
            ) from error
        yield
    finally:
        os.close(descriptor)


def bound_outcome(outcome: dict[str, object]) -> dict[str, object]:
    """The document itself, or the small part of it that tells what it is."""
    size = len(msgspec.json.encode(outcome))
    if size <= OUTCOME_BYTES:
        return outcome
    told: dict[str, object] = {name: outcome[name] for name in _TELLING if name in outcome}
    return {**told, "cut": f"{size} bytes, of which these are kept"}


def _settle(state: Path, one: Proposal, now: float) -> Proposal:
    """As it stands: what nobody approved in time has expired, what nobody carries out any more was interrupted."""
    if one.stage == "waiting" and now >= one.expires_at:
        return one.moved("expired", ended_at=one.expires_at, said="nobody decided on it in time")
    if one.stage in ("approved", "running") and not _is_carried_out(state, one.id):
        again = _load(_path(state, one.id))  # its end may have been written between the two looks
        if again.stage == one.stage:
            said = "broken off: how far it came is not known; it is not begun again"
            return one.moved("interrupted", said=said)
        return again
    return one


def _is_carried_out(state: Path, name: str) -> bool:
    try:
        descriptor = os.open(_path(state, name).with_suffix(_LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _load(path: Path) -> Proposal:
    try:
        document = msgspec.json.decode(read_private(path, PROPOSAL_BYTES), type=_Document)
    except FileNotFoundError as error:
        raise NotThere(f"there is no proposal {path.stem!r}", hint="keepwell proposals list") from error
    except (ValueError, RecursionError) as error:  # also what msgspec raises
        raise DamagedError(f"this proposal cannot be read: {error}", where=str(path)) from error
    if document.schema != SCHEMA or document.proposal.id != path.stem:
        raise DamagedError("this is no proposal of this name", where=str(path))
    return document.proposal


def _save(state: Path, proposal: Proposal) -> None:
    content = msgspec.json.encode(_Document(schema=SCHEMA, proposal=proposal))
    replace_private(_path(state, proposal.id), content)


def _forget(state: Path, known: tuple[Proposal, ...]) -> None:
    """Let the oldest go that are over."""
    over = [one for one in known if one.stage in ENDED]
    for one in over[max(0, KEPT - (len(known) - len(over))) :]:
        path = _path(state, one.id)
        path.unlink(missing_ok=True)
        path.with_suffix(_LOCK).unlink(missing_ok=True)


def _path(state: Path, name: str) -> Path:
    if _ID.fullmatch(name) is None:
        raise NotThere(f"there is no proposal {name[:60]!r}", hint="keepwell proposals list")
    return state / FOLDER_NAME / f"{name}.json"


@contextlib.contextmanager
def _desk_locked(state: Path) -> Iterator[None]:
    descriptor = _open_lock(state / FOLDER_NAME / _DESK_LOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    make_private_folder(path.parent)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise state_error(error, path) from error


def _asked_at(one: Proposal) -> tuple[float, str]:
    return one.asked_at, one.id
