"""A conversation with a scripted model over real HTTP: the ranking is of a pasted text, tools are real operations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keepwell.app.diagnosing import diagnose_text
from keepwell.app.expert.answering import converse, gather, make_report
from keepwell.app.expert.privacy import make_redactor
from keepwell.app.expert.report import Answering, AskReport
from keepwell.app.expert.resident import Respondent
from keepwell.app.expert.speaking import Speaker
from keepwell.app.expert.toolbox import list_usable, make_forms
from keepwell.app.operation import Caller
from keepwell.app.rehearsing.playing import find_codecs
from keepwell.ask.evidence import Evidence
from keepwell.ask.limits import Limits
from keepwell.ask.talk import begin, decide
from keepwell.ask.tools import choose_tools
from keepwell.ask.verdict import Verdict
from keepwell.testing.scripted_model import ScriptedModel, Step
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport

#: What somebody pasted: the ranking has causes for it, without any look at this machine.
TEXT = "pulling manifest\nError: write /models/blobs/sha256-1: no space left on device\n"
QUESTION = "why does the download fail, what cause is it, and how many seconds is the timeout?"
#: Enough for every script that ends by itself.
LIMITS = Limits(steps=6, tokens=60_000, seconds=30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of it, and the server that was asked."""

    report: AskReport
    model: ScriptedModel

    @property
    def notes(self) -> str:
        """All that had to be mended, as one text."""
        return "\n".join(self.report.notes)

    def used(self, what: str) -> float:
        """What was used of a budget."""
        return next(one.used for one in self.report.budget if one.what == what)


async def play(
    *script: Step,
    state: Path,
    text: str = TEXT,
    question: str = QUESTION,
    limits: Limits = LIMITS,
    hosted: bool = False,
    names: tuple[str, ...] = (),
) -> Played:
    """Play a script to its end."""
    caller = Caller(state=state)
    ranking = diagnose_text(text, caller)
    model = ScriptedModel(script)
    hands = LocalTransport()
    async with model.serving() as url:
        who = Respondent(url=url, model="scripted", where=url, outside=hosted)
        redactor = await make_redactor(hands, names) if hosted else None
        forms = choose_tools(question, make_forms(list_usable()))
        talk = begin(question, forms, Evidence().add(gather(ranking, question)), limits)
        speaker = Speaker(who, find_codecs(), hands, SystemClock(), redactor)
        talk = await converse(caller, talk, speaker, who.model)
        verdict = decide(talk)
        assert isinstance(verdict, Verdict)
        told = Answering(model=who.model, where=who.where, hosted=hosted, masked=speaker.masked)
        report = make_report(talk, verdict, ranking, told)
    await hands.close()
    return Played(report=report, model=model)
