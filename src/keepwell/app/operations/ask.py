"""A question about this machine, answered by the owner's own model beside the ranking."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.expert.report import AskReport


async def ask(
    caller: Caller,
    *,
    question: Annotated[str, Param(help="What you want to know, in your own words and language.", position=True)],
    model: Annotated[str, Param(help="The model that answers; the largest one in memory if left out.")] = "",
    at: Annotated[str, Param(help="Ask the server at this address instead of the gateway or an engine here.")] = "",
    load: Annotated[bool, Param(help="Let the model be loaded where it is not in memory.")] = False,
    steps: Annotated[int, Param(help="The most questions that the model is asked.", minimum=1, maximum=50)] = 6,
    tokens: Annotated[int, Param(help="The most tokens, in and out.", minimum=1000, maximum=1_000_000)] = 24_000,
    seconds: Annotated[int, Param(help="The most seconds for the model.", minimum=1, maximum=3600)] = 180,
) -> "AskReport":
    """Ask your own model what is wrong here, with evidence.

    keepwell looks and ranks causes first, as `keepwell diagnose` does; a model in memory here answers from that
    evidence, and may look further by commands that only read. Each claim is held against the evidence that it cites.
    Changes nothing. No model up, or one that says nothing of use: the ranking is the answer.
    """
    from keepwell.app.expert.answering import Wish, answer
    from keepwell.app.expert.respondent import Choice
    from keepwell.ask.limits import Limits

    limits = Limits(steps=steps, tokens=tokens, seconds=float(seconds))
    return await answer(caller, Wish(question=question, choice=Choice(at=at, model=model, load=load), limits=limits))


OPERATIONS = (Operation(name="ask", effect="read", function=ask, faces=("cli",)),)
