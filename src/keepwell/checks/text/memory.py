"""Sizes against sizes: contexts, slots and prompts; layers on the GPU; ranks and GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.text.rows import Row, number_of, rows_named, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen

#: A context from which its cache, not the weights, is what takes the memory of a usual model.
LARGE_CONTEXT = 32_768
#: Slots that share a context may be padded to a multiple of 256 tokens each.
PADDING = 256


def judge_context(seen: Seen) -> Iterator[Finding]:
    """Bad when a slot has a part of the context, when a prompt is longer, or when the cache holds fewer tokens."""
    rows = rows_named(seen, "text.contexts")
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(str(row.get("kind")), []).append(row)
    yield from _divided(by_kind, seen)
    prompt, limit = _largest(by_kind, "prompt"), _largest(by_kind, "limit")
    if prompt and limit and _tokens(prompt) > _tokens(limit):
        words = f"a prompt of {_tokens(prompt)} tokens met a context of {_tokens(limit)}"
        facts = {"kind": "prompt", "prompt": _tokens(prompt), "limit": _tokens(limit)}
        yield tell("text.context", Status.WARNING, words, [prompt, limit], seen, **facts)
    asked, cache = _largest(by_kind, "asked"), _largest(by_kind, "cache")
    if asked and cache and _tokens(asked) > _tokens(cache):
        words = f"a context of {_tokens(asked)} tokens is wished, and the cache has room for {_tokens(cache)}"
        facts = {"kind": "cache", "wished": _tokens(asked), "limit": _tokens(cache)}
        yield tell("text.context", Status.WARNING, words, [asked, cache], seen, **facts)


def _divided(by_kind: dict[str, list[Row]], seen: Seen) -> Iterator[Finding]:
    whole = _largest(by_kind, "asked") or _largest(by_kind, "total")
    slot, slots = _largest(by_kind, "slot"), _largest(by_kind, "slots")
    if slot:
        here = [row for row in by_kind.get("slots", []) if row.get("line") == slot.get("line")]
        slots = next(iter(here), slots)
        if any(_tokens(row) == _tokens(slot) for row in by_kind.get("total", [])):
            return  # a slot has it all
    if not whole or not slots or _tokens(slots) < 2:
        return
    rows = [whole, slots]
    if slot:
        rows.append(slot)
        part = _tokens(whole) / _tokens(slots)
        if not part - PADDING <= _tokens(slot) <= part + PADDING:
            return
    elif not ("limit" in by_kind and _tokens(by_kind["limit"][0]) * _tokens(slots) == _tokens(whole)):
        return
    words = f"{_tokens(slots)} slots share a context of {_tokens(whole)} tokens"
    facts = {"kind": "divided", "wished": _tokens(whole), "slots": _tokens(slots)}
    yield tell("text.context", Status.WARNING, words, rows, seen, **facts)


def judge_layers(seen: Seen) -> Iterator[Finding]:
    """Bad when a GPU is seen and not all layers of a model lie on it, or none was asked for."""
    rows = rows_named(seen, "text.layers")
    off = [row for row in rows if row.get("asked") == 0]
    told = [row for row in rows if number_of(row, "layers")]
    gpus = rows_named(seen, "text.gpus", kind="seen")
    if off and (gpus or told or rows_named(seen, "device.list")):
        words = "a model was asked to lie on no GPU: 0 layers"
        yield tell("text.layers", Status.WARNING, words, [*off, *told], seen, kind="switched-off")
        return
    for row in told[-1:]:
        layers, on_gpu = number_of(row, "layers"), number_of(row, "gpu_layers")
        contexts = [one for one in rows_named(seen, "text.contexts") if one.get("kind") in ("total", "asked")]
        large = any(_tokens(one) >= LARGE_CONTEXT for one in contexts)
        facts = {"layers": layers, "gpu_layers": on_gpu, "context": {True: "large"}.get(large, "")}
        words = f"{on_gpu} of {layers} layers lie on the GPU"
        if on_gpu == layers:
            yield tell("text.layers", Status.OK, words, [row], seen, kind="whole", **facts)
        elif on_gpu:
            yield tell("text.layers", Status.WARNING, words, [row], seen, kind="part", **facts)
        elif gpus:
            words += ", and a GPU is seen"
            yield tell("text.layers", Status.WARNING, words, [row, *gpus], seen, kind="none", **facts)


def judge_memory(seen: Seen) -> Iterator[Finding]:
    """Bad when more memory is needed than a limit allows, or something was killed and a limit is shown."""
    rows = rows_named(seen, "text.memory")
    limits = [row for row in rows if row.get("kind") in ("vm", "container") and number_of(row, "bytes")]
    if not limits:
        return
    limit = min(limits, key=_size)
    needed = [row for row in rows if row.get("kind") == "needed" and _size(row) > _size(limit)]
    killed = [row for row in rows if row.get("kind") == "killed"]
    facts = {"kind": str(limit.get("kind")), "limit_bytes": _size(limit)}
    if needed:
        words = f"{_size(needed[0]) / 1e9:.1f} GB are needed, and a limit allows {_size(limit) / 1e9:.1f} GB"
        facts["needed_bytes"] = _size(needed[0])
        yield tell("text.memory", Status.WARNING, words, [needed[0], limit], seen, **facts)
    elif killed:
        words = f"it was killed for its memory, and a limit allows {_size(limit) / 1e9:.1f} GB"
        yield tell("text.memory", Status.WARNING, words, [*killed, limit], seen, **facts)


def _size(row: Row) -> int:
    return number_of(row, "bytes")


def judge_ranks(seen: Seen) -> Iterator[Finding]:
    """Bad when a model is to be split over more GPUs than the text lists."""
    ranks, cards = rows_named(seen, "text.ranks"), rows_named(seen, "device.list")
    if not ranks or not cards:
        return
    most = max(ranks, key=_count)
    status, words = Status.OK, f"a model is split over {_count(most)} GPUs, and {len(cards)} are listed"
    if _count(most) > len(cards):
        status = Status.WARNING
    yield tell("text.ranks", status, words, [most], seen, kind="gpus", wished=_count(most), gpus=len(cards))


def _count(row: Row) -> int:
    return number_of(row, "count")


def _tokens(row: Row) -> int:
    return number_of(row, "tokens")


def _largest(by_kind: dict[str, list[Row]], kind: str) -> Row | None:
    return max(by_kind.get(kind, []), key=_tokens, default=None)
