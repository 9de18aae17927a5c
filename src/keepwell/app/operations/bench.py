"""How fast an engine answers, under which load."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.benching.typed import Typed
from keepwell.app.flags import Flagged
from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.benching.listed import BenchListReport
    from keepwell.app.benching.report import BenchReport


async def bench(caller: Caller, typed: Typed) -> "BenchReport":
    """Measure how fast an engine answers, under which load.

    Sends requests, and tells time to first token, gaps between tokens, tokens a second, how many kept to the goals, and
    what the node did meanwhile; all with how sure it is. The engine works for it: users wait longer meanwhile.
    """
    from keepwell.app.benching.running import run_bench
    from keepwell.app.benching.wish import read_wish

    return await run_bench(caller, read_wish(typed))


async def list_them(caller: Caller) -> "BenchListReport":
    """List results that are kept, newest first."""
    from keepwell.app.benching.listed import list_kept

    return list_kept(caller)


async def show(
    caller: Caller,
    *,
    id: Annotated[str, Param(help="As listed; the newest if left out.", position=True)] = "",
    goal: Annotated[str, Param(help="Judge it by these goals: ttft=500ms,itl=50ms.")] = "",
    csv: Annotated[str, Param(help="Also write a row a request to this file.", hidden_from=("mcp", "api"))] = "",
) -> "BenchReport":
    """Show a result that is kept, or all stretches of a sweep."""
    from keepwell.app.benching.listed import show_kept

    return show_kept(caller, id, goal=goal, csv=csv)


async def import_(
    caller: Caller,
    *,
    file: Annotated[str, Param(help="The file that the other tool wrote.", position=True)],
    goal: Annotated[str, Param(help="Judge it by these goals: ttft=500ms,itl=50ms.")] = "",
    model: Annotated[str, Param(help="The model's name, where the file does not tell.")] = "",
) -> "BenchReport":
    """Keep a result of GuideLLM, AIPerf or vllm bench serve.

    Figures are worked out anew by the formulas that are shown, so that results of all tools compare; what a tool's own
    figures mean otherwise is said.
    """
    from keepwell.app.benching.imported import import_file

    return import_file(caller, file, goal=goal, model=model)


OPERATIONS = (
    Operation(name="bench", effect="change", function=Flagged(bench, Typed), faces=("cli",), paged=True, timed=True),
    Operation(
        name="bench list",
        effect="read",
        function=list_them,
        view="bench_list",
        for_models=ForModels(words="benchmark measured result"),
    ),
    Operation(name="bench show", effect="read", function=show, paged=True, view="bench"),
    Operation(name="bench import", effect="change", function=import_, faces=("cli",), paged=True, view="bench"),
)
