"""Heads of requests, read once for all of their kind."""

from __future__ import annotations

from functools import lru_cache

import httptools

from keepwell.gateway.wire.heads import RequestHead
from keepwell.wire.head_reader import REMEMBERED, SEEN_BYTES, Reading
from keepwell.wire.heads import is_old


def read_request_head(key: bytes) -> RequestHead:
    """The head of this key (see `split_length`). Raises httptools.HttpParserError, HttpParserUpgrade."""
    if len(key) > SEEN_BYTES:
        return _read_request_head(key)
    return _seen_request_head(key)


def _read_request_head(key: bytes) -> RequestHead:
    read = Reading()
    parser = httptools.HttpRequestParser(read)
    read.feed(parser, key)
    old = is_old(parser.get_http_version())
    return RequestHead(parser.get_method(), read.path, read.headers, old=old, close=not read.stays)


_seen_request_head = lru_cache(REMEMBERED)(_read_request_head)
