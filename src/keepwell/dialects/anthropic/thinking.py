"""How hard a model thinks, as this format says it: whether at all, with a budget of tokens, or with an effort.

A budget is no effort: engines know whether, and some how hard, none knows how long but llama-server. So any budget
means that the model thinks, an effort how hard, and a budget is written along for those who want one.
"""

from __future__ import annotations

import msgspec

from keepwell.plugins.asked import Json

#: Efforts of this format as other formats know them, which have none beyond "high".
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
#: Tokens for thinking by how hard it is wished, the last where it was only said that it is.
_BUDGETS: dict[bool | str, int] = {"low": 2048, "medium": 8192, "high": 24576, True: 16384}


class Thinking(msgspec.Struct):
    """`thinking`."""

    type: str
    budget_tokens: int | None = None


def parse_think(thinking: Thinking | None, effort: str | None) -> bool | str | None:
    """Whether the model thinks, or how hard; None where nothing is said of it."""
    if thinking is not None and thinking.type == "disabled":
        return False
    if effort in _EFFORTS:
        return _EFFORTS[effort]
    if thinking is None:
        return None
    return True


def is_budget_lost(thinking: Thinking | None, think: bool | str | None, most: int | None) -> bool:
    """True if a budget was wished that is not what `render_think` would write anyway."""
    if thinking is None or thinking.budget_tokens is None or not think:
        return False
    return thinking.budget_tokens != _find_budget(think, most or thinking.budget_tokens + 1)


def render_think(think: bool | str | None, most: int) -> dict[str, Json]:
    """The fields that say it, with a budget below `most` tokens in all."""
    if think is None:
        return {}
    if think is False:
        return {"thinking": {"type": "disabled"}}
    made: dict[str, Json] = {"thinking": {"type": "enabled", "budget_tokens": _find_budget(think, most)}}
    if isinstance(think, str):
        made["output_config"] = {"effort": think}
    return made


def _find_budget(think: bool | str, most: int) -> int:
    return max(1, min(_BUDGETS.get(think, _BUDGETS[True]), most - 1))
