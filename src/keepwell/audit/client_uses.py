"""Uses by client libraries: clients that are made with or without an address, and functions of a library itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.audit.clients import ARGUMENTS, Imported, Made, find_imports, find_language, find_made
from keepwell.audit.target import Target
from keepwell.audit.tongue import Tongue
from keepwell.audit.use import Edit, Use
from keepwell.plugins.uses import Knowledge, Library


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A file as clients are looked for in it: its text, the view of it, and whether it speaks of an engine at all."""

    text: str
    tongue: Tongue
    view: str
    known: Knowledge
    target: Target
    speaks: bool


def list_client_uses(file: Read, told: set[int]) -> Iterator[Use]:
    """Clients that are made, and libraries of which a function is called without one.

    `told` are the numbers of lines, from 1, in which an address or a variable was told of already.
    """
    imported = find_imports(file.view, file.tongue, file.known.all.library)
    clients = list(find_made(file.view, imported))
    for made in clients:
        use = _judge_made(file, made, told)
        if use is not None:
            yield use
    if file.speaks:
        yield from _list_calls(file, imported, clients)
    seen: set[int] = set()
    told_new: set[str] = set()
    told_uses: list[Use] = []
    for one in imported:
        number = file.view.count("\n", 0, one.start)
        if number in seen or not _is_wanted(file, one):
            continue
        seen.add(number)
        for use in _of_import(file, one, number):
            if not (use.new and use.new in told_new) and use not in told_uses:
                told_uses.append(use)
                yield use
            told_new.add(use.new)


def _is_wanted(file: Read, one: Imported) -> bool:
    """Whether an import tells of an engine: its library asks one by itself, or runs it, and is used by name here."""
    library = one.library
    if not is_engines_own(library, file.known):
        return False
    if any(word in one.name.lower() for word in file.known.all.words):
        return True
    return any(re.search(rf"\b{re.escape(name)}\b", _statement(file.view, one.start)) for name in library.makes)


def is_engines_own(library: Library, known: Knowledge) -> bool:
    """Whether a library asks an engine of one's own by itself, or runs it: others ask a cloud unless they are told."""
    if library.local or library.inside or library.swaps:
        return True
    return library.variable.startswith(_own_words(known))


def _statement(view: str, start: int) -> str:
    """A whole import: to the end of its line, or of its brackets."""
    line = view[start:].partition("\n")[0]
    if "(" in line and ")" not in line:
        return view[start : start + ARGUMENTS].partition(")")[0]
    return line


def _judge_made(file: Read, made: Made, told: set[int]) -> Use | None:
    number = file.view.count("\n", 0, made.start)
    library, column = made.library, made.end - (file.view.rfind("\n", 0, made.end) + 1)
    line = number + 1
    if library.inside:
        return Use(line=line, kind="client", what=f"{made.name}(", verdict="none", say=library.say)
    last = file.view.count("\n", 0, made.close) + 1
    if made.given:
        if told & set(range(line, last + 1)):
            return None
        say = "its address comes from elsewhere: what is set there changes"
        if "://" in file.view[made.end : made.close] or not file.speaks:
            return None
        return Use(line=line, kind="client", what=f"{made.name}(", verdict="unchanged", say=say)
    if not library.local or not library.arguments:
        return _judge_unlocal(file, made, line)
    quote = _quote(file)
    url = f"{quote}{file.target.url}{library.suffix}{quote}"
    name = library.arguments[0]
    edit = _insert(made, f"{name}={url}", column, file.view)
    if library.language == "javascript":
        edit = _insert_option(made, f"{name}: {url}", column, file.view)
    say = f"asks the engine's usual address, since {name} is not given"
    return Use(line=line, kind="client", what=f"{made.name}(", verdict="line", say=say, place="here", edit=edit)


def _judge_unlocal(file: Read, made: Made, line: int) -> Use | None:
    """A client without an address that does not ask this machine by itself: where its variable says."""
    library = made.library
    if library.swaps:
        return None
    if not library.variable.startswith(_own_words(file.known)):
        return None
    new = f"{library.variable}={file.target.url}{library.suffix}"
    say = f"asks where {library.variable} says"
    return Use(line=line, kind="client", what=f"{made.name}(", verdict="line", say=say, place="environment", new=new)


