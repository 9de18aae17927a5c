"""Ollama: many models behind one port, each in a child process; native and OpenAI-compatible HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.core.observation import Missing, absent, failed
from keepwell.engines.ollama.catalogue import find_manifest, name_whole, parse_tags
from keepwell.engines.ollama.chat import find_limit, list_digests, list_promises, make_chat, make_embed
from keepwell.engines.ollama.counterpart import find_context, list_counterparts, make_servings, reckon_usable
from keepwell.engines.ollama.host import clean, parse_host, with_port
from keepwell.engines.ollama.log import parse_placement
from keepwell.engines.ollama.numbers import ASKED, LOGGED, OllamaTeller
from keepwell.engines.ollama.residency import (
    RELOAD_OPTIONS,
    ask_abilities,
    count_models,
    find_usual_limit,
    make_canary,
    make_load,
    make_unload,
)
from keepwell.engines.ollama.settings import find_effective
from keepwell.engines.ollama.stock import find_stock
from keepwell.engines.ollama.store import find_entries
from keepwell.engines.ollama.timing import time_generation
from keepwell.engines.ollama.wire import ask_health, detect_ollama, list_loaded, list_models, read_version
from keepwell.formats.flags import after_program
from keepwell.plugins.chat import Call, ChatAsk, Promise, RequestLimit
from keepwell.plugins.counterpart import Chosen, Counterpart, MovedModel, Serving
from keepwell.plugins.engine import Effective, Health, Identity, LoadedModel, ModelInfo, Placement, StoreEntry
from keepwell.plugins.engine_data import load_engine_data
from keepwell.plugins.place import LogSource, ServingProcess, Site
from keepwell.plugins.prerequisites import GIB, Prerequisites
from keepwell.plugins.residency import Abilities, CanaryAsk, Stay
from keepwell.plugins.stock import Stock
from keepwell.plugins.timing import Timed, Wanted
from keepwell.transport.base import Transport

_DATA = load_engine_data(Path(__file__).with_name("engine.toml"))
#: Homes of the accounts that the installers make, by account.
_HOMES = {"ollama": "/usr/share/ollama", "root": "/root"}
#: Homebrew's log on Apple's and on Intel's chips.
_BREW_LOGS = ("/opt/homebrew/var/log/ollama.log", "/usr/local/var/log/ollama.log")


class Ollama:
    """The plug-in; see `keepwell.plugins.engine` for what each member means."""

    title = _DATA.title
    specificity = _DATA.specificity
    ports = _DATA.ports
    programs = _DATA.programs
    service_names = _DATA.service_names
    settings = _DATA.settings
    follow_ups = _DATA.follow_ups
    #: Its makers: 8 GB of memory for seven billion parameters; driver 550 (CUDA 12.4) since its release 0.30.
    prerequisites = Prerequisites(
        account="ollama", memory_bytes=8 * GIB, disk_bytes=12 * GIB, gpu="helps", api={"cuda": "12.4"}
    )
    dialects = _DATA.dialects
    later_dialects = _DATA.later_dialects
    first_lines = _DATA.first_lines
    fills_store = True
    store_parts = ("blobs", "manifests")
    store_setting = "OLLAMA_MODELS"
    reload_options = RELOAD_OPTIONS
    address_setting = "OLLAMA_HOST"
    release_path = "/api/version"

    def resembles(self, argv: Sequence[str]) -> bool:
        """`ollama serve`, by whatever path; not a client, not a runner."""
        rest = after_program(argv, self.programs)
        return rest is not None and rest[:1] in (("serve",), ("start",))

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """From OLLAMA_HOST alone: `ollama serve` takes no flags."""
        found = parse_host(environment.get("OLLAMA_HOST", ""))
        if not found.usable:
            return failed(f"OLLAMA_HOST is malformed: {found.fault}")
        return found.host or "0.0.0.0", found.port

    def with_port(self, value: str, port: int) -> str | Missing:
        """As OLLAMA_HOST is written, with another port."""
        return with_port(value, port)

    def parse_release(self, body: bytes) -> str:
        """From `/api/version`."""
        return read_version(body)

    def install_command(self, release: str) -> str:
        """Its makers' script, which takes the release from a variable."""
        chosen = f"OLLAMA_VERSION={release} " * bool(release)
        return f"curl -fsSL https://ollama.com/install.sh | {chosen}sh"

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """By `/api/version` and the greeting at `/`."""
        return await detect_ollama(url, transport, api_key)

    async def health(self, site: Site, transport: Transport) -> Health:
        """By `/api/tags`, which reads the store and loads nothing."""
        return await ask_health(site, transport)

    async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
        """By `/api/tags`."""
        return await list_models(site, transport)

    async def loaded(self, site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
        """By `/api/ps`, which does not touch the keep-alive timers."""
        return await list_loaded(site, transport)

    tells = (*LOGGED, *ASKED)

    def open_numbers(self, site: Site) -> OllamaTeller:
        """By `/api/ps` and the log."""
        return OllamaTeller(site, self.logs(site, "linux"), self.store(site.process, site))

    async def time_generation(self, site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
        """By `/api/generate`, which tells its durations."""
        return await time_generation(site, transport, wanted)

    def effective(
        self, process: ServingProcess | Missing, log: Sequence[str], version: str, wished: Mapping[str, str]
    ) -> tuple[Effective, ...]:
        """From the environment, the `server config` line and the newest child's command line."""
        return find_effective(self.settings, process, log, version, wished)

    def placement(self, log: Sequence[str]) -> tuple[Placement, ...]:
        """From the children's lines about layers and buffers."""
        return parse_placement(log)

    def child_model(self, argv: Sequence[str]) -> str | Missing:
        """A `ollama runner`, an older `ollama_llama_server`, or since 0.30 a `llama-server` on a blob of the store."""
        rest = after_program(argv, self.programs)
        runner = rest is not None and rest[:1] == ("runner",)
        named = after_program(argv, ("llama-server", "ollama_llama_server"))
        model = _value_of(argv, "--model")
        if not runner and (named is None or "/blobs/sha256-" not in model):
            return absent("not a child that runs a model")
        return model

    def logs(self, site: Site, platform: str) -> tuple[LogSource, ...]:
        """The service's journal, the container's log, the app's or Homebrew's file, or what the process holds open."""
        found: list[LogSource] = list(site.logs)
        if site.supervisor == "container":
            found.append(LogSource(kind="container", where=site.unit))
        elif site.supervisor == "systemd":
            found.append(LogSource(kind="journal", where=site.unit or "ollama.service"))
        if not isinstance(site.process, Missing) and platform == "linux":
            found.append(LogSource(kind="process", where=str(site.process.pid)))
        if platform == "darwin":
            found.append(LogSource(kind="file", where=f"{_home(site.process, '/Users')}/.ollama/logs/server.log"))
            found += [LogSource(kind="file", where=path) for path in _BREW_LOGS]
        elif site.supervisor == "process" and isinstance(site.process, Missing):
            found.append(LogSource(kind="journal", where="ollama.service"))
        return tuple(dict.fromkeys(found))

    def store(self, process: ServingProcess | Missing, site: Site) -> str:
        """OLLAMA_MODELS of the process, what was declared, or `.ollama/models` in the home of the serving user."""
        if isinstance(process, Missing):
            started = [item.removeprefix("OLLAMA_MODELS=") for item in site.start if item.startswith("OLLAMA_MODELS=")]
            if site.models_folder or started:
                return site.models_folder or clean(started[-1])
            return f"{_HOMES.get(site.user, f'/home/{site.user}')}/.ollama/models" if site.user else ""
        folder = clean(process.environment.get("OLLAMA_MODELS", ""))
        if folder:
            return folder if folder.startswith("/") else f"{process.cwd.rstrip('/')}/{folder}"
        return site.models_folder or f"{_home(process, '/home')}/.ollama/models"

    async def entries(self, folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
        """All files that the manifests name; reads every manifest (about 1 KB each)."""
        return await find_entries(folder, transport)

    def holds_stock(self, names: Sequence[str]) -> bool:
        """`blobs` and `manifests`."""
        return {"blobs", "manifests"} <= set(names)

    async def stock(self, folder: str, transport: Transport) -> Stock | Missing:
        """All blobs, and all that the manifests name."""
        return await find_stock(folder, transport)

    def fetch_command(self, model: str) -> tuple[str, ...]:
        """`ollama pull`, which fetches only the blobs that are not there."""
        return ("ollama", "pull", model)

    def catalogue_url(self, url: str) -> str:
        """`/api/tags`."""
        return f"{url.rstrip('/')}/api/tags"

    def parse_catalogue(self, body: bytes) -> Mapping[str, str] | Missing:
        """Names with the digests of their manifests."""
        return parse_tags(body)

    def name_whole(self, model: str) -> str:
        """`:latest` is what a name without a tag means."""
        return name_whole(model)

    def fetch_at(self, model: str, url: str) -> tuple[str, ...]:
        """`ollama pull`, which asks the server that OLLAMA_HOST names."""
        return ("env", f"OLLAMA_HOST={url}", "ollama", "pull", model)

    def manifest_of(self, model: str, folder: str) -> str:
        """Its file below `manifests`."""
        return find_manifest(model, folder)

    def chat(self, ask: ChatAsk) -> Call:
        """By `/api/chat`."""
        return make_chat(ask)

    def embed(self, model: str) -> Call:
        """By `/v1/embeddings`."""
        return make_embed(model)

    def promises(self, model: str) -> tuple[Promise, ...]:
        """The native paths and those of the OpenAI form."""
        return list_promises(model)

    def request_limit(self, settings: Mapping[str, str], slots: int) -> RequestLimit | Missing:
        """The newest child's --parallel and OLLAMA_NUM_PARALLEL."""
        return find_limit(settings)

    async def loaded_digests(self, site: Site, transport: Transport) -> Mapping[str, str] | Missing:
        """By `/api/ps`."""
        return await list_digests(site, transport)

    def usual_limit(self, version: str) -> int:
        """`defaultParallel` of the release."""
        return find_usual_limit(version)

    def models_at_once(self, settings: Mapping[str, str]) -> int:
        """OLLAMA_MAX_LOADED_MODELS."""
        return count_models(settings)

    async def abilities(self, site: Site, transport: Transport, model: ModelInfo) -> Abilities | Missing:
        """By `/api/show`."""
        return await ask_abilities(site, transport, model)

    def load(self, model: str, stay: Stay) -> Call:
        """By an empty `/api/generate`."""
        return make_load(model, stay)

    def unload(self, model: str) -> Call:
        """By an empty `/api/generate` with no stay."""
        return make_unload(model)

    def canary(self, ask: CanaryAsk) -> Call:
        """By `/api/generate`, raw."""
        return make_canary(ask)

    def counterparts(self, model: MovedModel) -> tuple[Counterpart, ...]:
        """GGUF files, and folders of whole safetensors."""
        return list_counterparts(model)

    def usable_memory(self, card_bytes: int) -> tuple[int, str]:
        """All of the card."""
        return reckon_usable(card_bytes)

    def servings(self, chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
        """One server for all models."""
        return make_servings(chosen, toolkit)

    def context_in_force(self, settings: Mapping[str, str]) -> int:
        """OLLAMA_CONTEXT_LENGTH."""
        return find_context(settings)


def _value_of(argv: Sequence[str], flag: str) -> str:
    for place, item in enumerate(argv[:-1]):
        if item == flag:
            return argv[place + 1]
    return ""


def _home(process: ServingProcess | Missing, homes: str) -> str:
    """The home that a process would use: its HOME, else what the installer gave its user."""
    if isinstance(process, Missing):
        return _HOMES["ollama"] if homes == "/home" else homes
    home = process.environment.get("HOME", "")
    return home.rstrip("/") or _HOMES.get(process.user, f"{homes}/{process.user}")


ENGINE = Ollama()
