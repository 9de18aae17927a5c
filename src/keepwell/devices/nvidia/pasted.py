"""What people paste of NVIDIA's tools: nvidia-smi as a table, -q and -L, its errors, versions of driver and CUDA."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.observation import Value
from keepwell.devices.nvidia.report import Report, parse_report
from keepwell.formats.transcript import Line, Section, Transcript
from keepwell.plugins.pasted import Told, lines_of
from keepwell.plugins.recognise import engine_of_name, load_engines

MEBIBYTE = 1024 * 1024
TITLE = "NVIDIA"

_HEAD = re.compile(
    r"NVIDIA-SMI (?P<smi>[\d.]{3,16})\s+(?:Driver|KMD) Version: (?P<driver>[\d.]{3,16})(?:"
    r"\s+CUDA Version: (?P<cuda>[\d.]{3,8}))?"
)
_CARD = re.compile(
    r"^\|\s{1,6}(?P<index>\d{1,2})  (?P<name>\S.{2,40}?)\s+(?P<persistence>On|Off|N/A)\s+\|"
    r"\s+(?P<pci>[0-9A-Fa-f]{8}:[0-9A-Fa-f:.]{7})\s"
)
_USE = re.compile(
    r"\|\s+(?P<used>\d{1,8})MiB /\s+(?P<total>\d{1,8})MiB \|\s+\S{1,5}%?\s+(?P<mode>Default|Prohibited"
    r"|E\. Process|E\. Thread)\s"
)
_PROCESS = re.compile(
    r"^\|\s+(?P<gpu>\d{1,2})\s+(?:(?:N/A|\d{1,2})\s+(?:N/A|\d{1,2})\s+)?(?P<pid>\d{1,8})\s+[CGM+]{1,3}"
    r"\s+(?P<name>\S.{0,80}?)\s+(?P<used>\d{1,8})MiB \|"
)
_LISTED = re.compile(r"^GPU (?P<index>\d{1,2}): (?P<name>.{2,60}?) \(UUID: GPU-")
_LICENCES = {"unlicensed (unrestricted)": "unrestricted", "unlicensed (restricted)": "restricted"}
_DRIVEN: Mapping[str, Value] = {
    "vendor": TITLE,
    "plug_in": "nvidia",
    "driver": "nvidia",
    "computes": True,
    "kind": "discrete",
}
#: What tells that a program found GPUs, and what tells that it could not.
_SEES_NOTHING: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("lost", re.compile(r"Failed to initialize NVML: Unknown Error")),
    ("mismatch", re.compile(r"Driver/library version mismatch")),
    ("no-driver", re.compile(r"NVIDIA-SMI has failed because it couldn'?t communicate with the NVIDIA driver")),
    ("none", re.compile(r"^No devices were found")),
    (
        "no-program",
        re.compile(
            r"nvidia-smi\W{1,4}(?:executable file )?(?:command )?not found"
            r"|nvidia-smi.{0,40}executable file not"
        ),
    ),
)
_VERSIONS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("module", re.compile(r"NVRM version: .{0,60}Kernel Module(?: for \S{1,16})?\s+(\d{3}\.[\d.]{2,10})")),
    ("module", re.compile(r"this kernel module has(?:.{0,8}the)? version (\d{3}\.[\d.]{2,10})")),
    ("library", re.compile(r"client (?:\(.{1,60}?\) )?has(?:.{0,8}the)? version (\d{3}\.[\d.]{2,10})")),
    ("library", re.compile(r"NVML library version: (\d{3}\.[\d.]{2,10})")),
    ("wanted-api", re.compile(r"\bNVIDIA_REQUIRE_CUDA\W{1,3}cuda>=(\d{2}\.\d)")),
    ("wanted-api", re.compile(r"unsatisfied condition: cuda>=(\d{2}\.\d)")),
    ("wanted-api", re.compile(r"\bnvidia/cuda:(\d{2}\.\d{1,2})\b")),
    ("wanted-api", re.compile(r"\btorch(?:==|\s{1,40})[\d.]{3,12}\+cu(\d{3})\b")),
    ("wanted-api", re.compile(r"Cuda compilation tools, release (\d{2}\.\d)")),
    ("driver", re.compile(r"(?:NVIDIA |nvidia[ -])[Dd]river(?: version)?[ :-]{1,3}(\d{3}\.[\d.]{2,10})\b", re.I)),
)


class NvidiaPasted:
    """Gives device.list, device.driver, memory and processes, device.identity, licences, text.gpus, text.versions."""

    hints = (
        "nvidia",
        "nvml",
        "nvrm",
        "cuda",
        "gpu 0:",
        "no devices were found",
        "event reasons",
        "throttle reasons",
        "vgpu",
        "link info",
    )
    gives = (
        "device.list",
        "device.driver",
        "device.identity",
        "device.throttle",
        "device.memory_total_bytes",
        "device.memory_used_bytes",
        "device.memory_health",
        "device.link",
        "device.licence",
        "device.processes",
        "host.processes",
        "text.gpus",
        "text.versions",
    )

    def read(self, text: Transcript) -> Iterable[Told]:
        """Everything that stands in the text."""
        yield from _cards(text)
        yield from _versions(text)
        rows = tuple(_sights(text))
        if rows:
            yield Told(name="text.gpus", value=rows, lines=lines_of(rows))
        for index, card in enumerate(parse_report(text.lines)):
            yield from _reported(index, card)


def _cards(text: Transcript) -> Iterator[Told]:
    cards: dict[str, Mapping[str, Value]] = {}
    number = ""
    lines: list[int] = []
    for line in text.lines:
        card = _CARD.match(line.text) or _LISTED.match(line.text)
        if card is not None:
            number = card["index"]
            cards.setdefault(number, _card(card))
            lines.append(line.number)
            continue
        use = _USE.search(line.text)
        if use is not None and number:
            yield from _memory(number, use, line)
            number = ""
    if cards:
        yield Told(name="device.list", value=tuple(cards.values()), lines=tuple(lines))
    yield from _processes(text.lines)


def _card(found: re.Match[str]) -> Mapping[str, Value]:
    named = found.groupdict()
    return {
        "index": int(found["index"]),
        "pci": (named.get("pci") or "").lower()[4:],
        "name": found["name"],
        **_DRIVEN,
    }


def _memory(number: str, use: re.Match[str], line: Line) -> Iterator[Told]:
    about, lines = f"device/{number}", (line.number,)
    yield Told(name="device.memory_total_bytes", value=int(use["total"]) * MEBIBYTE, lines=lines, about=about)
    yield Told(name="device.memory_used_bytes", value=int(use["used"]) * MEBIBYTE, lines=lines, about=about)
    mode = {"Default": "default", "Prohibited": "prohibited"}.get(use["mode"], "exclusive")
    yield Told(name="device.identity", value={"vendor": TITLE, "compute_mode": mode}, lines=lines, about=about)


def _processes(lines: Iterable[Line]) -> Iterator[Told]:
    """Programs on the cards that are no engine; what an interpreter runs is not told, so that it is left out."""
    for line in lines:
        found = _PROCESS.match(line.text)
        if found is None:
            continue
        name = found["name"]
        program = name.rsplit("/", 1)[-1]
        if program.startswith("python") or program == "runner" or engine_of_name(name, load_engines()):
            continue
        pid, about = int(found["pid"]), f"device/{found['gpu']}"
        held: Value = ({"pid": pid, "used_bytes": int(found["used"]) * MEBIBYTE},)
        yield Told(name="device.processes", value=held, lines=(line.number,), about=about)
        yield Told(name="host.processes", value=({"pid": pid, "argv": (name,)},), lines=(line.number,))


def _versions(text: Transcript) -> Iterator[Told]:
    rows: list[dict[str, Value]] = []
    for section in text.sections:
        for line in (*_typed(section), *section.lines):
            rows += [{**row, "where": section.place, "line": line.number} for row in _versions_in(line.text)]
    if rows:
        yield Told(name="text.versions", value=tuple(rows), lines=lines_of(rows))
    modules = _distinct(rows, "module")
    libraries = _distinct(rows, "library")
    if len(modules) == 1 and len(libraries) == 1:
        module, library = modules[0], libraries[0]
        if module.startswith(f"{library}."):
            library = module  # the library tells the first two numbers only
        row: Mapping[str, Value] = {"vendor": TITLE, "module": module, "library": library}
        both = [one for one in rows if one["what"] in ("module", "library")]
        yield Told(name="device.driver", value=(row,), lines=lines_of(both))


def _typed(section: Section) -> Iterator[Line]:
    if section.command:
        yield Line(section.command_line, " ".join(section.command))


def _versions_in(text: str) -> Iterator[dict[str, Value]]:
    head = _HEAD.search(text)
    if head is not None:
        yield {"what": "driver", "version": head["driver"]}
        if head["cuda"]:
            yield {"what": "driver-api", "version": head["cuda"]}
    for what, pattern in _VERSIONS:
        found = pattern.search(text)
        if found is not None:
            version = found[1].rstrip(".")
            if what == "wanted-api" and "." not in version:
                version = f"{version[:2]}.{version[2:]}"
            yield {"what": what, "version": version}


def _distinct(rows: Iterable[Mapping[str, Value]], what: str) -> list[str]:
    return list(dict.fromkeys(str(row["version"]) for row in rows if row["what"] == what))


def _sights(text: Transcript) -> Iterator[dict[str, Value]]:
    for section in text.sections:
        for line in section.lines:
            kind = next((kind for kind, pattern in _SEES_NOTHING if pattern.search(line.text)), "")
            if _CARD.match(line.text) or _LISTED.match(line.text):
                kind = "seen"
            if kind:
                yield {"kind": kind, "by": "driver", "where": section.place, "line": line.number}


def _reported(index: int, card: Report) -> Iterator[Told]:
    """A card of `nvidia-smi -q`."""
    about, lines, values = f"device/{index}", (card.line, *card.lines), card.values
    row: Mapping[str, Value] = {"index": index, "pci": card.pci, "name": values.get("Product Name", ""), **_DRIVEN}
    yield Told(name="device.list", value=(row,), lines=(card.line,))
    mode = values.get("Compute Mode", "").lower()
    if mode:
        yield Told(name="device.identity", value={"vendor": TITLE, "compute_mode": mode}, lines=lines, about=about)
    if card.reasons is not None and "power-limit" not in card.reasons:  # a cap may be usual: of itself it tells nothing
        yield Told(name="device.throttle", value=card.reasons, lines=lines, about=about)
    for name, key in (("device.memory_total_bytes", "Total"), ("device.memory_used_bytes", "Used")):
        size = card.bytes_of(f"FB Memory Usage/{key}")
        if size is not None:
            yield Told(name=name, value=size, lines=lines, about=about)
    if card.link:
        yield Told(name="device.link", value=card.link, lines=lines, about=about)
    if card.memory_health:
        yield Told(name="device.memory_health", value=card.memory_health, lines=lines, about=about)
    licence = values.get("vGPU Software Licensed Product/License Status", "")
    if licence:
        state = _LICENCES.get(licence.partition(" (Expiry")[0].lower(), licence.partition(" ")[0].lower())
        product = values.get("vGPU Software Licensed Product/Product Name", "")
        lent: Mapping[str, Value] = {"virtual": True, "state": state, "product": product}
        yield Told(name="device.licence", value=lent, lines=lines, about=about)


PASTED = NvidiaPasted()
