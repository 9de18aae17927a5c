"""What people paste of Ollama: the server's configuration, `ollama ps`, `list` and `show`, facts of its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.observation import Value
from keepwell.core.secret import mask_environment
from keepwell.engines.ollama.host import parse_host
from keepwell.engines.ollama.log import parse_log
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.pasted import Told, lines_of

_PS_HEAD = re.compile(r"^NAME\s+ID\s+SIZE\s+PROCESSOR")
_LIST_HEAD = re.compile(r"^NAME\s+ID\s+SIZE\s+MODIFIED")
_PS_ROW = re.compile(
    r"^(?P<name>\S{1,120})\s+[0-9a-f]{12}\s+(?P<size>[\d.]{1,8} [KMGT]?B)\s+(?P<where>\d{1,3}%(?:/\d{1,3}%)? "
    r"(?:CPU/GPU|GPU|CPU))\s+(?:(?P<context>\d{2,8})\s+)?"
)
_LIST_ROW = re.compile(r"^(?P<name>\S{1,120})\s+[0-9a-f]{12}\s+\S{1,8} [KMGT]?B\s")
_TAG = re.compile(r"\"(?:name|model)\": ?\"([\w./:-]{2,120})\", ?\"(?:model|modified_at)\"")
_MISSING = re.compile(r"model [\\\"']{0,3}([\w./:-]{1,120})[\\\"']{0,3} not found")
_RUN = re.compile(r"\bollama (?:run|show|pull) ([\w./:-]{2,120})\b")
_NUM_CTX = re.compile(r"\bnum_ctx\W{1,4}(\d{2,8})\b|\bOLLAMA_CONTEXT_LENGTH\W{1,3}(\d{2,8})\b")
_SHOWN_CONTEXT = re.compile(r"^\s+context length\s+(\d{2,8})\b")
_CUT = re.compile(r"truncating input prompt.{0,40}?limit=(\d{1,8}).{0,40}?prompt=(\d{1,9})")
_NUM_GPU = re.compile(r"\bnum_gpu\W{1,4}(\d{1,4})\b")
_COMPUTE = re.compile(r"inference compute\W{1,3}.{0,80}?\blibrary=(\w{2,12})")
_NO_GPU = re.compile(r"no compatible GPUs were discovered|msg=\"no GPU detected")
_PARALLEL = re.compile(r"\bOLLAMA_NUM_PARALLEL\W{1,3}(\d{1,3})\b")
_CLIENT = re.compile(r"\bclient version is (\d[\w.-]{1,20})")
_SERVER = re.compile(r"\bollama version is (\d[\w.-]{1,20})|\(version (\d+\.\d+[\w.-]{0,20})\)")
_SIZES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}


class OllamaPasted:
    """Gives engine.loaded, and text.settings (in force), listening, models, contexts, gpus, layers, versions."""

    hints = (
        "ollama",
        "processor",
        "modified",
        "num_ctx",
        "num_gpu",
        "not found",
        "inference compute",
        "compatible gpus",
        "client version",
        "truncating input",
        "server config",
    )
    gives = (
        "engine.loaded",
        "text.models",
        "text.settings",
        "text.listening",
        "text.contexts",
        "text.gpus",
        "text.layers",
        "text.versions",
    )

    def read(self, text: Transcript) -> Iterable[Told]:
        """Everything that stands in the text."""
        lines = text.everything
        yield from _tables(text)
        yield from _config(lines)
        for name, rows in (
            ("text.models", tuple(_models(lines))),
            ("text.contexts", tuple(_contexts(lines))),
            ("text.gpus", tuple(_gpus(lines))),
            ("text.layers", tuple(_layers(lines))),
            ("text.versions", tuple(_versions(lines))),
        ):
            if rows:
                yield Told(name=name, value=rows, lines=lines_of(rows))


def _tables(text: Transcript) -> Iterator[Told]:
    loaded: list[dict[str, Value]] = []
    offered: list[dict[str, Value]] = []
    table = ""
    for line in text.lines:
        if _PS_HEAD.match(line.text) or _LIST_HEAD.match(line.text):
            table = {True: "list", False: "ps"}[bool(_LIST_HEAD.match(line.text))]
            continue
        running, listed = _PS_ROW.match(line.text), _LIST_ROW.match(line.text)
        if running is not None:
            loaded.append({**_loaded(running), "line": line.number})
        elif listed is not None and table == "list":
            offered.append({"kind": "listed", "name": listed["name"], "line": line.number})
        elif not line.text.strip():
            table = ""
    if loaded:
        rows = tuple({key: value for key, value in row.items() if key != "line"} for row in loaded)
        yield Told(name="engine.loaded", value=rows, lines=lines_of(loaded), about="engine")
    if offered:
        yield Told(name="text.models", value=tuple(offered), lines=lines_of(offered))


def _loaded(found: re.Match[str]) -> dict[str, Value]:
    share = int(found["where"].partition("%")[0]) / 100
    ratio = {"CPU": 0.0, "GPU": share}.get(found["where"].rpartition(" ")[2], 1.0 - share)
    number, _, unit = found["size"].partition(" ")
    size = 0
    if number.count(".") <= 1 and number.strip("."):
        size = int(float(number) * _SIZES[unit])
    row: dict[str, Value] = {"name": found["name"], "size_bytes": size, "gpu_ratio": round(ratio, 2)}
    if found["context"]:
        row["context_tokens"] = int(found["context"])
    return row


def _config(lines: tuple[Line, ...]) -> Iterator[Told]:
    """The variables of the server's first words, where they name the address also as what it listens on."""
    at = next((line for line in lines if "server config" in line.text), None)
    if at is None:
        return
    settings = mask_environment(parse_log([at.text]).settings)
    rows: tuple[Value, ...] = tuple(
        {"name": name, "value": value, "where": "in-force", "line": at.number} for name, value in settings.items()
    )
    if rows:
        yield Told(name="text.settings", value=rows, lines=(at.number,))
    found = parse_host(settings.get("OLLAMA_HOST", ""))
    if settings.get("OLLAMA_HOST") and found.usable:
        row: Mapping[str, Value] = {
            "address": found.host or "0.0.0.0",
            "port": found.port,
            "program": "ollama",
            "line": at.number,
        }
        yield Told(name="text.listening", value=(row,), lines=(at.number,))


