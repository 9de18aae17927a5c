"""From TOML tables to checked values, by the declaration of their section; what is wrong is collected on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from keepwell.config.problems import Problems, find_nearest
from keepwell.config.sections import Key, Section
from keepwell.config.toml_lines import KeyPath


class TableReader:
    """Reads tables; `problems` gets what is wrong, `choices` are the words that a key's `choice` allows."""

    def __init__(self, problems: Problems, choices: Mapping[str, set[str]]) -> None:
        self.problems = problems
        self._choices = choices

    def several(self, section: Section, entries: object, path: KeyPath) -> list[dict[str, Any]]:
        """The checked values of each table of a list, which stands at `path`."""
        if not isinstance(entries, list):
            expected = f"a list of tables, each begun by [[{section.name}]]"
            self.problems.add(path, "one table", expected=expected)
            return []
        return [self.one(section, one, (*path, index)) for index, one in enumerate(entries)]

    def one(self, section: Section, table: object, path: KeyPath, *, also: Collection[str] = ()) -> dict[str, Any]:
        """The checked values of one table, by field name; incomplete where problems were found. What is called as one
        of `also` is for others to read.
        """
        if not isinstance(table, dict):
            self.problems.add(path, _kind(table), expected=f"a table, begun by [{section.name}]")
            return {}
        keys = {one.name: one for one in section.keys}
        words = (*keys, *also)
        for name in table:
            if name not in words:
                expected = f"one of {', '.join(words)}"
                self.problems.add((*path, name), "unknown key", expected=expected, nearest=find_nearest(name, words))
        values: dict[str, Any] = {}
        for key in section.keys:
            if key.name in table:
                self._value(key, table[key.name], (*path, key.name), values)
            elif key.required:
                self.problems.add((*path, key.name), "missing", expected=key.help)
        return values

    def distinct(self, section: Section, entries: list[dict[str, Any]]) -> None:
        """Two entries that say the same thing are a mistake of copying."""
        if not section.distinct:
            return
        first: dict[tuple[str, ...], int] = {}
        for index, one in enumerate(entries):
            said = tuple(str(one.get(key, "")) for key in section.distinct)
            if not said[-1]:
                continue
            if said in first:
                line = self.problems.line((section.name, first[said]))
                path = (section.name, index, section.distinct[-1])
                self.problems.add(path, f"{said[-1]!r} is declared already in line {line}")
            first.setdefault(said, index)

    def _value(self, key: Key, value: object, path: KeyPath, values: dict[str, Any]) -> None:
        try:
            found = key.shape(value)
        except ValueError as error:
            self.problems.add(path, _kind(value), expected=str(error))
            return
        for word in self._unknown(key, found):
            words = sorted(self._choices[key.choice])
            expected = f"one of {', '.join(words)}"
            if not words:
                expected = f"a {_NAMED.get(key.choice, 'name')} from a [[node]] entry"
            self.problems.add(path, f"{word!r} is not known", expected=expected, nearest=find_nearest(str(word), words))
            return
        values[key.field or key.name] = found

    def _unknown(self, key: Key, found: object) -> list[object]:
        """What of a value is none of the words that the caller gave, if it gave any."""
        if not key.choice or key.choice not in self._choices:
            return []
        items: tuple[object, ...] = (found,)
        if isinstance(found, tuple):
            items = found
        return [one for one in items if one not in self._choices[key.choice]]


#: What a choice's words are called, where they stand in [[node]] entries.
_NAMED = {"tag": "tag"}


def _kind(value: object) -> str:
    """What was written, without its value: it may be a secret."""
    names: dict[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return f"{names.get(type(value), 'a table')} that does not fit"
