"""The answer guard: small questions to models, each answer judged by what it has to be."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from keepwell.app.operation import Caller, silent
from keepwell.app.smoke.asker import Answer, Asker
from keepwell.app.smoke.keeping import keep
from keepwell.app.smoke.questions import ask_api, ask_service, choose_models, shown
from keepwell.app.smoke.report import SmokeReport
from keepwell.app.smoke.targets import open_target
from keepwell.app.wiring import wire
from keepwell.app.word import day_of
from keepwell.bench.guard import Given, Problem, judge_answer
from keepwell.bench.guard_cases import FILE_BYTES, Question, find_effective, parse_cases
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.core.model_name import same_model
from keepwell.core.observation import Observation, Value
from keepwell.core.ref import Ref
from keepwell.core.values import text_of
from keepwell.fleet.decisions import decide
from keepwell.plugins.chat import ChatAsk
from keepwell.plugins.recognise import load_engines

#: The kind of its reports, and its questions: an answer, and how much of a context is really used.
KIND, ANSWER, CONTEXT = "guard", "guard.answer", "guard.context"
#: The cases that come with keepwell.
BUILT_IN = Path(__file__).resolve().parents[2] / "bench" / "cases"
#: Files of a folder that are read, and seconds for one answer.
FILES, ANSWER_SECONDS = 100, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One answer: the question, whether it was answered well, tokens that were read of the prompt, and its finding."""

    question: Question
    well: bool
    read: int
    finding: Finding


async def guard(caller: Caller, target: str, model: str, cases: str) -> SmokeReport:
    """Ask the model of this name, or those in memory (else the smallest), every case. Raises ConfigurationError for bad
    cases, and for a model that nobody offers.
    """
    questions = read_cases(cases)
    began = time.monotonic()
    async with wire(caller) as wiring, AsyncExitStack() as stack:
        caller.progress("looking for engines", 0, 1)
        asked = await open_target(wiring, replace(caller, progress=silent), target, 1, stack)
        test = GuardTest(caller=caller, questions=questions, model=model)
        for site in asked.sites:
            asker = Asker(site, load_engines()[site.engine], asked.place.transport, asked.place.clock)
            try:
                await test.ask_engine(asker)
            finally:
                test.does += await asker.close()
        if model and asked.sites and not test.engines:
            offered = ", ".join(dict.fromkeys(test.offered)) or "none"
            raise ConfigurationError(f"no engine that was asked offers {model!r}", hint=f"offered: {offered}")
        told = decide(test.findings, wiring.config.decisions, day_of(wiring.clock.now()))
        report = SmokeReport(
            kind=KIND,
            at=wiring.clock.now(),
            seconds=round(time.monotonic() - began, 3),
            target=target,
            comprehensive=bool(cases),
            engines=tuple(test.engines),
            findings=tuple(sorted(told.open, key=_worst_first)),
            does=tuple(dict.fromkeys(test.does)),
            decisions=told.decisions,
        )
        return keep(wiring.state, report)


def read_cases(folder: str) -> tuple[Question, ...]:
    """The questions of a folder's files (*.toml) or of one file; those that come with keepwell for "".

    Raises ConfigurationError with the file and what is wrong with it.
    """
    root = Path(folder or BUILT_IN).expanduser()
    paths = [root] * root.is_file() or sorted(root.glob("*.toml"))
    if not paths or len(paths) > FILES:
        raise ConfigurationError(f"{len(paths)} files of cases (*.toml); 1 to {FILES} can be", where=str(root))
    found: list[Question] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found += parse_cases(file.read(FILE_BYTES + 1))
        except OSError as error:
            raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(path)) from error
        except ValueError as error:
            raise ConfigurationError(str(error), where=str(path)) from error
    return tuple(found)


