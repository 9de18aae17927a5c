"""A list of models in an environment file, and each model's own entry there: one of them follows the other. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.formats.environment_file import CannotEdit, Reader, parse_environment, remove_variable, set_variable

_OTHER = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The variable that lists models, the pattern of each one's own, and which is right: list, entries or ""."""

    list_name: str
    entry: str
    separator: str
    right: str


@dataclass(frozen=True, slots=True)
class _Models:
    """What the file says: items of the list, and variables of entries by the part that names the model."""

    items: tuple[str, ...]
    entries: dict[str, str]
    joiner: str

    @property
    def without_entry(self) -> list[str]:
        """Items of the list that have no entry."""
        there = {_plain(part) for part in self.entries}
        return [item for item in self.items if _plain(item) not in there]

    @property
    def without_item(self) -> list[str]:
        """Entries that the list does not name."""
        there = {_plain(item) for item in self.items}
        return [part for part in self.entries if _plain(part) not in there]


def agree(content: bytes, reader: Reader, agreement: Agreement) -> bytes:
    """The file with list and entries agreeing, the wrong one mended. CannotEdit where nobody said which is wrong, and
    where the list names a model whose entry only its owner knows.
    """
    models = _find_models(content, reader, agreement)
    without_entry, without_item = models.without_entry, models.without_item
    if not without_entry and not without_item:
        return content
    if agreement.right == "entries":
        items = [*(one for one in models.items if one not in without_entry), *without_item]
        return set_variable(content, reader, agreement.list_name, models.joiner.join(items))
    if agreement.right == "list" and not without_entry:
        for part in without_item:
            content = remove_variable(content, reader, models.entries[part])
        return content
    raise CannotEdit(_say(agreement, models))


def _say(agreement: Agreement, models: _Models) -> str:
    said = []
    if models.without_entry:
        wanted = agreement.entry.format(name="NAME")
        said.append(f"{agreement.list_name} names {', '.join(models.without_entry)} without a variable {wanted} for it")
    if models.without_item:
        there = ", ".join(models.entries[part] for part in models.without_item)
        said.append(f"{there} is set for what {agreement.list_name} does not name")
    hint = {"": 'say which is right with agree = "list" or "entries"'}.get(agreement.right, "give it in values")
    return f"{'; '.join(said)}: {hint}"


def _find_models(content: bytes, reader: Reader, agreement: Agreement) -> _Models:
    values = parse_environment(content, reader)
    listed = values.get(agreement.list_name, "")
    if listed is None:
        raise CannotEdit(f"only a shell can tell {agreement.list_name}")
    before, _, after = agreement.entry.partition("{name}")
    pattern = re.compile(f"{re.escape(before)}([A-Za-z0-9_]+){re.escape(after)}")
    matches = {name: pattern.fullmatch(name) for name in values if name != agreement.list_name}
    joiner = agreement.separator + " " * (f"{agreement.separator} " in listed and agreement.separator != " ")
    return _Models(
        items=tuple(item.strip() for item in listed.split(agreement.separator) if item.strip()),
        entries={found[1]: name for name, found in matches.items() if found is not None},
        joiner=joiner,
    )


def _plain(name: str) -> str:
    """As a variable can have it in its name: `llama3.2:3b` is meant by LLAMA3_2_3B too."""
    return _OTHER.sub("_", name).strip("_").upper()
