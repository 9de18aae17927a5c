"""Options of a request that would make an engine load a model anew: brought to one value, refused, or let through.

An engine such as this loads a model again when a client names another context, and again when the next client does
not. Where the owner wants one value, every request gets that; where he names none, the engine's own, which is what a
request that names nothing gets. So requests of all clients and all surfaces agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from keepwell.gateway.access import Refused
from keepwell.gateway.wire.json_edit import Change, Wish, apply_cuts, edit_object, find_members
from keepwell.plugins.dialect import Failure
from keepwell.plugins.wire_json import BROKEN

Policy: TypeAlias = Literal["normalise", "refuse", "allow"]
#: Where a body of this kind has its options, and the time for which it wants the model to stay.
OPTIONS, STAY = "options", "keep_alive"
_OPTIONS_MARK, _STAY_MARK = b'"options"', b'"keep_alive"'
#: What became of options: as they were, as they are, and the changes. So many, and so large ones, are kept.
Edits: TypeAlias = dict[bytes, tuple[bytes, tuple[Change, ...]]]
KNOWN, KNOWN_BYTES = 256, 4096
#: Characters of a value that a header shows.
SHOWN = 40
FOR_EVER = b"-1"


class _Options(msgspec.Struct):
    """The options of a body, as they are written."""

    options: msgspec.Raw = msgspec.Raw()


_find_options = msgspec.json.Decoder(_Options).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What one route does about such options.

    `names` are the options that reload, `wished` their values as JSON where the owner named one. `stay` is the time
    that a model stays after a request, as JSON, b"" where clients may say it.
    """

    policy: Policy
    names: frozenset[str] = frozenset()
    wished: Mapping[str, bytes] = field(default_factory=dict)
    stay: bytes = b""

    @property
    def marks(self) -> tuple[bytes, ...]:
        """What stands in the bytes of every body that may have to be changed; () where every body has to."""
        if self.wished and self.policy != "allow":
            return ()
        return (_OPTIONS_MARK,) * (self.policy != "allow") + (_STAY_MARK,) * bool(self.stay)

    def apply(self, body: bytes, known: Edits) -> tuple[bytes, tuple[Change, ...]]:
        """The body as it is sent on, and what was changed in it. Raises Refused where the owner wants that.

        Clients send the same options again and again: what became of them is kept in `known`.
        """
        if self.policy == "allow" or (self.stay and _STAY_MARK in body) or body.count(_OPTIONS_MARK) != 1:
            return self._edit(body)
        try:
            options = bytes(_find_options(body).options)
        except BROKEN:
            return self._edit(body)
        if not options.startswith(b"{") or body.count(options) != 1:
            return self._edit(body)
        found = known.get(options)
        if found is None:
            cuts, changes = edit_object(options, 0, self._wish())
            if self.policy == "refuse" and any(one.before for one in changes):
                return self._edit(body)
            found = apply_cuts(options, cuts), tuple(changes)
            if len(known) < KNOWN and len(options) < KNOWN_BYTES:
                known[options] = found
        if not found[1]:
            return body, ()
        before, _, rest = body.partition(options)
        return b"%b%b%b" % (before, found[0], rest), found[1]

    def _edit(self, body: bytes) -> tuple[bytes, tuple[Change, ...]]:
        """The same for any body, with everything in it read."""
        try:
            members = [one for one in find_members(body) if one.name.lower() in (OPTIONS, STAY)]
        except ValueError:
            return body, ()
        cuts: list[tuple[int, int, bytes]] = []
        changes: list[Change] = []
        asked = [one for one in members if one.name.lower() == OPTIONS and body[one.value : one.value + 1] == b"{"]
        for one in asked:
            more = edit_object(body, one.value, self._wish())
            cuts += more[0]
            changes += more[1]
        if self.policy == "refuse" and any(one.before for one in changes):
            raise Refused(_refusal([one for one in changes if one.before], self.wished))
        if self.wished and not asked:
            cuts_of_stay, added = self._add_options(body)
            cuts += cuts_of_stay
            changes += added
        stays = [one for one in members if one.name.lower() == STAY and self.stay]
        for one in stays:
            before = body[one.value : one.end]
            if before != self.stay:
                cuts.append((one.value, one.end, self.stay))
                changes.append(Change(name=STAY, before=before, after=self.stay))
        return apply_cuts(body, cuts), tuple(changes)

    def _wish(self) -> Wish:
        if self.policy == "allow":
            return Wish()
        gone = self.names - self.wished.keys()
        return Wish(values=self.wished, gone=gone, added=frozenset(self.wished))

    def _add_options(self, body: bytes) -> tuple[list[tuple[int, int, bytes]], list[Change]]:
        """Options for a body that has none, or has null."""
        if self.policy == "allow":
            return [], []
        values = b",".join(b"%b:%b" % (msgspec.json.encode(name), value) for name, value in self.wished.items())
        wish = Wish(values={OPTIONS: b"{%b}" % values}, added=frozenset({OPTIONS}))
        cuts, _ = edit_object(body, 0, wish)
        return cuts, [Change(name=name, before=b"", after=value) for name, value in self.wished.items()]


def make_guard(
    policy: Policy, reloads: Iterable[str], wished: Mapping[str, bool | float | str], *, pinned: bool
) -> Guard | None:
    """The guard of a route whose engines load anew for these options; None where nothing is to be done."""
    names = frozenset(reloads)
    values = {name: msgspec.json.encode(value) for name, value in wished.items() if name in names}
    stay = FOR_EVER * pinned
    if not names or (policy == "allow" and not stay):
        return None
    return Guard(policy=policy, names=names, wished=values, stay=stay)


def describe_changes(changes: Iterable[Change]) -> str:
    """For a header: `num_ctx 8192 -> 4096, num_gpu 1 -> default`."""
    return ", ".join(f"{one.name} {_shown(one.before)} -> {_shown(one.after)}" for one in changes)


def _shown(value: bytes) -> str:
    return value[:SHOWN].decode("ascii", "replace") or "default"


def _refusal(changes: list[Change], wished: Mapping[str, bytes]) -> Failure:
    named = ", ".join(f"{one.name} {_shown(one.before)}" for one in changes)
    right = ", ".join(f"{name} {_shown(value)}" for name, value in wished.items()) or "no such option"
    message = f"{named} would load the model anew for everybody; this gateway takes {right} here"
    return Failure(status=400, kind="option_reloads", message=message)