@dataclass(slots=True, kw_only=True)
class GuardTest:
    """All questions to all models that are meant; what came of them."""

    caller: Caller
    questions: Sequence[Question]
    model: str = ""
    findings: list[Finding] = field(default_factory=list)
    engines: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    does: list[str] = field(default_factory=list)

    async def ask_engine(self, asker: Asker) -> None:
        """Of one engine; one that does not serve is a finding."""
        title = f"{asker.engine.title} at {asker.site.url}"
        health = await ask_service(asker)
        if text_of(health, "state") != "well":
            self.engines.append(title)
            words = f"{title} does not serve: it is {text_of(health, 'state')}"
            self.findings.append(
                Finding(check=ANSWER, subject=asker.site.ref, status=Status.CRITICAL, message=words, facts={"case": ""})
            )
            return
        _, offered = await ask_api(asker)
        loaded = await asker.begin()
        self.offered += [one.name for one in offered]
        models, _ = choose_models(offered, loaded, every=bool(self.model))
        if self.model:
            models = [one for one in models if same_model(one, self.model)][:1]
        for model in models:
            self.engines += [title] * (title not in self.engines)
            judged = [await self._ask(asker, model, title, number) for number in range(len(self.questions))]
            self.findings += [one.finding for one in judged]
            self.findings += _tell_context(title, _ref(asker, model), judged)
            if said := await asker.leave(model):
                self.does.append(said)

    async def _ask(self, asker: Asker, model: str, title: str, number: int) -> Judged:
        question = self.questions[number]
        self.caller.progress(f"{model}: {question.case.name}", number, len(self.questions))
        ask = ChatAsk(model=model, tokens=question.case.tokens, prompt=question.case.prompt)
        answer = await asker.ask(ask, ANSWER_SECONDS)
        about = {"model": model, "seconds": f"{answer.seconds:.3f}"}
        return judge_question(question, answer, title, _ref(asker, model), about, asker.clock.now())


def judge_question(
    question: Question, answer: Answer, title: str, subject: Ref, about: Mapping[str, str], now: float
) -> Judged:
    """The finding about one answer; what was said stands in its evidence. Pure."""
    case, said = question.case, answer.said
    problems: tuple[Problem, ...] = ()
    status = Status.OK
    if answer.state == "answered":
        given = Given(text=said.text, finish=said.finish, input_tokens=said.input_tokens)
        problems = judge_answer(case, given)
        status = {True: Status.WARNING, False: Status.OK}[bool(problems)]
    else:
        problems = (Problem(answer.state, answer.why),)
        status = {"silent": Status.UNKNOWN, "unable": Status.UNKNOWN}.get(answer.state, Status.CRITICAL)
    words = f"answers {case.name!r} as it should"
    if problems:
        words = f"{case.name!r}: {'; '.join(one.say for one in problems)}"
    kinds = [one.kind for one in problems[:1]]
    row: Mapping[str, Value] = {
        "question": KIND,
        "case": case.name,
        "text": shown(said.text),
        "finish": shown(said.finish),
        "input_tokens": said.input_tokens,
    }
    seen = Observation(subject=subject, name="smoke.asked", value=(row,), at=now, source=title)
    facts = {**about, "case": case.name, "kind": "".join(kinds), "text": shown(said.text)}
    finding = Finding(
        check=ANSWER,
        subject=subject,
        status=status,
        message=f"{title} {words}",
        facts={name: value for name, value in facts.items() if value},
        evidence=(seen,),
    )
    return Judged(question=question, well=not problems, read=said.input_tokens, finding=finding)


def _tell_context(title: str, subject: Ref, judged: Iterable[Judged]) -> Iterator[Finding]:
    """How much of a prompt is really used, as far as it was tried."""
    rows = [(one.question, one.well, one.read) for one in judged]
    effective = find_effective(rows)
    if effective is None:
        return
    size, read = effective
    largest = max(one.size for one, _, _ in rows)
    words = f"recalls what stands anywhere in up to {size} words" + f" ({read} tokens)" * (read > 0)
    if size < largest:
        words += f", and not of {next(one for one in sorted({q.size for q, _, _ in rows if q.size}) if one > size)}"
    if not size:
        words = "does not recall even what stands in the shortest text that was tried"
    yield Finding(
        check=CONTEXT,
        subject=subject,
        status={True: Status.OK, False: Status.WARNING}[size == largest],
        message=f"{title} {words}",
        facts={"case": "effective context", "kind": str(size), "words": str(size), "tokens": str(read)},
    )


def _ref(asker: Asker, model: str) -> Ref:
    return Ref("model", (*asker.site.ref.path, model))


def _worst_first(one: Finding) -> int:
    return -one.status
