"""Change one thing in a YAML or JSON text; what was not changed keeps every byte, comments and line ends too.

Each edit is proved before it is given: the text read again says what it said before but for the one thing. What cannot
be edited so (behind an anchor that others use, brought in by a merge) raises BadYaml.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from typing import TypeAlias

from keepwell.formats.yaml_places import BadYaml, Data, Place, parse_data, parse_places

#: Keys of mappings and numbers of items of lists, from the top.
Path: TypeAlias = Sequence[str | int]
#: Blanks of one level, where the text shows none.
STEP = 2
#: Words that need no quotes anywhere in YAML, if a reader takes them for text.
_BARE = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./=:-]*[A-Za-z0-9_./-])?\Z")


def put_value(text: str, path: Path, value: Data) -> str:
    """The text in which this stands at the path; missing mappings on the way are made. BadYaml where it cannot."""
    data = parse_data(text)
    if find_data(data, path) == value and parse_places(text).find(*path) is not None:
        return text
    return _proved(text, _put(text, path, value), put_data(data, path, value))


def add_item(text: str, path: Path, value: Data) -> str:
    """The text whose list at the path has one item more, the last; a list with it is made where there is none."""
    here = parse_places(text).find(*path)
    if here is None or here.kind != "list" or not here.items:
        return put_value(text, path, [value])
    data = parse_data(text)
    there = find_data(data, path)
    if here.shared or not isinstance(there, list):
        raise BadYaml("it is borrowed from an anchor; change it there", here.line)
    last = here.items[-1]
    if here.inline:
        added = text[: last.end] + _between(text, here) + _inline(value, _is_json(text)) + text[last.end :]
    else:
        at = _line_end(text, last.end)
        added = text[:at] + _end(text, at) + _lines(text, [value], here.column) + text[at:]
    return _proved(text, added, put_data(data, path, [*there, value]))


def drop(text: str, path: Path) -> str:
    """The text without this key or item; the last one of a collection leaves an empty one. BadYaml where it cannot."""
    *above, last = path
    data, parent = parse_data(text), parse_places(text).find(*above)
    spans = _spans(parent)
    numbers = [number for number, (name, _, _) in enumerate(spans) if name == last]
    if parent is None or not numbers or parent.shared:
        raise BadYaml("it does not stand there by itself")
    wished = copy.deepcopy(data)
    del find_data(wished, above)[last]
    if len(spans) == 1 and (above or parent.inline):
        return _proved(text, _replace(text, parent, _inline(find_data(wished, above), _is_json(text))), wished)
    return _proved(text, _without(text, parent, spans, numbers[0]), wished)


def find_data(data: Data, path: Path) -> Data:
    """What lies at the path of data that was read; None where nothing does."""
    for key in path:
        if isinstance(data, list) and isinstance(key, int):
            data = dict(enumerate(data)).get(key)
        elif isinstance(data, dict):
            data = data.get(key)
        else:
            return None
    return data


def put_data(data: Data, path: Path, value: Data) -> Data:
    """A copy of the data in which this lies at the path. BadYaml where something else is in the way."""
    if not path:
        return value
    key, made = path[0], copy.copy(data)
    if made is None and isinstance(key, str):
        made = {}
    if isinstance(made, list) and isinstance(key, int) and key < len(made):
        made[key] = put_data(made[key], path[1:], value)
    elif isinstance(made, dict) and isinstance(key, str):
        made[key] = put_data(made.get(key), path[1:], value)
    else:
        raise BadYaml(f"{key} cannot stand there")
    return made


def _proved(before: str, after: str, wished: Data) -> str:
    """The new text if it says what is wished; a text that cannot be edited as others is refused."""
    del before
    try:
        right = parse_data(after) == wished
        parse_places(after)
    except BadYaml:
        right = False
    if not right:
        raise BadYaml("it cannot be changed without changing more: edit it by hand")
    return after


def _put(text: str, path: Path, value: Data) -> str:
    here, depth = parse_places(text), 0
    while depth < len(path) and (inner := here.find(path[depth])) is not None:
        here, depth = inner, depth + 1
        if here.shared:
            raise BadYaml("it is borrowed from an anchor; change it there", here.line)
    rest = path[depth:]
    if rest and here.kind == "mapping" and here.pairs:
        return _add_pair(text, here, str(rest[0]), _nested(rest[1:], value))
    whole = _nested(rest, value)
    if here.kind == "scalar" and _is_blocky(whole) and not _is_json(text):
        return _hang(text, path[:depth], here, whole)
    return _replace(text, here, _inline(whole, _is_json(text)))


def _nested(path: Path, value: Data) -> Data:
    for key in reversed(path):
        value = {key: value}
    return value


def _is_blocky(value: Data) -> bool:
    """Whether it is written over several lines: a mapping with something in it, or a list of such."""
    return bool(value) and (isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict)))


def _replace(text: str, here: Place, words: str) -> str:
    """Other words in the place of a thing; after a bare colon with a blank between, below a key on its line."""
    start = here.start
    if not here.inline and here.kind != "scalar" and here.column:
        start = len(text[: here.start].rstrip(" \r\n"))  # from below its key to beside it
    if text[start - 1 : start] == ":":
        words = f" {words}"
    return text[:start] + words + text[here.end :]


def _hang(text: str, path: Path, here: Place, value: Data) -> str:
    """A collection below the key whose value is a word or nothing yet."""
    above = parse_places(text).find(*path[:-1])
    if above is None or above.inline or above.kind != "mapping":
        return _replace(text, here, _inline(value, False))
    cleared = text[: here.start].rstrip(" ") + text[here.end :]
    at = _line_end(cleared, len(text[: here.start].rstrip(" ")))
    return cleared[:at] + _end(cleared, at) + _lines(cleared, value, above.column + _step(text)) + cleared[at:]


def _add_pair(text: str, here: Place, key: str, value: Data) -> str:
    """One key more, after the last one of this mapping."""
    last = here.pairs[-1][1]
    if here.inline:
        if last.shared:
            raise BadYaml("it cannot be changed beside what is borrowed from an anchor", here.line)
        words = f"{_word(key, _is_json(text))}: {_inline(value, _is_json(text))}"
        return text[: last.end] + _between(text, here) + words + text[last.end :]
    at = _line_end(text, here.end)
    return text[:at] + _end(text, at) + _lines(text, {key: value}, here.column) + text[at:]


def _lines(text: str, value: Data, indent: int) -> str:
    """The lines of a block, each with the line end of the text."""
    newline = _newline(text)
    return "".join(" " * indent + line + newline for line in _block(value, _step(text)))


def _block(value: Data, step: int) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, one in value.items() for line in _pair(str(key), one, step)]
    found: list[str] = []
    for one in value:
        first, *rest = _item(one, step)
        found += [f"- {first}", *(f"  {line}" for line in rest)]
    return found


def _item(one: Data, step: int) -> list[str]:
    if isinstance(one, dict) and one:
        return _block(one, step)
    return [_inline(one, False)]


def _pair(key: str, one: Data, step: int) -> list[str]:
    if _is_blocky(one):
        return [f"{_word(key, False)}:", *(" " * step + line for line in _block(one, step))]
    return [f"{_word(key, False)}: {_inline(one, False)}"]


def _inline(value: Data, as_json: bool) -> str:
    if as_json or value is None or isinstance(value, bool | int | float):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(str(key), False)}: {_inline(one, False)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(one, False) for one in value) + "]"
    return _word(str(value), False)


def _word(word: str, as_json: bool) -> str:
    """A text as it is written: bare where every reader takes it for this text."""
    if not as_json and _BARE.match(word) and parse_data(f"[{word}]") == [word]:
        return word
    return json.dumps(word, ensure_ascii=False)


def _between(text: str, here: Place) -> str:
    """What stands between two things inside brackets: a comma, and a new line where each has one of its own."""
    ends = [one.end for one in _values(here)]
    starts = [one.start for one in (*(key for key, _ in here.pairs), *here.items)]
    found = re.match(r"\s*", text[here.start + 1 :])
    lead = ""
    if found is not None:
        lead = found[0]
    if len(starts) > 1:
        lead = re.sub(r"\A\s*,", "", text[ends[-2] : starts[-1]])
    if "\n" in lead and not lead.strip():
        return "," + lead
    return ", "


def _values(here: Place) -> tuple[Place, ...]:
    return (*(value for _, value in here.pairs), *here.items)


def _spans(parent: Place | None) -> list[tuple[str | int, int, int]]:
    """The name or number of each thing in a collection, where it begins and ends."""
    if parent is None:
        return []
    named: list[tuple[str | int, int, int]] = [(key.text, key.start, value.end) for key, value in parent.pairs]
    return named + [(number, one.start, one.end) for number, one in enumerate(parent.items)]


def _without(text: str, parent: Place, spans: list[tuple[str | int, int, int]], number: int) -> str:
    _, start, end = spans[number]
    if parent.inline:
        if number:
            return text[: spans[number - 1][2]] + text[end:]
        return text[:start] + text[spans[1][1] :]
    begin = text.rfind("\n", 0, start) + 1
    if text[begin:start].strip(" -"):
        raise BadYaml("it does not stand on a line of its own")
    if "-" in text[begin:start] and parent.kind == "mapping":  # the next key takes the place behind the dash
        return text[:start] + text[spans[1][1] :]
    return text[:begin] + text[_line_end(text, end) :]


def _line_end(text: str, at: int) -> int:
    """Where the next line begins; `at` itself where a line begins there (a block of text ends so)."""
    if at and text[at - 1] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) * (found < 0) + (found + 1) * (found >= 0)


def _end(text: str, at: int) -> str:
    """A line end, where the text so far has none at its end."""
    return _newline(text) * (not text[:at].endswith("\n"))


def _newline(text: str) -> str:
    return {True: "\r\n", False: "\n"}["\r\n" in text]


def _step(text: str) -> int:
    """Blanks of one level: those of the first line that has any."""
    found = re.search(r"^( +)[^\s#-]", text, re.M)
    if found is None:
        return STEP
    return len(found[1])


def _is_json(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith("{")
