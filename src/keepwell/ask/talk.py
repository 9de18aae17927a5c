"""The conversation: what was heard and learned goes in, the next action comes out. Pure; its driver does the I/O.

Each question to the model is whole in itself (rules, question, all evidence so far), so that it needs no memory of the
model's, no roles that a template may lack, and fits a small context. It ends within its budgets, whatever comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from keepwell.ask.actions import FORM_WORDS, FORMS, Form, Heard, Look, Offer, Query
from keepwell.ask.claims import judge_claims
from keepwell.ask.evidence import Evidence, Piece
from keepwell.ask.limits import CHARS_A_TOKEN, Limits, Spent, estimate_tokens, find_met
from keepwell.ask.prompts import make_answer_schema, make_reply_schema, render_question, render_rules
from keepwell.ask.spoken import ANSWER, Call, Said, read_said
from keepwell.ask.tools import ToolForm, check_call, make_schema
from keepwell.ask.verdict import Ran, Verdict, find_stance, find_state
from keepwell.core.text import cut_text

#: Replies that could not be used before the next form is tried, and before the conversation is given up.
FAULTS_A_FORM, FAULTS = 2, 4
#: Notes that are kept for the owner.
NOTES = 12
#: The least room of an answer with which a question is worth asking.
LEAST_TOKENS = 300
#: Characters of what is said to be wrong with a reply.
CORRECTION_CHARS = 240
_ANSWER_WHAT = "Answer the owner's question."

Action: TypeAlias = Query | Look | Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Where the conversation stands. `queue` are looks that are still to run; `correction` is what was wrong with the
    last reply, in our words; `verdict` is there once it is over.
    """

    question: str
    tools: tuple[ToolForm, ...]
    evidence: Evidence
    limits: Limits
    spent: Spent = field(default_factory=Spent)
    form: Form = FORMS[0]
    queue: tuple[Look, ...] = ()
    ran: tuple[Ran, ...] = ()
    correction: str = ""
    faults: int = 0
    form_faults: int = 0
    notes: tuple[str, ...] = ()
    verdict: Verdict | None = None


def begin(question: str, tools: Sequence[ToolForm], evidence: Evidence, limits: Limits) -> Talk:
    """A conversation with these tools, which are the only ones that it can ever ask for."""
    return Talk(question=question, tools=tuple(tools), evidence=evidence, limits=limits)


def decide(talk: Talk) -> Action:
    """What is to be done now."""
    if talk.verdict is not None:
        return talk.verdict
    met = find_met(talk.limits, talk.spent)
    if met:
        return _give_up(talk, f"{met[0]} before it answered")
    left = talk.limits.seconds - talk.spent.seconds
    if talk.queue:
        return replace(talk.queue[0], seconds=left)
    query = _make_query(talk)
    room = talk.limits.tokens - talk.spent.tokens - estimate_tokens(query.text)
    if room < LEAST_TOKENS:
        return _give_up(talk, f"no room for an answer is left of {talk.limits.tokens} tokens")
    return replace(query, max_tokens=min(talk.limits.answer_tokens, room), seconds=left)


def hear(talk: Talk, heard: Heard) -> Talk:
    """After a query: the reply is read, mended and judged, or the model is told once more what is wanted."""
    if talk.verdict is not None:
        return talk
    talk = replace(talk, spent=_spend(talk, heard), correction="")
    if heard.refused:
        return _next_form(talk, f"the server does not take {FORM_WORDS[talk.form]}: {heard.problem}")
    if heard.lost:
        return _end(talk, heard.problem or "the model's server does not answer")
    said = read_said(heard.text, heard.calls)
    if heard.problem:
        talk = _note(talk, (f"a reply was not whole: {heard.problem}",))
    if said.answered:
        return _conclude(talk, said)
    if said.calls:
        return _queue(talk, said.calls)
    return _fault(talk, heard.problem or said.problem)


def learn(talk: Talk, look: Look, pieces: Iterable[Piece], seconds: float, problem: str = "") -> Talk:
    """After a look: what it told is evidence from now on; where it told nothing, the model is told so."""
    spent = replace(talk.spent, seconds=talk.spent.seconds + max(0.0, seconds), looks=talk.spent.looks + 1)
    before = len(talk.evidence)
    evidence = talk.evidence.add(pieces)
    added = tuple(one.id for one in evidence.exhibits[before:])
    if not added:
        problem = problem or "it told nothing"
    ran = Ran(tool=look.tool, arguments=look.key, exhibits=added, problem=problem)
    correction = talk.correction or f"the look by {look.tool} told nothing" * (not added)
    queue = talk.queue[1:]
    return replace(talk, spent=spent, evidence=evidence, ran=(*talk.ran, ran), queue=queue, correction=correction)


