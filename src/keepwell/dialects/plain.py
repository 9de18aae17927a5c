"""Plain HTTP: what services behind the gateway speak that serve no models. It has no path of its own."""

from __future__ import annotations

import msgspec

from keepwell.plugins.dialect import Dialect, Failure
from keepwell.plugins.opaque import OpaqueDialect


class Plain(OpaqueDialect):
    """Its errors look like Chroma's."""

    def render_refusal(self, failure: Failure) -> bytes:
        """`{"error": "...", "message": "..."}`."""
        return msgspec.json.encode({"error": failure.kind, "message": failure.message})


DIALECT: Dialect = Plain()
