"""vLLM: one model on all GPUs that it was given, behind an OpenAI-compatible server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.core.observation import Missing, absent
from keepwell.engines.vllm.abilities import ask_abilities
from keepwell.engines.vllm.chat import find_limit, list_promises
from keepwell.engines.vllm.counterpart import list_counterparts, make_servings, reckon_usable
from keepwell.engines.vllm.parallel import find_ranks
from keepwell.engines.vllm.settings import MODULE, find_address, find_effective, find_flags, flag_table
from keepwell.engines.vllm.store import find_entries, find_stock, find_store
from keepwell.engines.vllm.timing import time_generation
from keepwell.engines.vllm.wire import (
    NUMBERS,
    ask_health,
    detect_vllm,
    list_loaded,
    list_models,
    read_metrics,
    read_version,
)
from keepwell.formats.flags import after_program
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.chat import Call, ChatAsk, Promise, RequestLimit, openai_chat, openai_embed
from keepwell.plugins.counterpart import Chosen, Counterpart, MovedModel, Serving
from keepwell.plugins.engine import Effective, Health, Identity, LoadedModel, ModelInfo, Placement, StoreEntry
from keepwell.plugins.engine_data import load_engine_data
from keepwell.plugins.hub_stock import holds_hub
from keepwell.plugins.page_numbers import PageNumbers
from keepwell.plugins.page_teller import PageTeller
from keepwell.plugins.parallel import Ranks
from keepwell.plugins.place import LogSource, ServingProcess, Site
from keepwell.plugins.prerequisites import GIB, Prerequisites
from keepwell.plugins.residency import Abilities, CanaryAsk, openai_canary
from keepwell.plugins.stock import Stock
from keepwell.plugins.timing import Timed, Wanted
from keepwell.transport.base import Transport

_DATA = load_engine_data(Path(__file__).with_name("engine.toml"))
_FLAGS = flag_table(_DATA.settings)
_LOADED = re.compile(r"Model loading took (\d{1,7}(?:\.\d+)?) (GiB|GB)")
_STARTING = re.compile(r"Starting to load model (\S+?)\.\.\.")
_UNITS = {"GiB": 1024**3, "GB": 1024**3}
#: --max-num-seqs where nothing is said, of any card but the largest, which have 1024 (vllm/engine/arg_utils.py, 0.32).
USUAL_SEQUENCES = 256


class Vllm:
    """The plug-in; see `keepwell.plugins.engine` for what each member means."""

    title = _DATA.title
    specificity = _DATA.specificity
    ports = _DATA.ports
    programs = _DATA.programs
    service_names = _DATA.service_names
    settings = _DATA.settings
    follow_ups = _DATA.follow_ups
    #: An image of about 10 GB beside 15 GB of weights at 16 bits, and as much again while they are fetched.
    prerequisites = Prerequisites(account="vllm", memory_bytes=16 * GIB, disk_bytes=40 * GIB, gpu="needed")
    release_path = "/version"
    dialects = _DATA.dialects
    first_lines = _DATA.first_lines
    address_variables = ("VLLM_HOST_IP", "HOST_IP")

    def resembles(self, argv: Sequence[str]) -> bool:
        """`vllm serve`, or the older module."""
        served = after_program(argv, self.programs)
        return (served is not None and served[:1] == ("serve",)) or after_program(argv, (MODULE,)) is not None

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """From --host and --port; VLLM_PORT is not the API's port, and no variable is."""
        return find_address(find_flags(argv, _FLAGS).values)

    def parse_release(self, body: bytes) -> str:
        """From `/version`."""
        return read_version(body)

    def install_command(self, release: str) -> str:
        """Its package."""
        return f"pip install --upgrade vllm=={release}" if release else "pip install --upgrade vllm"

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """By `/version` and the owner of the models."""
        return await detect_vllm(url, transport, api_key)

    async def health(self, site: Site, transport: Transport) -> Health:
        """By `/health`, and whether it sleeps or is paused."""
        return await ask_health(site, transport)

    async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
        """By `/v1/models`."""
        return await list_models(site, transport)

    async def loaded(self, site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
        """By `/v1/models`: what it serves is loaded, unless it sleeps."""
        return await list_loaded(site, transport)

    async def metrics(self, site: Site, transport: Transport) -> Mapping[str, float] | Missing:
        """By `/metrics`."""
        return await read_metrics(site, transport)

    @property
    def tells(self) -> tuple[str, ...]:
        """What its page holds."""
        return load_alias_table(NUMBERS).names

    def open_numbers(self, site: Site) -> PageTeller:
        """By `/metrics`, which counts as no request and leaves a sleeping engine asleep."""
        numbers = PageNumbers(load_alias_table(NUMBERS), str(site.ref), site.ref.node)
        return PageTeller(f"{site.url}/metrics", numbers, api_key=site.api_key)

    async def time_generation(self, site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
        """By `/v1/completions` between two looks at `/metrics`."""
        return await time_generation(site, transport, wanted)

    def effective(
        self, process: ServingProcess | Missing, log: Sequence[str], version: str, wished: Mapping[str, str]
    ) -> tuple[Effective, ...]:
        """From arguments, environment and the log's line of non-default arguments."""
        flags: Mapping[str, str] = {}
        if not isinstance(process, Missing):
            flags = find_flags(process.argv, _FLAGS).values
        return find_effective(_DATA, process, flags, log, version, wished)

    def placement(self, log: Sequence[str]) -> tuple[Placement, ...]:
        """`Model loading took N GiB`: all of it on the GPUs. A server on a processor writes no such line."""
        model = ""
        found: list[Placement] = []
        for line in log:
            started = _STARTING.search(line)
            if started is not None:
                model = started[1]
            loaded = _LOADED.search(line)
            if loaded is not None:
                size = int(float(loaded[1]) * _UNITS[loaded[2]])
                found.append(
                    Placement(model=model, layers=0, gpu_layers=0, gpu_bytes=size, host_bytes=0, device_bytes={})
                )
        return tuple(found)

    def child_model(self, argv: Sequence[str]) -> str | Missing:
        """`VLLM::EngineCore`, `VLLM::Worker_TP0`; or a multiprocessing child. The model is not told."""
        title = argv[0] if argv else ""
        if "::EngineCore" in title or "::Worker" in title or "spawn_main" in " ".join(argv[:3]):
            return ""
        return absent("not a child that runs a model")

    def ranks(self, argv: Sequence[str], environment: Mapping[str, str]) -> Ranks:
        """From --tensor-parallel-size and its like; no variable sets them."""
        del environment
        return find_ranks(find_flags(argv, _FLAGS).values)

    def model_settings(self, site: Site) -> str:
        """`config.json` in the model's folder."""
        folder = self.store(site.process, site)
        if not folder or folder.endswith(".gguf"):
            return ""
        return f"{folder.rstrip('/')}/config.json"

    def logs(self, site: Site, platform: str) -> tuple[LogSource, ...]:
        """The container's log, the unit's journal, or what the process holds open."""
        found: list[LogSource] = list(site.logs)
        if site.supervisor == "container":
            found.append(LogSource(kind="container", where=site.unit))
        elif site.supervisor == "systemd":
            found.append(LogSource(kind="journal", where=site.unit or "vllm.service"))
        if not isinstance(site.process, Missing) and platform == "linux":
            found.append(LogSource(kind="process", where=str(site.process.pid)))
        return tuple(dict.fromkeys(found))

    def store(self, process: ServingProcess | Missing, site: Site) -> str:
        """The model's folder or file, or its place in the hub's cache."""
        if isinstance(process, Missing):
            return find_store(find_flags(site.start, _FLAGS).values.get("--model", ""), {}, "") or site.models_folder
        flags = find_flags(process.argv, _FLAGS).values
        found = find_store(flags.get("--model", ""), process.environment, process.cwd, flags.get("--download-dir", ""))
        return found or site.models_folder

    async def entries(self, folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
        """The configuration and every weights file, their headers read."""
        return await find_entries(folder, transport)

    def holds_stock(self, names: Sequence[str]) -> bool:
        """The hub's cache, or one model of it."""
        return holds_hub(names)

    async def stock(self, folder: str, transport: Transport) -> Stock | Missing:
        """The hub's cache by its digests; a plain folder or file by the headers of the weights."""
        return await find_stock(folder, transport)

    def fetch_command(self, model: str) -> tuple[str, ...]:
        """The hub's own, which fetches what is not there."""
        return ("hf", "download", model)

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
        """--max-num-seqs."""
        return find_limit(settings)

    def usual_limit(self, version: str) -> int:
        """The least default of a card; what is too much for it waits there."""
        return USUAL_SEQUENCES

    async def abilities(self, site: Site, transport: Transport, model: ModelInfo) -> Abilities | Missing:
        """By its paths, its flags and the files of the model."""
        flags: Mapping[str, str] = {}
        store = ""
        if not isinstance(site.process, Missing):
            flags = find_flags(site.process.argv, _FLAGS).values
            store = self.store(site.process, site)
        return await ask_abilities(site, transport, model, flags, store)

    def counterparts(self, model: MovedModel) -> tuple[Counterpart, ...]:
        """Safetensors, and in part GGUF."""
        return list_counterparts(model)

    def usable_memory(self, card_bytes: int) -> tuple[int, str]:
        """The share of --gpu-memory-utilization."""
        return reckon_usable(card_bytes)

    def servings(self, chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
        """A server for each model."""
        return make_servings(chosen, toolkit)

    def canary(self, ask: CanaryAsk) -> Call:
        """By `/v1/completions`."""
        return openai_canary(ask)


ENGINE = Vllm()
