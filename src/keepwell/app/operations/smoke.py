"""Quick, complete lists of questions to engines, and two of them beside each other."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.smoke.report import CompareReport, NightlyReport, SmokeReport

_CLI = ("mcp",)


async def smoke(
    caller: Caller,
    *,
    target: Annotated[
        str,
        Param(help="A node, an engine (NAME or NODE/NAME), or `gateway`; this machine if left out.", position=True),
    ] = "",
    comprehensive: Annotated[
        bool,
        Param(
            help="Also catalogue, stream, embedding, tools, context limit, several at once, GPU, permissions.",
            short="-c",
        ),
    ] = False,
    all: Annotated[bool, Param(help="Ask each of all models, after a yes.", hidden_from=_CLI)] = False,
    restart: Annotated[bool, Param(help="Restart each engine, too, after a yes.", hidden_from=_CLI)] = False,
    loaded_only: Annotated[bool, Param(help="Ask what is in memory alone: nothing is loaded.")] = False,
    yes: Annotated[bool, Param(help="Agree to --all and --restart.", short="-y", hidden_from=_CLI)] = False,
    nightly: Annotated[
        bool, Param(help="Ask nothing: tell how a test is made every night, and how that is taken back.")
    ] = False,
) -> "SmokeReport | NightlyReport":
    """Ask engines whether they serve, and models for an answer.

    Asks each model in memory for a few words; where none is, the smallest is loaded for it and unloaded again. Every
    question is answered by yes, no or why it could not be asked. What a model was to stay in memory it stays. The
    report is kept: `keepwell compare last-1 last` tells what changed. Exit code 0: all well, 1: warnings, 2: something
    does not serve, 3: nothing to ask.
    """
    if nightly:
        from keepwell.app.smoke.nightly import tell_nightly

        return await tell_nightly(caller)
    from keepwell.app.smoke.running import Wanted
    from keepwell.app.smoke.running import smoke as ask

    wanted = Wanted(
        comprehensive=comprehensive,
        every=all,
        restart=restart,
        yes=yes,
        loaded_only=loaded_only or caller.face == "mcp",
    )
    return await ask(caller, target, wanted)


async def guard(
    caller: Caller,
    *,
    model: Annotated[
        str, Param(help="The model; those in memory if left out, where none is the smallest.", position=True)
    ] = "",
    at: Annotated[str, Param(help="A node, an engine, or `gateway`; this machine if left out.")] = "",
    cases: Annotated[
        str, Param(help="A folder of cases (*.toml), or one file, instead of keepwell's own.", hidden_from=("api",))
    ] = "",
) -> "SmokeReport":
    """Ask models small questions; judge if each answer is right.

    JSON of a shape, code that parses, a language, recall of a needle at several depths of prompts of several lengths,
    marks of templates, an end of its own; and whether the engine read the whole prompt. A weak model may fail some:
    what counts is whether it passed before (`keepwell compare`). What is not in memory is loaded, and unloaded again.
    """
    from keepwell.app.smoke.guarding import guard as ask

    return await ask(caller, at, model, cases)


async def compare(
    caller: Caller,
    *,
    before: Annotated[
        str, Param(help="An id, a file of --json, `last` or `last-1`.", position=True, means="name")
    ] = "last-1",
    after: Annotated[str, Param(help="The later one.", position=True, means="name")] = "last",
) -> "CompareReport":
    """Hold a test against an earlier: worse, better, new, gone.

    Tests of `keepwell smoke` and `keepwell guard`, or two benchmarks (ids of results or groups). `last` is the newest
    test, `last-1` the one before it of the same target and depth. Exit code 1: something became worse.
    """
    from keepwell.app.smoke.comparing import compare as hold

    return await hold(caller, before, after)


OPERATIONS = (
    Operation(name="smoke", effect="read", function=smoke, heavy=True),
    Operation(name="guard", effect="read", function=guard, faces=("cli", "api"), heavy=True, view="smoke"),
    Operation(name="compare", effect="read", function=compare, faces=("cli", "api")),
)