def _make_query(talk: Talk) -> Query:
    limits = talk.limits
    last = talk.spent.steps + 1 >= limits.steps or talk.spent.looks >= limits.looks
    tools = talk.tools * (not last)
    system = render_rules(tools, native=talk.form == "tools")
    room = limits.prompt_tokens * CHARS_A_TOKEN - len(system) - sum(len(str(make_schema(one))) for one in tools)
    correction = cut_text(talk.correction, CORRECTION_CHARS)
    user, ids = render_question(talk.question, talk.evidence, correction=correction, last=last, room_chars=room)
    answer = make_answer_schema(ids, [one.id for one in talk.evidence.of_kind("cause")])
    query = Query(system=system, user=user)
    if talk.form == "tools":
        offers = [Offer(name=one.name, what=one.what, schema=make_schema(one)) for one in tools]
        return replace(query, offers=(*offers, Offer(name=ANSWER, what=_ANSWER_WHAT, schema=answer)))
    if talk.form == "shape":
        return replace(query, shape=make_reply_schema(tools, answer))
    return query


def _spend(talk: Talk, heard: Heard) -> Spent:
    """What nobody counted is reckoned by its length; a request that was refused cost a question and no tokens."""
    told = heard.input_tokens >= 0 and heard.output_tokens >= 0
    tokens = max(0, heard.input_tokens) + max(0, heard.output_tokens)
    if not told and not heard.refused:
        said = heard.text + "".join(name + arguments for name, arguments in heard.calls)
        tokens = max(tokens, estimate_tokens(_make_query(talk).text) + estimate_tokens(said))
    spent = talk.spent
    return replace(
        spent,
        steps=spent.steps + 1,
        tokens=spent.tokens + tokens,
        seconds=spent.seconds + max(0.0, heard.seconds),
        estimated=spent.estimated or (not told and not heard.refused),
    )


def _queue(talk: Talk, calls: Iterable[Call]) -> Talk:
    """The calls that may run and did not run yet; why others do not is told to the model."""
    done = {(one.tool, one.arguments) for one in talk.ran}
    queue: list[Look] = []
    problems: list[str] = []
    for call in calls:
        checked = check_call(talk.tools, call.tool, call.arguments)
        talk = _note(talk, checked.notes)
        look = Look(tool=checked.tool, arguments=checked.arguments)
        if checked.problem:
            problems.append(checked.problem)
        elif (look.tool, look.key) in done:
            problems.append(f"{look.tool} was asked the same before; the evidence has what it told")
        elif len(queue) >= talk.limits.looks - talk.spent.looks:
            problems.append("no more looks are left")
        else:
            queue.append(look)
            done.add((look.tool, look.key))
    if not queue:
        return _fault(talk, "; ".join(problems))
    return replace(talk, queue=tuple(queue), form_faults=0)


def _conclude(talk: Talk, said: Said) -> Talk:
    claims = judge_claims(said.claims, talk.evidence, talk.question)
    state = find_state(claims)
    if state == "unsupported" and not talk.faults and not find_met(talk.limits, talk.spent):
        return _fault(talk, "no claim cites an id that stands in the evidence")
    verdict = replace(
        _give_up(talk, "nothing that it says rests on evidence" * (state == "unsupported")),
        state=state,
        claims=claims,
        stance=find_stance(said.cause, talk.evidence, claims),
        unchecked=said.unchecked,
    )
    return replace(talk, verdict=verdict)


def _fault(talk: Talk, why: str) -> Talk:
    """A reply that is of no use: it is asked for again, in the next form after two, and not for ever."""
    talk = replace(_note(talk, (f"a reply was of no use: {why}",)), faults=talk.faults + 1)
    if talk.faults >= FAULTS:
        return _end(talk, f"{talk.faults} replies were of no use, the last because {why}")
    talk = replace(talk, correction=why, form_faults=talk.form_faults + 1)
    if talk.form_faults >= FAULTS_A_FORM and talk.form != FORMS[-1]:
        return _next_form(talk, "")
    return talk


def _next_form(talk: Talk, why: str) -> Talk:
    talk = _note(talk, (why,) * bool(why))
    rest = FORMS[FORMS.index(talk.form) + 1 :]
    if not rest:
        return _end(talk, why)
    return replace(talk, form=rest[0], form_faults=0)


def _end(talk: Talk, why: str) -> Talk:
    return replace(talk, verdict=_give_up(talk, why))


def _note(talk: Talk, notes: Iterable[str]) -> Talk:
    return replace(talk, notes=(*talk.notes, *notes)[:NOTES])


def _give_up(talk: Talk, why: str) -> Verdict:
    """The end without an answer: all that is known besides."""
    return Verdict(
        state="fallback",
        spent=talk.spent,
        why=why,
        ran=talk.ran,
        offered=tuple(one.name for one in talk.tools),
        notes=talk.notes,
        met=find_met(talk.limits, talk.spent),
    )
