"""Paths that tell how a text is cut into tokens; llama.cpp and vLLM both have them."""

from __future__ import annotations

from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.plugins.opaque import OpaqueDialect

DIALECT: Dialect = OpaqueDialect(
    Endpoint(path=b"/tokenize", use="own"),
    Endpoint(path=b"/detokenize", use="own"),
)
