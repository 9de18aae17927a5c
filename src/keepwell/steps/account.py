"""Keep the account that a service runs as: made where there is none, in the groups that it is wished to be in.

Only what was made is taken back: an account and a group that were there stay. A person's account is never touched,
and numbers never change: files would be left that belong to nobody. Passwords are neither read nor set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keepwell.config.sections import Key
from keepwell.config.shapes import flag, path
from keepwell.config.wish_shapes import account_name, account_names, whole
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Change, RunCommand
from keepwell.core.values import find_number, row_of, text_of
from keepwell.formats.accounts import FIRST_PERSON, Account
from keepwell.plugins.accounts import find_account, find_group, local_accounts, local_groups, need_accounts
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish
from keepwell.transport.base import Ran

NOLOGIN = "/usr/sbin/nologin"
#: The home folder of an account that has none (login.defs(5), NONEXISTENT).
NO_HOME = "/nonexistent"
#: Exit codes of the programs for accounts when all is so already: the name is taken (useradd(8)), there is no such
#: account (userdel(8)) or group (groupdel(8)), it is no member (gpasswd(1)).
TAKEN, GONE, NO_MEMBER = (9,), (6,), (3,)


class _ServiceAccount:
    """The step; it holds no state."""

    title = "Keep the account that a service runs as"
    table = "account"
    keys: tuple[Key, ...] = (
        Key(name="user", shape=account_name, required=True, help="The account's name."),
        Key(
            name="group",
            shape=account_name,
            help="Its own group, made where there is none; the account's name if left out.",
        ),
        Key(name="groups", shape=account_names, help="Further groups that it is in. Those it is in besides stay."),
        Key(name="home", shape=path, help=f"Its home folder, which a table `folder` makes; a new one has {NO_HOME}."),
        Key(name="shell", shape=path, help=f"Its shell; a new one has {NOLOGIN}, which lets nobody log in."),
        Key(
            name="uid", shape=whole, help="Its number; the next free one if left out. That of one there never changes."
        ),
        Key(
            name="system", shape=flag, help="Make it with a number of the system's, as services have: true if left out."
        ),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The account, its groups, who has the number, and whether something runs as it."""
        name = str(wish["user"])
        asked = need_accounts((name, _number(wish)), (_group(wish), *_groups(wish)))
        return Needs(paths=asked.paths, commands=(*asked.commands, _running(name)))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """A missing account is made; of one that is there its home, its shell and missing groups."""
        found = find_account(looked, str(wish["user"]))
        holder = find_account(looked, _number(wish) or "-")
        answers = (found, holder, *(find_group(looked, one) for one in (_group(wish), *_groups(wish))))
        for one in answers:
            if isinstance(one, Missing) and one.kind != "absent":
                return one
        if not isinstance(found, Missing):
            return _compare_with(found, wish, looked)
        subject = _subject(looked)
        words = _wished_words(wish)
        if not isinstance(holder, Missing):
            taken = f"the number {holder.uid} belongs to {holder.name} on this node: wish another, or none"
            return Drift(subject=subject, before="no such account", after=words, problem=taken)
        changes = (*_groups_made(wish, looked), _account_made(wish, looked))
        makes = (str(wish["user"]), _group(wish), *_groups(wish))
        return Drift(subject=subject, before="no such account", after=words, changes=changes, makes=makes)

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """Group, groups, home and shell of the account there; its number is the node's own business."""
        found = find_account(looked, str(wish["user"]))
        groups = local_groups(looked)
        if isinstance(found, Missing):
            return found
        if isinstance(groups, Missing):
            return groups
        own = next((one.name for one in groups if one.gid == found.gid), found.name)
        member = tuple(one.name for one in groups if found.name in one.members and one.gid != found.gid)
        return {"group": own, "groups": member, "home": found.home, "shell": found.shell, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The accounts that engines run as, but for root and people's."""
        names: dict[str, None] = {}
        for one in seen.named("engine.process"):
            row, supervisor = row_of(one.value), row_of(seen.value(one.subject, "engine.supervisor"))
            number = find_number(row.get("uid"))
            contained = text_of(supervisor, "kind") == "container"
            if one.subject.node == node and number and number < FIRST_PERSON and not contained:
                names[text_of(row, "user")] = None
        return tuple({"user": name} for name in names if name and not name.isdecimal())


def _compare_with(found: Account, wish: Wish, looked: Looked) -> Drift | Missing:
    """An account that is there."""
    groups, accounts = local_groups(looked), local_accounts(looked)
    if isinstance(groups, Missing):
        return groups
    member = [one.name for one in groups if found.name in one.members]
    own = find_group(looked, str(found.gid))
    own_name = str(found.gid)
    if not isinstance(own, Missing):
        own_name = own.name
    home, shell = str(wish.get("home", found.home)), str(wish.get("shell", found.shell))
    joined = [one for one in _groups(wish) if one not in (*member, own_name)]
    others = [one for one in member if one not in _groups(wish)]
    before = _words(found.uid, own_name, member, found.home, found.shell)
    after = _words(wish.get("uid", found.uid), wish.get("group", own_name), [*member, *joined], home, shell)
    changes = (*_joins(found, joined, looked), *_altered(found, home, shell, looked))
    local = not isinstance(accounts, Missing) and any(one.name == found.name for one in accounts)
    problem = _objection(found, wish, own_name, local, looked) * (before != after)
    return Drift(
        subject=_subject(looked),
        before=before,
        after=after,
        changes=changes * (not problem),
        problem=problem,
        kept=tuple(f"{found.name} stays in the group {one}" for one in others if "groups" in wish),
    )


def _objection(found: Account, wish: Wish, own: str, local: bool, looked: Looked) -> str:
    """Why an account that differs must not be changed here, "" for nothing."""
    running = looked.ran.get(_running(found.name))
    if found.uid == 0 or found.person:
        return f"{found.name} is {_WHOSE[found.uid == 0]}, not a service's: keepwell leaves it alone"
    if not local:
        return f"{found.name} is not in this node's own files but in a directory (LDAP, SSSD): change it there"
    if wish.get("uid", found.uid) != found.uid:
        return f"its number stays {found.uid}: with another one its files would belong to nobody"
    if wish.get("group", own) != own:
        return f"its own group stays {own}: with another one its files would be of a group that it is not in"
    busy = isinstance(running, Ran) and running.code == 0 and bool(running.stdout.strip())
    if busy and str(wish.get("home", found.home)) != found.home:
        return f"its home can change only while nothing runs as {found.name}: stop its services first"
    return ""


_WHOSE = {True: "the system's administrator", False: "a person's account"}


def _groups_made(wish: Wish, looked: Looked) -> Iterator[Change]:
    """The groups of a new account that are not there; its own is kept by a change of its own where it was there."""
    for one in dict.fromkeys((_group(wish), *_groups(wish))):
        found = find_group(looked, one)
        if isinstance(found, Missing):
            yield _group_made(one, looked)
        elif one == str(wish["user"]) and not found.members:
            # userdel takes a group of the account's name along: one that was there is put back.
            yield Change(
                subject=_subject(looked),
                what=f"group {one}",
                before=f"number {found.gid}",
                after="stays",
                do=RunCommand(argv=("groupadd", "--force", one)),
                undo=RunCommand(argv=("groupadd", "--force", "--gid", str(found.gid), one)),
            )


def _group_made(name: str, looked: Looked) -> Change:
    return Change(
        subject=_subject(looked),
        what=f"group {name}",
        before="no such group",
        after="a group of the system",
        do=RunCommand(argv=("groupadd", "--force", "--system", name)),
        undo=RunCommand(argv=("groupdel", name), settled=GONE),
    )


def _account_made(wish: Wish, looked: Looked) -> Change:
    name = str(wish["user"])
    argv = ["useradd", *["--system"] * bool(wish.get("system", True)), "--no-create-home", "--no-user-group"]
    argv += ["--gid", _group(wish), "--home-dir", _home(wish), "--shell", _shell(wish)]
    argv += ["--uid", _number(wish)] * ("uid" in wish)
    argv += ["--groups", ",".join(_groups(wish))] * bool(_groups(wish))
    return Change(
        subject=_subject(looked),
        what=f"account {name}",
        before="no such account",
        after=_wished_words(wish),
        do=RunCommand(argv=(*argv, name), settled=TAKEN),
        undo=RunCommand(argv=("userdel", name), settled=GONE),
    )


def _joins(found: Account, groups: Sequence[str], looked: Looked) -> Iterator[Change]:
    for one in groups:
        if isinstance(find_group(looked, one), Missing):
            yield _group_made(one, looked)
        yield _joined(found, one, looked)


def _joined(found: Account, group: str, looked: Looked) -> Change:
    return Change(
        subject=_subject(looked),
        what=f"account {found.name}",
        before=f"not in the group {group}",
        after=f"in the group {group}; what runs as it is in it once it is started again",
        do=RunCommand(argv=("usermod", "--append", "--groups", group, found.name)),
        undo=RunCommand(argv=("gpasswd", "--delete", found.name, group), settled=NO_MEMBER),
    )


def _altered(found: Account, home: str, shell: str, looked: Looked) -> Iterator[Change]:
    for option, old, new in (("--home", found.home, home), ("--shell", found.shell, shell)):
        if old != new:
            yield Change(
                subject=_subject(looked),
                what=f"{option[2:]} of {found.name}",
                before=old,
                after=new,
                do=RunCommand(argv=("usermod", option, new, found.name)),
                undo=RunCommand(argv=("usermod", option, old, found.name)),
            )


def _running(name: str) -> tuple[str, ...]:
    """Prints the processes of this account, none of another; exit 1 when there are none."""
    return ("ps", "-o", "pid=", "-U", name)


def _subject(looked: Looked) -> Ref:
    return Ref("node", (looked.node,))


def _number(wish: Wish) -> str:
    return str(wish.get("uid", ""))


def _group(wish: Wish) -> str:
    return str(wish.get("group") or wish["user"])


def _groups(wish: Wish) -> tuple[str, ...]:
    return tuple(one for one in dict.fromkeys(wish.get("groups", ())) if one != _group(wish))


def _home(wish: Wish) -> str:
    return str(wish.get("home", NO_HOME))


def _shell(wish: Wish) -> str:
    return str(wish.get("shell", NOLOGIN))


def _wished_words(wish: Wish) -> str:
    return _words(wish.get("uid", "the next free one"), _group(wish), _groups(wish), _home(wish), _shell(wish))


def _words(number: object, group: str, groups: Sequence[str], home: str, shell: str) -> str:
    further = f", in {', '.join(groups)}" * bool(groups)
    return f"number {number}, group {group}{further}, home {home}, shell {shell}"


STEP: Keeps = _ServiceAccount()
