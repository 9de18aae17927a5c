"""Is what serves language models on a node safe from others?"""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.inspecting import InspectionReport


async def audit(
    caller: Caller,
    *,
    node: Annotated[
        str,
        Param(
            help="A node of keepwell.toml, user@host or FILE.kwb; this machine if left out.",
            position=True,
            means="place",
        ),
    ] = "",
) -> "InspectionReport":
    """Say what of a node's LLM services others could misuse.

    Engines that other machines or web pages can ask without a key, files that anybody can change, secrets that anybody
    can read, units and containers with too many rights. Asks each engine for its list of models with a wrong key and
    with a foreign origin; changes nothing.
    """
    from keepwell.app.inspecting import inspect_node

    return await inspect_node(caller, node, "audit")


OPERATIONS = (
    Operation(
        name="audit",
        effect="read",
        function=audit,
        view="inspection",
        for_models=ForModels(words="security exposed open public key password misuse safe access audit"),
    ),
)
