"""What probes of level 3 can observe: what engines do when they are asked to work."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="engine.answers",
        about="engine",
        help="Short answers and embeddings that its models were asked for",
        shape="tuple of mappings model state (answered unable refused failed malformed silent) status seconds tokens "
        "(asked for) answered (the model named) fingerprint text finish input_tokens output_tokens said request "
        "gateway (its names may stand for other models), "
        "embedding_state embedding_dimensions embedding_model embedding_said",
    ),
    Fact(
        name="engine.loaded_after",
        about="engine",
        help="Models in memory right after they answered",
        shape="tuple of mappings name digest expires_at size_bytes gpu_ratio (only where told)",
    ),
    Fact(
        name="engine.promises",
        about="engine",
        help="Paths that an engine of its kind answers, and how each came out",
        shape="tuple of mappings request kind (kept off unable missing refused failed malformed silent) status problem "
        "option seconds",
    ),
    Fact(
        name="engine.streams",
        about="engine",
        help="The same streamed answer at the engine and through each proxy or gateway before it",
        shape="tuple of mappings where (direct, or a name) url model (asked) answered status pieces events "
        "first_seconds last_seconds longest_gap_seconds ended whole late encoding said; the direct one first",
    ),
    Fact(
        name="engine.crowd",
        about="engine",
        help="Requests sent at once",
        shape="mapping model sent tokens limit asked waiting setting served refused failed late at_once wall_seconds "
        "longest_seconds shortest_seconds said",
    ),
    Fact(
        name="engine.key_check",
        about="engine",
        help="Answers to a request with the key, without one, and with a wrong one",
        shape="mapping known (a key is declared) configured (the engine runs with one) bare_status wrong_status "
        "keyed_status (0 if no key is known) open_to (local network internet) request",
    ),
    Fact(
        name="service.callers",
        about="service",
        help="Addresses that it depends on, asked from its own network",
        shape="tuple of mappings setting url host port target from (node, container) state (open refused silent "
        "no-name no-route unknown) said",
    ),
    Fact(
        name="gateway.mismatches",
        about="engine",
        help="Answers through the gateway that named another model than was asked, within a day",
        shape="tuple of mappings asked answered count last_at",
    ),
    Fact(
        name="gateway.canaries",
        about="engine",
        help="Answers to a fixed question that the gateway asked: the known one and the last one",
        shape="tuple of mappings model times (in a row as known) other_since (0: as known) nonsense (it answers for a "
        "model that nobody has), known and last: mapping at text digest made_of",
    ),
)
