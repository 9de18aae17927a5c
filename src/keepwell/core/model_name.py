"""Names of models as clients and engines write them."""

from __future__ import annotations


def same_model(asked: str, answered: str) -> bool:
    """Whether two names mean one model: the tag `latest`, folders, endings and case apart."""
    return bool(_bare(asked)) and _bare(asked) == _bare(answered)


def _bare(name: str) -> str:
    last = name.strip().lower().replace("\\", "/").rpartition("/")[2]
    return last.removesuffix(":latest").removesuffix(".gguf")
