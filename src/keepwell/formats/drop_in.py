"""A drop-in of a systemd unit as a whole file, what other drop-ins say otherwise, and what [Install] asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.core.secret import MASK, is_secret_name, mask_environment, mask_text
from keepwell.formats.startfile import UnitEntry, parse_unit_file, unit_assignments

#: A variable in a line of several, with all that follows: quotes are not looked into.
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")

#: Directives of each section by name: values in order, or variables.
Sections = Mapping[str, Mapping[str, tuple[str, ...] | Mapping[str, str]]]

HEAD = "# Kept by keepwell as keepwell.toml wishes it: changed here by hand, it is put back.\n"
#: The link that hides a unit.
NOTHING = "/dev/null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """What a unit's [Install] says: links below /etc/systemd/system to make, by their path from there.

    `plain` is False where only systemd can tell (other units along with it, templates, specifiers).
    """

    links: tuple[str, ...]
    plain: bool


def render_drop_in(sections: Sections) -> bytes:
    """The file: directives in the order they are given, variables quoted so that systemd reads them as they are."""
    lines = [HEAD]
    for section, directives in sections.items():
        lines.append(f"[{section}]\n")
        for name, told in directives.items():
            lines += [f"{name}={value}\n" for value in _values(told)]
    return "".join(lines).encode()


def parse_drop_in(content: bytes) -> Sections:
    """The directives of a drop-in as they are written, to be rendered again elsewhere."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for entry in parse_unit_file(content.decode("utf-8", "replace")):
        directives = found.setdefault(entry.section, {})
        directives[entry.key] = (*directives.get(entry.key, ()), entry.value)
    return {section: dict(directives) for section, directives in found.items() if section}


def find_overridden(sections: Sections, later: bytes) -> tuple[str, ...]:
    """The directives (Section.Name) and variables that a drop-in which systemd reads after this one says otherwise."""
    theirs = parse_unit_file(later.decode("utf-8", "replace"))
    ours = parse_unit_file(render_drop_in(sections).decode())
    values = {(one.section, one.key): _of(ours, one.section, one.key) for one in ours if one.key != "Environment"}
    found = [
        f"{section}.{key}"
        for (section, key), wished in values.items()
        if _of(theirs, section, key) not in ((), wished, wished[-1:])
    ]
    wanted = {one.name: one.value for one in unit_assignments(ours)}
    found += [
        f"Service.Environment {one.name}" for one in unit_assignments(theirs) if _differs(wanted, one.name, one.value)
    ]
    return tuple(dict.fromkeys(found))


def describe_sections(sections: Sections) -> str:
    """Every directive with its values in one line for people, secrets hidden."""
    said = []
    for directives in sections.values():
        for name, told in directives.items():
            said += [f"{name}={mask_text(value)}" for value in _without_secrets(name, told)]
    return ", ".join(said)


def parse_install(content: bytes, unit: str) -> Install:
    """What enabling this unit does."""
    entries = [one for one in parse_unit_file(content.decode("utf-8", "replace")) if one.section == "Install"]
    links: list[str] = []
    for key, folder in (("Alias", ""), ("WantedBy", ".wants"), ("RequiredBy", ".requires"), ("UpheldBy", ".upholds")):
        for name in _words(entries, key):
            links.append({"": name}.get(folder, f"{name}{folder}/{unit}"))
    told = " ".join(one.value for one in entries)
    odd = bool(_words(entries, "Also")) or "%" in told or "@" in unit + told
    return Install(links=tuple(dict.fromkeys(links)), plain=not odd)


def _words(entries: list[UnitEntry], key: str) -> list[str]:
    """The names of all entries of a key; an empty one forgets those before it."""
    found: list[str] = []
    for entry in entries:
        if entry.key == key:
            found = (found + entry.value.split()) * bool(entry.value)
    return found


def _of(entries: tuple[UnitEntry, ...], section: str, key: str) -> tuple[str, ...]:
    return tuple(one.value for one in entries if (one.section, one.key) == (section, key))


def _differs(wanted: Mapping[str, str], name: str, value: str) -> bool:
    return name in wanted and wanted[name] != value


def _values(told: tuple[str, ...] | Mapping[str, str]) -> list[str]:
    if isinstance(told, Mapping):
        return [_quoted(name, value) for name, value in told.items()]
    return list(told)


def _without_secrets(name: str, told: tuple[str, ...] | Mapping[str, str]) -> list[str]:
    """The values; of a variable with a secret's name the mask. In a line as it is written all behind such a name."""
    if isinstance(told, Mapping):
        return [f"{one}={value}" for one, value in mask_environment(told).items()]
    if name != "Environment":
        return list(told)
    return [_cut_secret(value) for value in told]


def _cut_secret(line: str) -> str:
    found = next((one for one in _VARIABLE.finditer(line) if is_secret_name(one[1])), None)
    if found is None:
        return line
    return line[: found.end()] + MASK


def _quoted(name: str, value: str) -> str:
    escaped = value.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}={escaped}"'
