"""How it is known which model answered: what the engine says, what is known of its memory, and canaries.

The control side looks at the engines and writes what it found as standings; here header lines are made of them once
for each replica and model, so that an answer costs one look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.model_name import same_model
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.work.proof import header_text

#: "said": the engine's answer names the model that was asked. "verified": the engine has it in memory besides, and made
#: of the bytes that its store lists where it tells digests. "canary": its answer to a fixed prompt is the known one
#: besides. "mismatch": the answer names another model. "": it names none.
Proof: TypeAlias = Literal["", "said", "verified", "canary", "mismatch"]
#: What a client gets where another model answered: a header, or an error instead of the answer.
OnMismatch: TypeAlias = Literal["tell", "error"]
#: Seconds by which a canary may be late.
LATE_SECONDS = 60.0
#: Combinations of names for which lines are kept; clients choose one of the names.
KEPT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one model at one replica, from the last look.

    `proof` is the best that an answer which names the model can have; `digest` that of the bytes in memory, else of
    those that are listed; `device` where it lies ("gpu=100%"), "" if that is not told. `planned_bytes` are what it was
    reckoned to take in memory, `reported_bytes` what the engine says that it takes; 0 where not known.
    """

    proof: Proof = "said"
    digest: str = ""
    device: str = ""
    planned_bytes: int = 0
    reported_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Header lines, and what they say."""

    lines: bytes
    proof: Proof
    standing: Standing


NOTHING = Standing()


class Attest:
    """Makes the lines; belongs to the data plane."""

    def __init__(self) -> None:
        self.refuses = False
        self._standings: Mapping[str, Mapping[str, Standing]] = {}
        self._nodes: Mapping[str, str] = {}
        self._made: dict[tuple[str, str, str, str], Lines] = {}

    def replace(
        self, standings: Mapping[str, Mapping[str, Standing]], nodes: Mapping[str, str], on_mismatch: str
    ) -> None:
        """What another look found. `nodes` are the replicas' machines."""
        self._standings, self._nodes = standings, nodes
        self.refuses = on_mismatch == "error"
        self._made = {}

    def attest(self, facts: Facts, model: str) -> bytes:
        """The lines for an answer of `facts.replica`, which was asked for `model`; what they say is added to the facts.

        An answer that is an error names no model and is not attested.
        """
        key = (facts.replica, model, facts.asked, facts.answered)
        found = self._made.get(key)
        if found is None:
            found = self._make(*key)
        facts.proof, facts.digest, facts.device = found.proof, found.standing.digest, found.standing.device
        return b"x-keepwell-request: %d\r\n%b%b" % (facts.id, facts.page, found.lines)

    def _make(self, replica: str, model: str, asked: str, answered: str) -> Lines:
        standing = self._standings.get(replica, {}).get(model, NOTHING)
        proof: Proof = ""
        if answered:
            proof = "mismatch"
            if same_model(model, answered):
                proof = standing.proof
        if proof == "mismatch":
            standing = NOTHING
        shown = {
            "replica": replica,
            "node": self._nodes.get(replica, ""),
            "asked": asked,
            "model": answered,
            "proof": proof,
            "digest": standing.digest,
            "device": standing.device,
        }
        lines = b"".join(
            b"x-keepwell-%b: %b\r\n" % (name.encode(), header_text(value)) for name, value in shown.items() if value
        )
        if len(self._made) >= KEPT:
            self._made.clear()
        made = self._made[replica, model, asked, answered] = Lines(lines=lines, proof=proof, standing=standing)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look found of a model at a replica; `listed` and `loaded` are digests, "" where the engine has none.

    `canary_at` is when its answer to the canary's prompt was the known one last, seconds since the epoch; 0 for never.
    """

    resident: bool
    listed: str = ""
    loaded: str = ""
    gpu_ratio: float = -1.0
    canary_at: float = 0.0


def make_standing(seen: Seen, now: float, canary_seconds: float) -> Standing:
    """What answers of this model are worth now. A canary counts for twice the time between two of them, and a minute:
    it waits until the engine has nothing to do.
    """
    proof: Proof = "said"
    if seen.resident and (seen.listed == seen.loaded or not seen.loaded or not seen.listed):
        proof = "verified"
        if seen.canary_at and now - seen.canary_at < 2 * canary_seconds + LATE_SECONDS:
            proof = "canary"
    device = ""
    if seen.resident and seen.gpu_ratio >= 0:
        device = f"gpu={seen.gpu_ratio:.0%}"
    return Standing(proof=proof, digest=seen.loaded or seen.listed, device=device)
