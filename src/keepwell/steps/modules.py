"""Kernel modules: loaded at every boot and now, kept from loading by themselves, with options.

What is wished is added to two files of keepwell's own; what stands in files of others counts too, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keepwell.config.sections import Key
from keepwell.config.shapes import texts
from keepwell.config.wish_shapes import values
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Change, RunCommand
from keepwell.formats.kernel_modules import (
    ModuleRules,
    add_to_load_list,
    parse_depends,
    parse_load_list,
    parse_loaded,
    parse_rules,
    plain_name,
    set_rules,
)
from keepwell.plugins.whole_file import WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

LOAD_LIST, RULES = "/etc/modules-load.d/keepwell.conf", "/etc/modprobe.d/keepwell.conf"
LOADED = "/proc/modules"
#: Folders in which such files lie: one of /etc hides one of the same name in the others.
LOAD_FOLDERS = ("/etc/modules-load.d", "/usr/lib/modules-load.d")
RULE_FOLDERS = ("/etc/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
#: Seconds for modprobe: a GPU's driver starts its cards, which takes up to 10 s each.
MODPROBE_SECONDS = 120.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _modules(value: object) -> tuple[str, ...]:
    found = texts(value)
    if not all(_NAME.fullmatch(one) for one in found):
        raise ValueError('a list of names of kernel modules, like ["nvidia-uvm"]')
    return found


def _options(value: object) -> Mapping[str, str]:
    found = values(value)
    if not all(_NAME.fullmatch(name) and text.strip() and not text.endswith("\\") for name, text in found.items()):
        raise ValueError(
            'names of kernel modules with their options, like {nvidia = "NVreg_OpenRmEnableUnsupportedGpus=1"}'
        )
    return found


@dataclass(frozen=True, slots=True)
class _There:
    """What the node has: modules that are loaded at boot, rules by file, and modules that are loaded now."""

    boot: frozenset[str]
    rules: Mapping[str, ModuleRules]
    loaded: frozenset[str]


class _Modules:
    """The step; it holds no state."""

    title = "Kernel modules"
    table = "modules"
    keys: tuple[Key, ...] = (
        Key(name="load", shape=_modules, help="loaded at every boot, and now"),
        Key(name="blacklist", shape=_modules, help="not loaded for a device by themselves, from the next boot on"),
        Key(name="options", shape=_options, help="options by module, in force when it is loaded next"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The files of both kinds, what is loaded, and what modprobe would do for what is not."""
        loaded = find_content(looked, LOADED)
        asked: tuple[tuple[str, ...], ...] = ()
        if isinstance(loaded, bytes):
            asked = tuple(_ask(one) for one in wish.get("load", ()) if plain_name(one) not in parse_loaded(loaded))
        return Needs(
            paths=(*needed_paths(LOAD_LIST, RULES), LOADED, *_files(looked)),
            folders=(*LOAD_FOLDERS, *RULE_FOLDERS),
            commands=asked,
        )

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """What is not loaded at boot, not loaded now, not on the blacklist, or has other options."""
        there = _find_there(looked)
        if isinstance(there, Missing):
            return there
        problem = _find_problem(wish, there, looked)
        if isinstance(problem, Missing):
            return problem
        subject, after = Ref("node", (looked.node,)), _say(wish)
        before = _say_there(wish, there, looked)
        if problem:
            return Drift(subject=subject, before=before, after=after, problem=problem)
        files = _put_files(wish, there, looked)
        if isinstance(files, Missing):
            return files
        changes = (*files, *_load(wish, there, looked))
        return Drift(subject=subject, before=before, after=after, changes=changes, kept=tuple(_kept(wish, there)))

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """All that the node's own files, those of /etc, say."""
        there = _find_there(looked)
        if isinstance(there, Missing):
            return there
        own = [rules for path, rules in there.rules.items() if path.startswith("/etc/")]
        options = {name: " ".join(said) for rules in own for name, said in rules.options.items()}
        found = {
            "load": tuple(sorted(_at_boot(looked, "/etc/"))),
            "blacklist": tuple(sorted({name for rules in own for name in rules.blacklist})),
            "options": options,
        }
        return {**{name: value for name, value in found.items() if value}, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """One table where a GPU's driver was looked at: that is what modules are set for here."""
        driver = seen.value(Ref("node", (node,)), "device.driver")
        return ({},) * (not isinstance(driver, Missing))


def _files(looked: Looked) -> tuple[str, ...]:
    """Every file that counts; of several with one name the first folder's."""
    found: list[str] = []
    for folders in (LOAD_FOLDERS, RULE_FOLDERS):
        taken: set[str] = set()
        for folder in folders:
            names = looked.names.get(folder, ())
            if isinstance(names, Missing):
                continue
            found += [f"{folder}/{one}" for one in names if one.endswith(".conf") and one not in taken]
            taken |= set(names)
    return tuple(found)


def _find_there(looked: Looked) -> _There | Missing:
    loaded = find_content(looked, LOADED)
    if isinstance(loaded, Missing):
        return loaded
    for folder in (*LOAD_FOLDERS, *RULE_FOLDERS):
        names = looked.names.get(folder)
        if isinstance(names, Missing) and names.kind != "absent":
            return names
    files = {path: content for path in _files(looked) if isinstance(content := find_content(looked, path), bytes)}
    rules = {path: parse_rules(content) for path, content in files.items() if path.startswith(RULE_FOLDERS)}
    return _There(boot=_at_boot(looked, "/"), rules=rules, loaded=parse_loaded(loaded))


def _at_boot(looked: Looked, below: str) -> frozenset[str]:
    """Modules that files below a folder load at boot."""
    paths = [path for path in _files(looked) if path.startswith(LOAD_FOLDERS) and path.startswith(below)]
    contents = [find_content(looked, path) for path in paths]
    return frozenset(name for one in contents if isinstance(one, bytes) for name in parse_load_list(one))


def _ask(name: str) -> tuple[str, ...]:
    """What modprobe would do, without doing it."""
    return ("modprobe", "--show-depends", name)


def _find_problem(wish: Wish, there: _There, looked: Looked) -> str | Missing:
    both = set(map(plain_name, wish.get("load", ()))) & set(map(plain_name, wish.get("blacklist", ())))
    if both:
        return f"{', '.join(sorted(both))}: wished both loaded and on the blacklist"
    for name in wish.get("load", ()):
        barred = [path for path, rules in there.rules.items() if plain_name(name) in rules.blacklist | rules.never]
        if barred:
            return f"{barred[0]} keeps {name} from being loaded at boot: take that line out first"
        ran = looked.ran.get(_ask(name))
        if plain_name(name) in there.loaded or ran is None:
            continue
        if isinstance(ran, Missing):
            return ran
        if ran.code:
            said = (ran.stderr or ran.stdout).decode("utf-8", "replace").strip()
            return f"the running kernel has no module {name} (`modprobe --show-depends {name}`: {said[:200]})"
    return ""


def _put_files(wish: Wish, there: _There, looked: Looked) -> tuple[Change, ...] | Missing:
    """Both files with what stands in none yet."""
    load = [one for one in wish.get("load", ()) if plain_name(one) not in there.boot]
    barred = [one for one in wish.get("blacklist", ()) if not _is_barred(one, there)]
    options = {name: said for name, said in wish.get("options", {}).items() if not _is_set(name, said, there)}
    words = [*(f"blacklist {one}" for one in barred), *(f"options {name} {said}" for name, said in options.items())]
    old = [find_content(looked, path) for path in (LOAD_LIST, RULES)]
    unclear = [one for one in old if isinstance(one, Missing) and one.kind != "absent"]
    if unclear:
        return unclear[0]
    list_now, rules_now = (_bytes_or_nothing(one) for one in old)
    files = (
        (list_now, WholeFile(path=LOAD_LIST, content=add_to_load_list(list_now, load), told=f"also {', '.join(load)}")),
        (
            rules_now,
            WholeFile(path=RULES, content=set_rules(rules_now, barred, options), told=f"also {', '.join(words)}"),
        ),
    )
    changes = [put_file(file, looked) for before, file in files if before != file.content]
    return _flat(changes)


def _flat(changes: Iterable[tuple[Change, ...] | Missing]) -> tuple[Change, ...] | Missing:
    """All of them, or why one could not be told."""
    made: list[Change] = []
    for one in changes:
        if isinstance(one, Missing):
            return one
        made += one
    return tuple(made)


def _bytes_or_nothing(content: bytes | Missing) -> bytes:
    if isinstance(content, Missing):
        return b""
    return content


def _is_barred(name: str, there: _There) -> bool:
    return any(plain_name(name) in rules.blacklist for rules in there.rules.values())


def _is_set(name: str, said: str, there: _There) -> bool:
    """Whether a file gives the module exactly these options, in one line."""
    return any(" ".join(said.split()) in rules.options.get(plain_name(name), ()) for rules in there.rules.values())


def _load(wish: Wish, there: _There, looked: Looked) -> Iterable[Change]:
    """Load what is neither loaded nor built in; only that is taken out again."""
    for name in wish.get("load", ()):
        if plain_name(name) in there.loaded or _is_builtin(name, looked):
            continue
        yield Change(
            subject=Ref("node", (looked.node,)),
            what=f"load {name}",
            before="not loaded",
            after="loaded",
            do=RunCommand(argv=("modprobe", name), timeout_seconds=MODPROBE_SECONDS),
            undo=RunCommand(argv=("modprobe", "-r", name), timeout_seconds=MODPROBE_SECONDS),
        )


def _is_builtin(name: str, looked: Looked) -> bool:
    ran = looked.ran.get(_ask(name))
    return ran is not None and not isinstance(ran, Missing) and parse_depends(ran.text) == "builtin"


def _kept(wish: Wish, there: _There) -> Iterable[str]:
    for name in wish.get("blacklist", ()):
        if plain_name(name) in there.loaded:
            yield f"{name} is loaded and stays so until the next boot (`modprobe -r {name}` ends it now)"


def _say(wish: Wish) -> str:
    words = [f"load {one}" for one in wish.get("load", ())]
    words += [f"blacklist {one}" for one in wish.get("blacklist", ())]
    words += [f"options {name} {said}" for name, said in wish.get("options", {}).items()]
    return "; ".join(words) or "nothing is said of modules"


def _say_there(wish: Wish, there: _There, looked: Looked) -> str:
    """The same of the node, as far as it is wished."""
    words = []
    for one in wish.get("load", ()):
        now = plain_name(one) in there.loaded or _is_builtin(one, looked)
        words.append(_LOADED[now, plain_name(one) in there.boot].format(one))
    words += [_BARRED[_is_barred(one, there)].format(one) for one in wish.get("blacklist", ())]
    for name in wish.get("options", {}):
        lines = [one for rules in there.rules.values() for one in rules.options.get(plain_name(name), ())]
        words.append(f"options {name} {' '.join(lines) or '(none)'}")
    return "; ".join(words)


_LOADED = {
    (True, True): "{} loaded",
    (True, False): "{} loaded, not at boot",
    (False, True): "{} at boot, not loaded",
    (False, False): "{} not loaded",
}
_BARRED = {True: "blacklist {}", False: "{} not on a blacklist"}

STEP: Keeps = _Modules()