def _models(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        missing = _MISSING.search(line.text)
        if missing is not None:
            yield {"kind": "missing", "name": missing[1], "line": line.number}
        asked = _RUN.search(line.text)
        if asked is not None:
            yield {"kind": "asked", "name": asked[1], "line": line.number}
        for name in _TAG.findall(line.text):
            yield {"kind": "listed", "name": name, "line": line.number}


def _contexts(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        wished = _NUM_CTX.search(line.text)
        if wished is not None:
            yield {"kind": "asked", "tokens": int(wished[1] or wished[2]), "line": line.number}
        shown = _SHOWN_CONTEXT.match(line.text)
        if shown is not None:
            yield {"kind": "trained", "tokens": int(shown[1]), "line": line.number}
        slots = _PARALLEL.search(line.text)
        if slots is not None and int(slots[1]) > 0:
            yield {"kind": "slots", "tokens": int(slots[1]), "line": line.number}
        cut = _CUT.search(line.text)
        if cut is not None:
            yield {"kind": "limit", "tokens": int(cut[1]), "line": line.number}
            yield {"kind": "prompt", "tokens": int(cut[2]), "line": line.number}


def _gpus(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        found = _COMPUTE.search(line.text)
        if found is not None:
            kind = {"cpu": "none"}.get(found[1].lower(), "seen")
            yield {"kind": kind, "by": "engine", "where": "", "line": line.number}
        elif _NO_GPU.search(line.text):
            yield {"kind": "none", "by": "engine", "where": "", "line": line.number}


def _layers(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        found = _NUM_GPU.search(line.text)
        if found is not None and int(found[1]) == 0:
            yield {"layers": 0, "gpu_layers": 0, "asked": 0, "line": line.number}


def _versions(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        for what, pattern in (("client", _CLIENT), ("server", _SERVER)):
            found = pattern.search(line.text)
            if found is not None:
                version = next(one for one in found.groups() if one)
                yield {"what": what, "version": version, "where": "", "line": line.number}


PASTED = OllamaPasted()