def _insert(made: Made, text: str, column: int, view: str) -> Edit:
    """As the first argument; the others may stand on the lines that follow."""
    blank = " " * (view[made.end : made.end + 1] not in ("\n", "\r", ""))
    return Edit(start=column, end=column, text=text + f",{blank}" * (not made.bare))


def _insert_option(made: Made, text: str, column: int, view: str) -> Edit:
    """Into the object of options, or as one."""
    if made.object_at < 0:
        return Edit(start=column, end=column, text=f"{{ {text} }}")
    at = column + made.object_at - made.end
    empty = view[made.object_at : made.close].strip().startswith("}")
    return Edit(start=at, end=at, text=f" {text}" + "," * (not empty) + " " * empty)


def _of_import(file: Read, one: Imported, number: int) -> Iterator[Use]:
    library, raw = one.library, file.text.split("\n")[number]
    line, view = number + 1, file.view.split("\n")[number]
    called = _is_called(file.view, one)
    for swap in library.swaps:
        found = re.search(swap.find, raw)
        if found is not None:
            put = _fill(swap.put, file.target)
            edit = Edit(start=found.start(), end=found.end(), text=found.expand(put))
            say = "asks the engine's usual address"
            yield Use(line=line, kind="library", what=one.name, verdict="line", say=say, place="here", edit=edit)
            return
    names = "|".join(library.calls)
    direct = called or (library.language == "python" and _names(view, names))
    if library.calls and library.variable and direct:
        new = f"{library.variable}={file.target.url}"
        say = f"its functions ask where {library.variable} says"
        yield Use(line=line, kind="library", what=one.name, verdict="line", say=say, place="environment", new=new)
        return
    if not library.inside:
        say = "the library stays; its address is what changes"
        yield Use(line=line, kind="library", what=one.name, verdict="unchanged", say=say)


def _list_calls(file: Read, imported: Sequence[Imported], clients: Sequence[Made]) -> Iterator[Use]:
    """Calls of a library's functions, on the library, on a client, or on what is called like the library."""
    language = find_language(file.tongue)
    for library in file.known.all.library:
        if not library.calls or library.language != language:
            continue
        owners = {re.split(r"[./]", one.name)[-1] for one in imported if one.library is library} | {library.imports[0]}
        owners |= {owner for one in clients if one.library is library for owner in _find_owner(file.view, one)}
        written = "|".join(re.escape(one) for one in sorted(owners))
        names = "|".join(library.calls)
        for found in re.finditer(rf"(?<!\w)(?:{written})\.(?P<name>{names})[ \t]*\(", file.view):
            path = file.known.by_path[library.calls[found["name"]]]
            say = path.say or f"asks {path.path}, which the gateway has"
            line = file.view.count("\n", 0, found.start()) + 1
            yield Use(line=line, kind="path", what=found[0], verdict=path.verdict, say=say)


def _is_called(view: str, one: Imported) -> bool:
    """Whether a function of the library itself is called."""
    names = "|".join(one.library.calls)
    module = re.escape(re.split(r"[./]", one.name)[-1])
    return bool(names) and re.search(rf"(?<![\w.]){module}\.(?:{names})[ \t]*\(", view) is not None


def _find_owner(view: str, made: Made) -> list[str]:
    """What a client is called that is made here."""
    before = view[view.rfind("\n", 0, made.start) + 1 : made.start]
    found = re.search(r"([A-Za-z_]\w*)\s*(?::[^=]{1,80})?=\s*(?:(?:await|new)\s+)*(?:\w+\.)?$", before)
    if found is None:
        return []
    return [found[1]]


def _names(view: str, names: str) -> bool:
    """Whether an import names one of these functions itself."""
    return bool(names) and re.search(rf"\bimport\s+\(?[^\n]*\b(?:{names})\b", view) is not None


def _fill(put: str, target: Target) -> str:
    """The gateway's parts in a template of `re.sub`; it has braces of its own."""
    host = target.host
    for name, value in (("{url}", target.url), ("{host}", host), ("{port}", str(target.port))):
        put = put.replace(name, value)
    return put


def _quote(file: Read) -> str:
    """The quote of a string that is put into a line: escaped where the line is one itself."""
    return {"notebook": '\\"'}.get(file.tongue, '"')


def _own_words(known: Knowledge) -> tuple[str, ...]:
    """Beginnings of variables that belong to engines themselves."""
    return tuple({one.name.partition("_")[0] + "_" for one in known.all.variable if one.name in known.settings})
