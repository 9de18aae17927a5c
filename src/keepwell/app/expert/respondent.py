"""Who answers: a model in memory before any other, the gateway before an engine alone; nothing is loaded unsaid."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from keepwell.app.expert.privacy import is_outside
from keepwell.app.expert.resident import (
    KEY_VARIABLE,
    LEAST_CONTEXT,
    Respondent,
    choose,
    is_for_words,
    list_engines,
    list_here,
    list_offered,
)
from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport
from keepwell.app.running.proving import find_key
from keepwell.app.wiring import Wiring
from keepwell.config.model import Config
from keepwell.config.secret import load_secret
from keepwell.core.errors import ConfigurationError, RefusedError, Unreachable
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing
from keepwell.core.secret import mask_text
from keepwell.core.values import rows_of, text_of
from keepwell.core.words import clean
from keepwell.plugins.ask import ask_fields

#: Models that are named to who has to choose.
MODELS_TOLD = 12
#: How the state of a model begins that an engine has somebody else answer for.
REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the owner said of it: an address and a model ("" for what keepwell.toml says, else what there is), and
    whether a model may be loaded.
    """

    at: str = ""
    model: str = ""
    load: bool = False


def check_choice(config: Config, choice: Choice) -> None:
    """See that what the owner wrote can be asked, before anything is looked at.

    Raises ConfigurationError for what is no address, RefusedError for one outside that is not agreed on.
    """
    written = choice.at or config.ask.url
    if not written:
        return
    if not written.startswith(("http://", "https://")):
        raise ConfigurationError("an address begins with http:// or https://", where=mask_text(written))
    if is_outside(_plain(written), config) and not _is_agreed(config, choice):
        raise _refuse(mask_text(written))


def _refuse(where: str) -> RefusedError:
    return RefusedError(
        f"{where} is outside of your own network, or sends there",
        hint="to let what was seen go there, without secrets and names: url and hosted = true at [ask]",
    )


async def find_respondent(wiring: Wiring, caller: Caller, choice: Choice, report: DiagnosisReport) -> Respondent:
    """Who is asked. Raises Unreachable where no model is there or nobody agrees that one is loaded, RefusedError for a
    server of somebody else's that the owner did not opt in to, ConfigurationError for what is no address.
    """
    check_choice(wiring.config, choice)
    declared = wiring.config.ask
    if choice.at:
        found = await _find_address(wiring, choice.at, choice.model, report)
    elif declared.url:
        found = await _find_address(wiring, declared.url, choice.model or declared.model, report)
    else:
        found = await _find_here(wiring, caller, choice.model or declared.model, report)
    if found.in_memory is False and not found.outside:
        found = replace(found, outside=await _is_answered_elsewhere(wiring, caller, found.model))
    if found.outside and not _is_agreed(wiring.config, choice):
        raise _refuse(f"{found.model} at {found.where}")
    if 0 < found.context_tokens < LEAST_CONTEXT:
        raise Unreachable(
            f"{found.model} has a context of {found.context_tokens} tokens; question and evidence need {LEAST_CONTEXT}",
            hint="load it with a longer context, or name another model with --model",
        )
    if found.in_memory is False and not found.outside and not (choice.load or caller.agree([_question(found)])):
        raise Unreachable(
            f"{found.model} is not known to be in memory, and nobody agreed that it is loaded",
            hint="keepwell ask --load lets it be loaded; --model names another one",
        )
    return found


def _question(found: Respondent) -> str:
    name = clean(found.model)
    return f"load {name} at {found.where}, which is not known to be in memory; others may have to leave for it"


def _is_agreed(config: Config, choice: Choice) -> bool:
    """The owner's word is for the address that stands beside it, and for the gateway's own routes; for no other."""
    declared = config.ask
    return declared.hosted and (not choice.at or _plain(choice.at) == _plain(declared.url))


def _plain(url: str) -> str:
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


