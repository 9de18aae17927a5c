"""What a form was filled in with."""

from __future__ import annotations

from keepwell.web.page import Fields


def take(fields: Fields, name: str, usual: str = "") -> str:
    """The first text of a field, without blanks around it."""
    return (fields.get(name) or [usual])[0].strip() or usual
