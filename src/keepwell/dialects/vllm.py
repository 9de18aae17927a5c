"""vLLM's own paths for models that do not generate."""

from __future__ import annotations

from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.plugins.opaque import OpaqueDialect

DIALECT: Dialect = OpaqueDialect(
    Endpoint(path=b"/pooling", use="embed"),
    Endpoint(path=b"/classify", use="embed"),
    Endpoint(path=b"/score", use="embed"),
    Endpoint(path=b"/v1/score", use="embed"),
)
