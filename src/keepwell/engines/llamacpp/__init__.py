"""llama.cpp's server, `llama-server`: one model, or since late 2025 also a router of many in child processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, failed
from keepwell.engines.llamacpp.chat import find_limit, list_promises
from keepwell.engines.llamacpp.counterpart import list_counterparts, make_servings, reckon_usable
from keepwell.engines.llamacpp.numbers import BESIDE_THE_PAGE, LlamaCppTeller
from keepwell.engines.llamacpp.residency import ask_abilities, count_models, make_load, make_unload
from keepwell.engines.llamacpp.settings import find_address, find_effective, find_flags, flag_table
from keepwell.engines.llamacpp.timing import time_generation
from keepwell.engines.llamacpp.wire import (
    NUMBERS,
    ask_health,
    detect_llamacpp,
    list_loaded,
    list_models,
    read_metrics,
    read_release,
)
from keepwell.formats.flags import after_program
from keepwell.formats.offload import parse_offloads
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.chat import Call, ChatAsk, Promise, RequestLimit, openai_chat, openai_embed
from keepwell.plugins.counterpart import Chosen, Counterpart, MovedModel, Serving
from keepwell.plugins.engine import Effective, Health, Identity, LoadedModel, ModelInfo, Placement, StoreEntry
from keepwell.plugins.engine_data import load_engine_data
from keepwell.plugins.place import LogSource, ServingProcess, Site
from keepwell.plugins.prerequisites import GIB, Prerequisites
from keepwell.plugins.residency import Abilities, CanaryAsk, Stay, openai_canary
from keepwell.plugins.stock import Stock
from keepwell.plugins.timing import Timed, Wanted
from keepwell.plugins.weight_files import find_file_entries, find_folder_entries, is_weights
from keepwell.plugins.weight_stock import find_weight_stock, holds_weights
from keepwell.transport.base import Transport

_DATA = load_engine_data(Path(__file__).with_name("engine.toml"))
_FLAGS = flag_table(_DATA.settings)
#: What the server takes for a switch that is on.
_ON = ("1", "true", "on", "enabled")


class LlamaCpp:
    """The plug-in; see `keepwell.plugins.engine` for what each member means."""

    title = _DATA.title
    specificity = _DATA.specificity
    ports = _DATA.ports
    programs = _DATA.programs
    service_names = _DATA.service_names
    settings = _DATA.settings
    follow_ups = _DATA.follow_ups
    #: Seven billion parameters at four bits are 4.4 GB.
    prerequisites = Prerequisites(account="llama", memory_bytes=8 * GIB, disk_bytes=8 * GIB, gpu="helps")
    release_path = "/props"
    dialects = _DATA.dialects
    first_lines = _DATA.first_lines
    #: Context and placement are those of the server; no request changes them.
    reload_options: tuple[str, ...] = ()

    def resembles(self, argv: Sequence[str]) -> bool:
        """A program of one of its names, unless it is another engine's child on a blob of that engine's store."""
        named = after_program(argv, self.programs) is not None
        return named and not any("/blobs/sha256-" in item for item in argv)

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """From --host and --port or their variables."""
        return find_address(self._flags(argv), environment)

    def parse_release(self, body: bytes) -> str:
        """From `/props`."""
        return read_release(body)

    def install_command(self, release: str) -> str:
        """A build of its makers, or one's own."""
        page = "https://github.com/ggml-org/llama.cpp/releases"
        return f"{page}/tag/{release}" if release else f"{page}/latest"

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """By `/props`."""
        return await detect_llamacpp(url, transport, api_key)

    async def health(self, site: Site, transport: Transport) -> Health:
        """By `/health` and `/props`; for a router by its children's states."""
        return await ask_health(site, transport)

    async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
        """By `/models`."""
        return await list_models(site, transport)

    async def loaded(self, site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
        """By `/props` and `/models`; nothing is woken."""
        return await list_loaded(site, transport)

    async def metrics(self, site: Site, transport: Transport) -> Mapping[str, float] | Missing:
        """By `/metrics`, which must be switched on; otherwise the busy slots alone."""
        return await read_metrics(site, transport)

    @property
    def tells(self) -> tuple[str, ...]:
        """What its page holds, and what it says of itself beside."""
        return (*load_alias_table(NUMBERS).names, *BESIDE_THE_PAGE)

    def open_numbers(self, site: Site) -> LlamaCppTeller:
        """By `/metrics` of each model, or `/slots` where that is off."""
        return LlamaCppTeller(site)

    async def time_generation(self, site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
        """By `/completion`, which tells its timings."""
        return await time_generation(site, transport, wanted)

    def effective(
        self, process: ServingProcess | Missing, log: Sequence[str], version: str, wished: Mapping[str, str]
    ) -> tuple[Effective, ...]:
        """From arguments, environment and the lines of the start."""
        flags: Mapping[str, str] = {}
        if not isinstance(process, Missing):
            flags = self._flags(process.argv)
        return find_effective(self.settings, process, flags, log, wished, version)

    def placement(self, log: Sequence[str]) -> tuple[Placement, ...]:
        """From the lines about layers and buffers, which the default verbosity leaves out in new builds."""
        return tuple(
            Placement(
                model=one.path,
                layers=one.layers,
                gpu_layers=one.gpu_layers,
                gpu_bytes=one.gpu_bytes,
                host_bytes=one.host_bytes,
                device_bytes=dict(one.device_bytes),
            )
            for one in parse_offloads(log)
        )

    def child_model(self, argv: Sequence[str]) -> str | Missing:
        """A router's child is `llama-server --alias NAME ...`; the name is its alias."""
        flags = self._flags(argv)
        name = flags.get("LLAMA_ARG_ALIAS", "")
        if not self.resembles(argv) or not name:
            return absent("not a child that runs a model")
        return name

    def runs_itself(self, process: ServingProcess) -> bool:
        """True with one model; only a router has children."""
        return bool(self._value(process, "LLAMA_ARG_MODEL") or self._value(process, "LLAMA_ARG_HF_REPO"))

    def logs(self, site: Site, platform: str) -> tuple[LogSource, ...]:
        """--log-file, the unit's journal, the container's log, or what the process holds open."""
        found: list[LogSource] = list(site.logs)
        if not isinstance(site.process, Missing):
            path = self._value(site.process, "LLAMA_ARG_LOG_FILE")
            if path:
                found.append(LogSource(kind="file", where=_absolute(path, site.process.cwd)))
        if site.supervisor == "container":
            found.append(LogSource(kind="container", where=site.unit))
        elif site.supervisor == "systemd":
            found.append(LogSource(kind="journal", where=site.unit or "llama-server.service"))
        if not isinstance(site.process, Missing) and platform == "linux":
            found.append(LogSource(kind="process", where=str(site.process.pid)))
        if platform == "darwin" and site.unit:
            found += [LogSource(kind="file", where=f"{root}/var/log/{site.unit}.log") for root in _BREW_ROOTS]
        return tuple(dict.fromkeys(found))

    def store(self, process: ServingProcess | Missing, site: Site) -> str:
        """The weights file, the folder of a router's models, or the folder of fetched files."""
        if isinstance(process, Missing):
            flags = self._flags(site.start)
            named = flags.get("LLAMA_ARG_MODEL") or flags.get("LLAMA_ARG_MODELS_DIR") or site.models_folder
            return named if named.startswith("/") else site.models_folder
        for name in ("LLAMA_ARG_MODEL", "LLAMA_ARG_MODELS_DIR"):
            found = self._value(process, name)
            if found:
                return _absolute(found, process.cwd)
        home = process.environment.get("HOME", "")
        if self._value(process, "LLAMA_ARG_HF_REPO") and home:
            return process.environment.get("LLAMA_CACHE") or f"{home}/.cache/llama.cpp"
        return site.models_folder

    async def entries(self, folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
        """The weights file (all parts of a split one) or every weights file of the folder; headers are read."""
        try:
            if is_weights(folder) or (await transport.stat(folder)).kind != "directory":
                return await find_file_entries(folder, folder.rpartition("/")[2], transport)
            return await find_folder_entries(folder, transport)
        except AccessError as error:
            return failed(error)

    def holds_stock(self, names: Sequence[str]) -> bool:
        """Weights in a plain folder."""
        return holds_weights(names)

    async def stock(self, folder: str, transport: Transport) -> Stock | Missing:
        """The weights of the folder and the folders in it, or one file with its parts."""
        return await find_weight_stock(folder, transport)

    def fetch_command(self, model: str) -> tuple[str, ...]:
        """None: it is given a file, or fetches at its start."""
        return ()

    def chat(self, ask: ChatAsk) -> Call:
        """By `/v1/chat/completions`."""
        return openai_chat(ask)

    def embed(self, model: str) -> Call:
        """By `/v1/embeddings`."""
        return openai_embed(model)

    def promises(self, model: str) -> tuple[Promise, ...]:
        """Its own paths and those of the OpenAI form."""
        return list_promises(model)

    def request_limit(self, settings: Mapping[str, str], slots: int) -> RequestLimit | Missing:
        """Its slots, and --parallel."""
        return find_limit(settings, slots)

    def models_at_once(self, settings: Mapping[str, str]) -> int:
        """--models-max of a router."""
        return count_models(settings)

    async def abilities(self, site: Site, transport: Transport, model: ModelInfo) -> Abilities | Missing:
        """By `/models` and `/props`, and by --embeddings of its process."""
        embeds = not isinstance(site.process, Missing) and self._value(site.process, "LLAMA_ARG_EMBEDDINGS") in _ON
        return await ask_abilities(site, transport, model, embeds=embeds)

    def load(self, model: str, stay: Stay) -> Call:
        """By `/models/load`, which only a router has; it keeps a model until another needs its place."""
        return make_load(model)

    def unload(self, model: str) -> Call:
        """By `/models/unload`, which only a router has."""
        return make_unload(model)

    def canary(self, ask: CanaryAsk) -> Call:
        """By `/v1/completions`."""
        return openai_canary(ask)

    def counterparts(self, model: MovedModel) -> tuple[Counterpart, ...]:
        """GGUF files."""
        return list_counterparts(model)

    def usable_memory(self, card_bytes: int) -> tuple[int, str]:
        """All but the margin of --fit-target."""
        return reckon_usable(card_bytes)

    def servings(self, chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
        """A server for each model."""
        return make_servings(chosen, toolkit)

    def _flags(self, argv: Sequence[str]) -> Mapping[str, str]:
        parsed = find_flags(argv, self.programs, _FLAGS)
        models = [item for item in parsed.alone[:1] if is_weights(item)]
        if models and "LLAMA_ARG_MODEL" not in parsed.values:
            return {"LLAMA_ARG_MODEL": models[0], **parsed.values}
        return parsed.values

    def _value(self, process: ServingProcess, name: str) -> str:
        return self._flags(process.argv).get(name) or process.environment.get(name, "")


_BREW_ROOTS = ("/opt/homebrew", "/usr/local")


def _absolute(path: str, folder: str) -> str:
    return path if path.startswith("/") or not folder else f"{folder.rstrip('/')}/{path}"


ENGINE = LlamaCpp()