async def _find_address(wiring: Wiring, written: str, model: str, report: DiagnosisReport) -> Respondent:
    url = _plain(written)
    found = Respondent(
        url=url,
        model=model,
        where=mask_text(url),
        api_key=_find_key(wiring, url),
        outside=is_outside(url, wiring.config),
    )
    resident = choose([one for one in list_here(wiring, report) if one.url == url], model)
    if resident is not None:
        return replace(resident, api_key=found.api_key)
    if any(one.url == url and not isinstance(one.loaded, Missing) for one in list_engines(report)):
        found = replace(found, in_memory=False)
    if not model:
        found = replace(found, model=await _find_only(wiring, found))
    return found


def _find_key(wiring: Wiring, url: str) -> str:
    """The key for an address: of [ask], of its [[engine]], or of the environment, which is for own servers alone."""
    declared = wiring.config.ask
    if declared.key is not None and url == _plain(declared.url):
        return load_secret(declared.key, os.environ)
    key = find_key(wiring.config, url)
    if key or is_outside(url, wiring.config):
        return key
    return os.environ.get(KEY_VARIABLE, "")


async def _find_only(wiring: Wiring, found: Respondent) -> str:
    """The one model that a server lists. Raises Unreachable where there is none, or several."""
    listed = await ask_fields(wiring.hands, f"{found.url}/v1/models", api_key=found.api_key)
    if isinstance(listed, Missing):
        raise Unreachable(f"{found.where} does not list its models: {listed.reason}")
    names = [one.text("id") for one in listed.items("data") if is_for_words(one.text("id"))]
    if not names:
        raise Unreachable(f"{found.where} offers no model")
    if len(names) > 1:
        told = ", ".join(names[:MODELS_TOLD])
        raise Unreachable(f"{found.where} has several models", hint=f"name one with --model: {told}")
    return names[0]


async def _find_here(wiring: Wiring, caller: Caller, model: str, report: DiagnosisReport) -> Respondent:
    """Through the gateway where one runs, so that what was drained stays so; else at an engine."""
    offered = await list_offered(wiring, report)
    if offered is None:
        return await _find_engine(wiring, caller, model, report)
    if not model and not wiring.config.ask.hosted:
        offered = [one for one in offered if not one.outside]
    found = choose([one for one in offered if one.in_memory], model)
    if found is not None:
        return found
    known = [one for one in offered if not model or same_model(one.model, model)]
    if len(known) == 1:
        return known[0]
    if known:
        told = ", ".join(one.model for one in known[:MODELS_TOLD])
        raise Unreachable("no model is in memory", hint=f"name one that may be loaded with --model: {told}")
    if model:
        raise Unreachable(f"the gateway offers no model {model}", hint="keepwell replicas lists who answers there")
    raise Unreachable("the gateway offers no model", hint="keepwell replicas lists who answers there")


async def _find_engine(wiring: Wiring, caller: Caller, model: str, report: DiagnosisReport) -> Respondent:
    """One that has the model in memory, else one that has it."""
    found = choose(list(list_here(wiring, report)), model)
    if found is not None:
        return found
    if model:
        seen = (await look(wiring, caller, level=1)).seen
        for engine in list_engines(report):
            for row in rows_of(seen.value(engine.ref, "engine.models")):
                if same_model(text_of(row, "name"), model):
                    made = await _find_address(wiring, engine.url, text_of(row, "name"), report)
                    return replace(made, in_memory=False, where=f"{engine.title} at {made.where}")
    raise _nobody(report, model)


def _nobody(report: DiagnosisReport, model: str) -> Unreachable:
    """Why no engine was asked, and how one can be."""
    engines = [mask_text(one.url) for one in list_engines(report)[:MODELS_TOLD]]
    if not engines:
        hint = "keepwell up serves the engines of this machine; --at names a server elsewhere"
        return Unreachable("no model is up", hint=hint)
    what = "no model is known to be in memory here"
    if model:
        what = f"{model} is not known to be in memory here"
    return Unreachable(what, hint=f"--at asks an engine all the same, after a yes: {', '.join(engines)}")


async def _is_answered_elsewhere(wiring: Wiring, caller: Caller, model: str) -> bool:
    """Whether an engine here has somebody else answer for this model, as it lists it. Costs a look of a second."""
    seen = (await look(wiring, caller, level=1)).seen
    rows = [row for one in seen.named("engine.models") for row in rows_of(one.value)]
    return any(same_model(text_of(row, "name"), model) and text_of(row, "status").startswith(REMOTE) for row in rows)
