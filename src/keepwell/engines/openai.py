"""Any server with an OpenAI-compatible list of models; right only where no engine of its own is recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, unknown
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.ask import (
    Fields,
    describe_body,
    error_text,
    fetch,
    fetch_fields,
    parse_fields,
    probe_reply,
    something_else,
    unreachable_health,
)
from keepwell.plugins.chat import Call, ChatAsk, Promise, openai_chat, openai_embed, openai_promises
from keepwell.plugins.engine import Health, HealthState, Identity, ModelInfo, Setting
from keepwell.plugins.model_facts import ModelFacts
from keepwell.plugins.page_numbers import PageNumbers
from keepwell.plugins.page_teller import PageTeller
from keepwell.plugins.place import LogSource, Site
from keepwell.plugins.residency import CanaryAsk, openai_canary
from keepwell.plugins.timing import Timed, Wanted, post_timed
from keepwell.transport.base import Reply, Transport

_NUMBERS = Path(__file__).with_name("openai_series.toml")
#: Seconds between two questions to a server that is not known: what a page costs it is not known either.
_ASK_SECONDS = 5.0


class OpenAiCompatible:
    """The plug-in; it knows the list of models and little else."""

    title = "OpenAI-compatible server"
    specificity = 0
    #: SGLang, LM Studio, LiteLLM, LocalAI and others' own.
    ports = (30000, 1234, 4000, 5000, 8000, 8080)
    programs: tuple[str, ...] = ()
    service_names: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    follow_ups: tuple[str, ...] = ()
    dialects = ("openai",)

    def resembles(self, argv: Sequence[str]) -> bool:
        """Never: any program may be one."""
        return False

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """Cannot be told without knowing the program."""
        return unknown("which program it is, and so what its arguments mean, is not known")

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """One GET of `/v1/models`: a list of models, or a refusal in OpenAI's form for want of a key."""
        reply = await probe_reply(transport, f"{url}/v1/models", api_key=api_key)
        if isinstance(reply, Missing):
            return reply
        found = parse_fields(reply.body)
        if isinstance(found, Missing):
            return something_else(f"{url}/v1/models", reply)
        if reply.status == 200 and _is_list(found):
            owners = {one.text("owned_by") for one in found.items("data")} - {""}
            return Identity(version="", proof=f"GET /v1/models lists models of {', '.join(sorted(owners)) or 'nobody'}")
        error = found.fields("error")
        if reply.status in (401, 403) and error.text("message") and "type" in error.data and "code" in error.data:
            return Identity(version="", proof=f"GET /v1/models wants a key: {describe_body(reply.body)}")
        return something_else(f"{url}/v1/models", reply)

    @property
    def tells(self) -> tuple[str, ...]:
        """What SGLang's page holds."""
        return load_alias_table(_NUMBERS).names

    def open_numbers(self, site: Site) -> PageTeller:
        """By `/metrics`, if what is there is SGLang's; other servers of this kind have no names that are known."""
        numbers = PageNumbers(load_alias_table(_NUMBERS), str(site.ref), site.ref.node)
        return PageTeller(f"{site.url}/metrics", numbers, api_key=site.api_key, every_seconds=_ASK_SECONDS)

    async def health(self, site: Site, transport: Transport) -> Health:
        """Well when it lists its models, or says that it wants a key."""
        try:
            reply = await fetch(transport, f"{site.url}/v1/models", api_key=site.api_key)
        except AccessError as error:
            return await unreachable_health(error, site, transport)
        if reply.status in (401, 403):
            return _health(reply, "well", f"answers, and wants a key: {error_text(reply)}")
        if reply.status == 503 and "load" in error_text(reply).lower():
            return _health(reply, "loading", error_text(reply))
        if reply.status != 200:
            return _health(reply, "failing", error_text(reply))
        found = parse_fields(reply.body)
        if isinstance(found, Missing):
            return _health(reply, "failing", found.reason)
        if not _is_list(found):
            return _health(reply, "failing", f"no list of models: {describe_body(reply.body)}")
        return _health(reply, "well", f"{len(found.items('data'))} models")

    async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
        """By `/v1/models`."""
        found = await fetch_fields(transport, site, "/v1/models")
        if isinstance(found, Missing):
            return found
        return tuple(
            ModelInfo(
                name=one.text("id"),
                context_tokens=one.integer("max_model_len"),
                facts=ModelFacts(owner=one.text("owned_by")),
            )
            for one in found.items("data")
            if one.text("id")
        )

    async def time_generation(self, site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
        """By `/v1/completions`, or a chat where that is not offered; the wall clock and the counts of `usage`."""
        asked: dict[str, object] = {"model": wanted.model, "max_tokens": wanted.tokens, "temperature": 0}
        plain = asked | {"prompt": wanted.prompt}
        found = await post_timed(transport, site, "/v1/completions", plain, seconds=wanted.seconds)
        if isinstance(found, Missing) and found.kind == "absent":
            chat = asked | {"messages": [{"role": "user", "content": wanted.prompt}]}
            found = await post_timed(transport, site, "/v1/chat/completions", chat, seconds=wanted.seconds)
        if isinstance(found, Missing):
            return found
        told, seconds = found
        usage = told.fields("usage")
        return Timed(
            seconds=seconds,
            output_tokens=usage.integer("completion_tokens"),
            input_tokens=usage.integer("prompt_tokens"),
        )

    def logs(self, site: Site, platform: str) -> tuple[LogSource, ...]:
        """What was declared, the supervisor's, or what the process holds open."""
        found: list[LogSource] = list(site.logs)
        if site.unit and site.supervisor in ("systemd", "container"):
            kinds = {"systemd": "journal", "container": "container"}
            found.append(LogSource(kind=kinds[site.supervisor], where=site.unit))
        if not isinstance(site.process, Missing) and platform == "linux":
            found.append(LogSource(kind="process", where=str(site.process.pid)))
        return tuple(dict.fromkeys(found))

    def chat(self, ask: ChatAsk) -> Call:
        """By `/v1/chat/completions`."""
        return openai_chat(ask)

    def embed(self, model: str) -> Call:
        """By `/v1/embeddings`."""
        return openai_embed(model)

    def promises(self, model: str) -> tuple[Promise, ...]:
        """The paths of the OpenAI form."""
        return openai_promises(model)

    def canary(self, ask: CanaryAsk) -> Call:
        """By `/v1/completions`."""
        return openai_canary(ask)


def _is_list(found: Fields) -> bool:
    return found.has_list("data") and (
        found.text("object") == "list" or any(one.text("id") for one in found.items("data"))
    )


def _health(reply: Reply, state: HealthState, said: str) -> Health:
    return Health(state=state, http_status=reply.status, seconds=reply.seconds, said=said)


ENGINE = OpenAiCompatible()
