"""The list of models in LiteLLM's configuration: a small, regular part of a YAML file, read by its indents."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Models that are read of one list.
MODELS = 500
_KEY = re.compile(r"^(?P<indent>\s*)(?P<dash>-\s+)?(?P<name>[\w-]+):\s*(?P<value>.*?)\s*$")
_KEPT = {"model_name": "name", "model": "model", "api_base": "api_base"}


def parse_model_list(text: str) -> tuple[Mapping[str, str], ...]:
    """name, model and api_base of each entry of `model_list`; "" for what is not written. Other keys are left out.

    What is not laid out over lines (`{model_name: x}`) is not read. Never raises.
    """
    rows: list[dict[str, str]] = []
    inside = False
    for line in text.splitlines():
        found = _KEY.match(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        if not found["indent"] and not found["dash"]:
            inside = found["name"] == "model_list"
            continue
        if not inside:
            continue
        if found["dash"] and found["name"] in ("model_name", "litellm_params"):
            rows.append({"name": "", "model": "", "api_base": ""})
        if rows and found["name"] in _KEPT:
            rows[-1][_KEPT[found["name"]]] = _plain(found["value"])
        if len(rows) > MODELS:
            break
    return tuple(rows[:MODELS])


def _plain(value: str) -> str:
    """The value without its quotes, or without the comment behind it."""
    if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
        return value[1 : value.find(value[0], 1)]
    return value.partition(" #")[0].strip()
