"""One file: its text in, every use in it and the lines that are to be written anew out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from keepwell.audit.addresses import Address, find_addresses, find_bare_ports
from keepwell.audit.client_uses import Read, is_engines_own, list_client_uses
from keepwell.audit.judge import Scene, judge_address, judge_model, judge_path, judge_port, judge_variable
from keepwell.audit.mentions import (
    Named,
    find_commands,
    find_images,
    find_kept,
    find_models,
    find_packages,
    find_paths,
    find_variables,
    is_run,
    is_told,
)
from keepwell.audit.own import find_own_lines
from keepwell.audit.target import Target
from keepwell.audit.tongue import Tongue
from keepwell.audit.use import Edit, Use, apply_edits
from keepwell.audit.view import render_view
from keepwell.plugins.uses import Knowledge

#: Characters of a line; longer ones are made by programs (minified, data), and no person changes them.
LINE_CHARACTERS = 2000
#: What stands before the name of a model that is given as one.
_GIVEN = r"(?:\b\w*(?:model|MODEL|Model)\w*[\"']?\s*[:=]\s*|\b(?:LM|LLM|from_provider|completion|init_chat_model)\(\s*)"
#: Uses of one file: a file with more is made by a program.
FILE_USES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file as it was read: its path from the root, its text, its tongue. `exact`: its bytes are those of the text in
    UTF-8, so that a diff of the text is one of the file.
    """

    path: str
    text: str
    tongue: Tongue
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was found in a file: its lines, its uses, and the new text of each line that changes, by number from 1.

    `long_lines` were not looked at; `cut` says that there are more uses than are listed.
    """

    source: Source
    lines: tuple[str, ...]
    uses: tuple[Use, ...]
    changed: dict[int, str]
    long_lines: int
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    source: Source
    views: Sequence[str]
    known: Knowledge
    target: Target
    speaks: bool
    own: frozenset[int]
    read: Read
    speaks_bare: bool

    def scene(self, number: int) -> Scene:
        """What line `number`, from 0, is judged by."""
        view = self.views[number]
        return Scene(
            known=self.known,
            target=self.target,
            tongue=self.source.tongue,
            line=number + 1,
            view=view,
            speaks=self.speaks,
            speaks_bare=self.speaks_bare,
            line_speaks=_speaks(view, self.known),
            own=number in self.own,
        )


def read_document(source: Source, known: Knowledge, target: Target) -> Document:
    """Every use in a file, line by line, and its new lines."""
    low = source.text.lower()
    if not any(one in low for one in known.signs) and not _speaks(source.path, known):
        return Document(source=source, lines=(), uses=(), changed={}, long_lines=0)
    lines = source.text.split("\n")
    long_lines = sum(len(one) > LINE_CHARACTERS for one in lines)
    shortened = [one * (len(one) <= LINE_CHARACTERS) for one in lines]
    view = render_view("\n".join(shortened), source.tongue)
    views = view.split("\n")
    speaks = _speaks(view, known) or _speaks(source.path, known)
    file = _File(
        source=source,
        views=views,
        known=known,
        target=target,
        speaks=speaks,
        speaks_bare=any(one in view.lower() for one in known.bare_words),
        own=find_own_lines(source.path, views, known),
        read=Read(text=source.text, tongue=source.tongue, view=view, known=known, target=target, speaks=speaks),
    )
    uses = list(dict.fromkeys(sorted(_list_uses(file), key=_place)))[: FILE_USES + 1]
    edits: dict[int, list[Edit]] = {}
    for one in uses[:FILE_USES]:
        if one.edit is not None:
            edits.setdefault(one.line, []).append(one.edit)
    changed = {number: apply_edits(lines[number - 1], made) for number, made in edits.items()}
    return Document(
        source=source,
        lines=tuple(lines),
        uses=tuple(uses[:FILE_USES]),
        changed=changed,
        long_lines=long_lines,
        cut=len(uses) > FILE_USES,
    )


def _list_uses(file: _File) -> Iterator[Use]:
    """Lines first; then clients, whose arguments may stand on many; then models, where there is a use at all."""
    low = file.read.view.lower()
    hint = _hint_pattern(tuple(one for one in file.known.hints if one in low))
    telling = [number for number, view in enumerate(low.split("\n")) if hint.search(view)]
    found = [use for number in _with_next(telling, len(file.views)) for use in _of_line(file, number)]
    found += list_client_uses(file.read, {one.line for one in found})
    yield from found
    asking = any(one.kind in ("address", "client", "library", "path", "variable") for one in found)
    for number, view in enumerate(file.views):
        if "odel" in view or "MODEL" in view or "LM(" in view:
            yield from _of_models(file, number, asking=asking)


@lru_cache(maxsize=256)
def _hint_pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    """Any of these; a file holds few of those that there are."""
    return re.compile("|".join(map(re.escape, texts)) or r"(?!)")


def _with_next(numbers: Sequence[int], count: int) -> list[int]:
    """These lines and the one after each: a value may stand there."""
    return sorted({one for number in numbers for one in (number, number + 1) if one < count})


def _of_line(file: _File, number: int) -> Iterator[Use]:
    scene, view = file.scene(number), file.views[number]
    code = file.source.tongue not in ("data", "script", "plain")
    named = list(find_variables(view, file.known, code=code))
    kept = find_kept(file.views[max(0, number - 1)], view, file.known)
    if kept is not None:
        named.append(kept)
    addresses = list(find_addresses(view, (*file.known.all.sure_ports, *file.known.all.ports)))
    spans = [(one.start, one.path_end) for one in addresses]
    for one in addresses:
        if not (file.source.tongue == "script" and is_told(view[: one.start])):
            yield from judge_address(one, scene, _holder(named, one))
    for start, end in find_bare_ports(view, file.known.all.sure_ports):
        told = file.source.tongue == "script" and is_told(view[:start])
        if not told and not any(first <= start < last for first, last in spans):
            yield from filter(None, (judge_port(start, end, scene),))
    yield from _of_names(named, addresses, scene)
    for asked in find_paths(view, file.known):
        if not any(start <= asked.start < end for start, end in spans):
            path = judge_path(asked, scene)
            if path is not None:
                yield path
    for name, library in find_packages(view, file.source.path, file.known.all.library):
        if is_engines_own(library, file.known):
            say = library.say or "the library stays; its address is what changes"
            yield Use(line=scene.line, kind="library", what=name, verdict="unchanged", say=say)
    yield from _of_words(file, scene)


def _of_names(named: Sequence[Named], addresses: Sequence[Address], scene: Scene) -> Iterator[Use]:
    """Variables whose value is no address that was told already."""
    for one in named:
        if one.variable.role == "address" and any(_holder(named, address) is one for address in addresses):
            continue
        use = judge_variable(one, scene)
        if use is not None:
            yield use


def _of_words(file: _File, scene: Scene) -> Iterator[Use]:
    """Commands and images."""
    for at, command, written in find_commands(scene.view, file.known.all.command):
        if not is_run(scene.view[:at], code=scene.tongue not in ("data", "script", "plain")):
            continue
        kind = {True: "engine"}.get(command.own or scene.own, "command")
        verdict, say = command.verdict, command.say
        if scene.own:
            verdict, say = "unchanged", "the engine's own: it stays where it is"
        if kind == "engine":
            yield Use(line=scene.line, kind="engine", what=written, verdict=verdict, say=say)
        else:
            yield Use(line=scene.line, kind="command", what=written, verdict=verdict, say=say)
    for at, image in find_images(scene.view, file.known.all.images):
        if is_told(scene.view[:at]):
            continue
        say = "the engine itself: it stays, the gateway asks it"
        yield Use(line=scene.line, kind="engine", what=image, verdict="unchanged", say=say)


def _of_models(file: _File, number: int, *, asking: bool) -> Iterator[Use]:
    scene = file.scene(number)
    for prefixed in _find_prefixed(scene):
        yield prefixed
        return
    if not asking:
        return
    for _, name in find_models(scene.view):
        yield judge_model(name, scene, None)


def _find_prefixed(scene: Scene) -> Iterator[Use]:
    """Names of models with a prefix by which a library sends them to an engine."""
    for library in scene.known.all.library:
        for prefix in library.models:
            found = re.search(rf"{_GIVEN}[\"'](?P<name>{re.escape(prefix)}[A-Za-z0-9][\w.:/-]*)[\"']", scene.view)
            if found is not None:
                yield judge_model(found["name"], scene, library)


def _holder(named: Sequence[Named], address: Address) -> Named | None:
    """The variable in whose value an address stands: the last that begins before it."""
    before = [one for one in named if one.start <= address.start and one.variable.role == "address"]
    return max(before, key=_start, default=None)


def _speaks(text: str, known: Knowledge) -> bool:
    low = text.lower()
    return any(one in low for one in known.all.words)


def _start(named: Named) -> int:
    return named.start


def _place(use: Use) -> int:
    return use.line
