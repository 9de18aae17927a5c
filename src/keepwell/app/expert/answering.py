"""From a question to a report: the ranking first, then the conversation; the ranking alone if need be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from keepwell.app.diagnosing import diagnose_here
from keepwell.app.expert.privacy import make_redactor
from keepwell.app.expert.report import Answering, AskReport, Used
from keepwell.app.expert.resident import Respondent
from keepwell.app.expert.respondent import Choice, check_choice, find_respondent
from keepwell.app.expert.speaking import Speaker
from keepwell.app.expert.toolbox import list_usable, make_forms, run_look
from keepwell.app.operation import Caller
from keepwell.app.plain import plain
from keepwell.app.rehearsing.playing import find_codecs
from keepwell.app.report import DiagnosisReport
from keepwell.app.wiring import Wiring, wire
from keepwell.ask.actions import Look, Query
from keepwell.ask.evidence import Evidence, Piece, pieces_of
from keepwell.ask.limits import Limits
from keepwell.ask.records import find_words, list_records
from keepwell.ask.talk import Talk, begin, decide, hear, learn
from keepwell.ask.tools import OFFERED, choose_tools
from keepwell.ask.verdict import Verdict
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.core.finding import Status
from keepwell.core.words import clean

#: Depth of the look before the question: engines, network, GPUs, disks; nothing is loaded or woken.
LEVEL = 2
#: Characters of a question that are taken.
QUESTION_CHARS = 2000
#: Characters of a model's name that are told while it works.
NAME_CHARS = 60
#: Share of a model's context that a prompt may fill: the rest is for rules, tools and the answer.
PROMPT_SHARE = 0.6
#: Tokens of a prompt below which so few tools are offered: their schemas would leave no room for evidence.
SMALL_PROMPT, FEW_TOOLS = 2000, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The question, who may answer it, and how much may be spent."""

    question: str
    choice: Choice = field(default_factory=Choice)
    limits: Limits = field(default_factory=Limits)


async def answer(caller: Caller, wish: Wish) -> AskReport:
    """Look, then ask. Without a model that is up, or with one that says nothing of use, the ranking is the answer.

    Raises ConfigurationError for a question without words and for what is no address, RefusedError for an address
    outside that the owner did not agree to, and what `keepwell diagnose` raises.
    """
    question = wish.question.strip()[:QUESTION_CHARS]
    if not question:
        raise ConfigurationError("a question needs words", hint='keepwell ask "why is it slow?"')
    wish = replace(wish, question=question)
    async with wire(caller) as wiring:
        check_choice(wiring.config, wish.choice)
        ranking = await diagnose_here(caller, level=LEVEL)
        try:
            who = await find_respondent(wiring, caller, wish.choice, ranking)
        except AccessError as error:
            return _answer_alone(wish, ranking, error)
        return await _converse(wiring, caller, wish, ranking, who)


def _answer_alone(wish: Wish, ranking: DiagnosisReport, error: AccessError) -> AskReport:
    return AskReport(
        question=wish.question,
        state="fallback",
        ranking=ranking,
        why=error.what,
        next=error.hint,
        unchecked=tuple(list_unchecked(ranking, (), ())),
    )


async def _converse(wiring: Wiring, caller: Caller, wish: Wish, ranking: DiagnosisReport, who: Respondent) -> AskReport:
    limits = fit_limits(wish.limits, who)
    most = {True: FEW_TOOLS, False: OFFERED}[limits.prompt_tokens < SMALL_PROMPT]
    forms = choose_tools(wish.question, make_forms(list_usable()), most)
    evidence = Evidence().add(gather(ranking, wish.question))
    talk = begin(wish.question, forms, evidence, limits)
    redactor = None
    if who.outside:
        names = [wiring.hands.name, *(one.name for one in wiring.config.nodes)]
        redactor = await make_redactor(wiring.hands, names)
    speaker = Speaker(who, find_codecs(), wiring.hands, wiring.clock, redactor)
    talk = await converse(caller, talk, speaker, who.model)
    action = decide(talk)
    assert isinstance(action, Verdict)
    answering = Answering(model=who.model, where=who.where, hosted=who.outside, masked=speaker.masked)
    return make_report(talk, action, ranking, answering)


async def converse(caller: Caller, talk: Talk, speaker: Speaker, model: str) -> Talk:
    """Drive a conversation to its end. Each turn costs one of its budgets, so that it has one."""
    name = clean(model, NAME_CHARS)
    while True:
        action = decide(talk)
        match action:
            case Query():
                caller.progress(f"asking {name}", talk.spent.steps, talk.limits.steps)
                talk = hear(talk, await speaker.ask(action))
            case Look():
                caller.progress(f"{name} looks: {action.tool}", talk.spent.steps, talk.limits.steps)
                told = await run_look(caller, action, talk.question)
                talk = learn(talk, action, told.pieces, told.seconds, told.problem)
            case Verdict():
                return talk


def gather(ranking: DiagnosisReport, question: str) -> Iterator[Piece]:
    """The evidence before anything is asked: causes, findings, the picture of the node, what changed before."""
    yield from pieces_of(ranking.diagnosis, ranking.findings)
    for source, part in (("status", ranking.node), ("timeline", {"changed before": ranking.changes})):
        found = plain(part)
        if isinstance(found, dict):
            for one in list_records(found, find_words(question)):
                yield Piece(kind="record", source=source, text=one)


def fit_limits(limits: Limits, who: Respondent) -> Limits:
    """With prompts and answers that the model's context has room for."""
    if not who.context_tokens:
        return limits
    return replace(
        limits,
        prompt_tokens=min(limits.prompt_tokens, int(who.context_tokens * PROMPT_SHARE)),
        answer_tokens=min(limits.answer_tokens, int(who.context_tokens * (1 - PROMPT_SHARE) / 2)),
    )


def make_report(talk: Talk, verdict: Verdict, ranking: DiagnosisReport, answering: Answering) -> AskReport:
    """Pure."""
    ran = tuple(one.tool for one in verdict.ran if not one.problem)
    return AskReport(
        question=talk.question,
        state=verdict.state,
        ranking=ranking,
        why=verdict.why,
        answering=answering,
        claims=verdict.claims,
        agreement=verdict.stance.word,
        agreement_said=verdict.stance.said,
        evidence=talk.evidence.exhibits,
        looked=verdict.ran,
        unchecked=tuple(list_unchecked(ranking, verdict.offered, ran)),
        model_unchecked=verdict.unchecked,
        notes=verdict.notes,
        budget=tuple(_list_used(talk)),
        estimated=verdict.spent.estimated,
    )


def list_unchecked(ranking: DiagnosisReport, offered: Iterable[str], ran: Iterable[str]) -> Iterator[str]:
    """What nobody looked at for this answer, as it is, not as the model says."""
    blind = sum(one.status is Status.UNKNOWN for one in ranking.findings)
    if blind:
        yield f"{blind} checks could not look (keepwell diagnose --json says why)"
    left = [one.replace("_", " ") for one in offered if one not in set(ran)]
    if left:
        yield f"not looked at: {', '.join(left)}"
    yield "whether models answer, and how fast (keepwell diagnose --level 4)"


def _list_used(talk: Talk) -> Iterator[Used]:
    spent, limits = talk.spent, talk.limits
    yield Used(what="questions", used=spent.steps, limit=limits.steps, met=spent.steps >= limits.steps)
    yield Used(what="tokens", used=spent.tokens, limit=limits.tokens, met=spent.tokens >= limits.tokens)
    yield Used(what="seconds", used=round(spent.seconds, 1), limit=limits.seconds, met=spent.seconds >= limits.seconds)
