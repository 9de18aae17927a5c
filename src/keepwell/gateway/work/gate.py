"""The gateway's centre: takes requests from clients, asks the scheduler, gives out connections, keeps time.

One timer looks at all deadlines, so that a request costs no timer of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from time import monotonic

import msgspec
from msgspec import structs

from keepwell.gateway.access import Access, Refused
from keepwell.gateway.choice.ask import BATCH, Effect, Outcome, Start
from keepwell.gateway.choice.deadlines import Deadlines, Learned, find_signs
from keepwell.gateway.choice.rules import Rule, rule
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.splits import Diversion, divert
from keepwell.gateway.choice.station import HELD_SECONDS
from keepwell.gateway.choice.sticking import stick
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.surface import Answer, Surface
from keepwell.gateway.wire.body import Peek
from keepwell.gateway.wire.inbound import Inbound, Work
from keepwell.gateway.wire.request import Request
from keepwell.gateway.wire.tls import get_trust
from keepwell.gateway.work.attempt import Attempt
from keepwell.gateway.work.attest import Attest
from keepwell.gateway.work.entrance import OWNERS, enter, require_owner
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.exchange import Exchange
from keepwell.gateway.work.loading import Loads
from keepwell.gateway.work.passage import UPLOADS, Passage
from keepwell.gateway.work.pool import Pool
from keepwell.gateway.work.showing import show
from keepwell.gateway.work.telling import Telling
from keepwell.plugins.ask import OWN_SERVER
from keepwell.plugins.dialect import Dialect, Failure
from keepwell.plugins.routing import Ask
from keepwell.plugins.wire_json import BROKEN, explain
from keepwell.store.bodies import BODY_BYTES
from keepwell.wire.heads import UNTIL_CLOSED, render_head
from keepwell.wire.outbound import Outbound

#: Seconds between two looks at all deadlines.
LOOK_SECONDS = 0.1
#: The one path that needs no key: that it answers is all that it tells.
HEALTH = b"/health"
#: What makes an answer: of it a share may be moved to another route.
MADE = frozenset({"generate", "embed"})
#: A body of which nothing is known.
NOTHING = Peek()


class Gate:
    """The owner of all state of the data plane; everything happens on one event loop."""

    def __init__(
        self,
        scheduler: Scheduler,
        surface: Surface,
        access: Access,
        told: Callable[[Facts], None],
        *,
        deadlines: Deadlines,
        max_body_bytes: int,
    ) -> None:
        self.scheduler = scheduler
        self.surface = surface
        self.access = access
        self.max_body_bytes = max_body_bytes
        self.finishing = False
        self.attest = Attest()
        self.rules: Mapping[str, Rule] = {}
        self.loads = Loads()
        self.clients: set[Inbound] = set()
        self.exchanges: dict[int, Exchange] = {}
        self.passages: set[Passage] = set()
        self._told = told
        self.deadlines = deadlines
        self._learned: dict[tuple[str, bool, bool], Learned] = {}
        self._pools: dict[str, Pool] = {}
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self.now = monotonic
        #: Requests that were not begun, by one word that says why.
        self.refused: Counter[str] = Counter()
        #: Routes of which is kept what was asked and answered.
        self.bodies: frozenset[str] = frozenset()
        #: Of which routes a share goes elsewhere.
        self.diversions: Mapping[str, Diversion] = {}

    # Clients' calls.

    def opened(self, client: Inbound) -> None:
        """A client connected."""
        self.clients.add(client)

    def closed(self, client: Inbound) -> None:
        """A client is gone."""
        self.clients.discard(client)

    def take(self, client: Inbound, request: Request) -> Work | None:
        """Answer it here, or begin to work on it."""
        entry = request.head.entry
        if entry is None or entry.access_era is not self.access.era or entry.surface_era is not self.surface.era:
            entry = self._enter(client, request)
            if entry is None:
                return None
        key, look = entry.key, NOTHING
        try:
            look = entry.reading.peek(request.body)
            route = entry.route or self.surface.get_route(look.model or look.name)
            if self.diversions:
                made = entry.endpoint.use in MADE
                route = divert(self.diversions, route, self._number + 1, entry.session, made=made)
            ruled = None
            found = self.rules.get(route.name)
            if found is not None and found.touches(entry.endpoint, request.body):
                ruled = rule(self.rules, self.scheduler.routes, route, entry.endpoint, request.body)
                route, request.body = ruled.route, ruled.body
            self.access.charge(key, route.moved_from or route.name, request.received_at)
            if entry.endpoint.use == "show":
                told = show(self.surface, self.scheduler.stations, entry, route, look.model or look.name)
                if told is not None:
                    self._answer(client, request, told)
                    return None
        except BROKEN as error:
            message = f"the body is no JSON object as expected: {explain(error)}"
            self._turn_away(client, request, Failure(status=400, kind="malformed_body", message=message))
            return None
        except Refused as refused:
            self._turn_away(client, request, refused.failure, look.model or look.name)
            return None
        self._number += 1
        ask = Ask(
            id=self._number,
            route=route.name,
            dialect=entry.reached.word,
            key=key.name,
            priority=key.priority,
            weight=key.weight,
            turn=entry.turn,
        )
        reached = entry.reached
        if route.name in reached.routes:
            ask = structs.replace(ask, also=reached.words)
        if route.name in self.surface.sticky:
            ask = stick(ask, route, look, entry.session)
        if entry.behind:
            ask = structs.replace(ask, priority=BATCH)
        exchange = self.exchanges[ask.id] = Exchange(self, client, request, entry, look, ask)
        if ruled is not None:
            exchange.obey(ruled)
        if route.name in reached.routes:
            exchange.reach(self.scheduler.routes, route, self.scheduler.stations)
        if route.name in self.bodies:
            exchange.copy = bytearray()
        exchange.follow(self._arrive(ask, request.received_at, exchange.excluded))
        if route.comments:
            exchange.begin_early()
        return exchange

    def _enter(self, client: Inbound, request: Request) -> Entry | None:
        """What its head means, kept for all like it; None for a request that is answered here and now."""
        path = request.path.partition(b"?")[0]
        if path == HEALTH:
            self._answer(client, request, Answer(status=200, body=b'{"status":"ok"}'))
            return None
        request.head.page = self.access.render_page(request)
        if request.method == b"OPTIONS" and b"access-control-request-method" in request.named:
            self._answer(client, request, self._permit(request))
            return None
        try:
            key = self.access.admit(request)
            if path.startswith(OWNERS):
                require_owner(key, client.transport.get_extra_info("peername"))
            made = enter(self.surface, request, key, self.access.era)
        except Refused as refused:
            dialect, _ = self.surface.find(request.method, path, request.named)
            self.refuse(client, request, dialect, refused.failure)
            return None
        if isinstance(made, Answer):
            self._answer(client, request, made)
            return None
        request.head.entry = made
        return made

    def _permit(self, request: Request) -> Answer:
        """What a browser is told that asks before a page's request. It shows no key: it has none for this yet."""
        lines = self.access.render_preflight(request)
        return Answer(status={True: 204, False: 403}[bool(lines)], body=b"", headers=lines)

    def pass_on(self, client: Inbound, request: Request) -> Passage | None:
        """A file for the desk goes there as it comes. What is refused ends the connection: its body is on its way."""
        if request.method != b"POST" or request.path.partition(b"?")[0] != UPLOADS or not self.access.desk:
            return None
        close, request.close = request.close, True
        entry = self._enter(client, request)
        if entry is None or entry.route is None:
            return None
        try:
            self.access.charge(entry.key, entry.route.name, request.received_at)
        except Refused as refused:
            self._turn_away(client, request, refused.failure)
            return None
        request.close = close
        self._number += 1
        facts = Facts(self._number, request.received_at)
        facts.key, facts.route, facts.path = entry.key.name, entry.route.name, entry.path
        facts.dialect = entry.dialect_name
        facts.started, facts.page = request.received_at, request.head.page
        passage = Passage(self, client, request, entry, facts)
        self.passages.add(passage)
        replica = next(iter(entry.route.replicas))
        facts.replica = replica
        passage.begin(self.scheduler.stations[replica].replica)
        return passage

    def passed(self, passage: Passage) -> None:
        """An upload is over: recorded, and forgotten."""
        self.passages.discard(passage)
        facts = passage.facts
        facts.ended, facts.bytes_in = self.now(), passage.size
        self.access.spent(facts)
        self._told(facts)

    def refuse_malformed(self, client: Inbound, status: int, message: str) -> None:
        """What came is no request that can be understood: say so and close."""
        body = msgspec.json.encode({"error": {"message": message, "code": status}})
        self.refused[f"http_{status}"] += 1
        own = b"content-type: application/json\r\n"
        client.transport.write(render_head(status, own, length=len(body), close=True) + body)

    def count_from(self, number: int) -> None:
        """The next request's number is above this one."""
        self._number = max(self._number, number)

    # Exchanges' calls.

    def connect(self, attempt: Attempt, *, fresh: bool = False) -> None:
        """A kept connection at once, or a new one some time soon. Who is to give way does so before."""
        if self.scheduler.giving_way:
            self._make_way()
        pool = self._pools.get(attempt.replica)
        if pool is None or not pool.is_for(self.scheduler.stations[attempt.replica].replica):
            pool = self.make_pool(attempt.replica)
        if not fresh:
            connection = pool.take()
            if connection is not None:
                attempt.connected(connection, pool)
                return
        task = self._loop.create_task(self._open(attempt, pool))
        pool.opening.add(task)
        task.add_done_callback(pool.opening.discard)

    def make_pool(self, replica: str) -> Pool:
        """An empty one for the replica as it is known now; another one for it is given up."""
        if replica in self._pools:
            self._pools[replica].close()
        pool = self._pools[replica] = Pool(self.scheduler.stations[replica].replica)
        return pool

    async def _open(self, attempt: Attempt, pool: Pool) -> None:
        where = pool.replica
        try:
            async with asyncio.timeout(self.deadlines.connect_seconds):
                _, connection = await self._loop.create_connection(
                    Outbound, where.host, where.port, ssl=get_trust(where.tls)
                )
        except TimeoutError:
            attempt.failed_to_connect(f"no connection within {self.deadlines.connect_seconds:g} s", "silent")
        except OSError as error:
            attempt.failed_to_connect(error.strerror or str(error))
        else:
            if connection.closed:  # between the connection and this turn of the loop: it would never be told
                attempt.failed_to_connect("the connection ended at once")
            elif not attempt.connected(connection, pool):
                pool.put_back(connection)

    def ended_well(self, exchange: Telling, attempt: Attempt) -> None:
        """What nearly every request comes to: `tried` and `over` in one, at the instant of the last byte."""
        facts = exchange.facts
        now = facts.ended = facts.last
        facts.bytes_in = len(exchange.request.body)
        self._learned_of(exchange, attempt).learn(facts.first - attempt.began, facts.bytes_in)
        if attempt.cold:
            self.scheduler.stations[attempt.replica].answered.add(attempt.model)
        started = self.scheduler.ended(facts.id, attempt.replica, "well", now)
        del self.exchanges[facts.id]
        if exchange.copy is not None:
            self._keep_bodies(exchange)
        self.access.spent(facts)
        self._told(facts)
        if started:
            self._follow(started)

    def tried(self, exchange: Telling, replica: str, outcome: Outcome, why: str) -> None:
        """A try ended: the slot is free, others may start."""
        self._follow(self.scheduler.ended(exchange.ask.id, replica, outcome, self.now(), why))

    def _make_way(self) -> None:
        numbers, self.scheduler.giving_way = self.scheduler.giving_way, set()
        for number in sorted(numbers):
            other = self.exchanges.get(number)
            if other is not None:
                other.give_way()

    def _follow(self, started: Iterable[Start]) -> None:
        for start in started:
            other = self.exchanges.get(start.ask)
            if other is not None:
                other.follow(start)

    def again(self, exchange: Telling, failed: frozenset[str]) -> Effect:
        """Another try, elsewhere."""
        return self._arrive(exchange.ask, self.now(), failed)

    def _arrive(self, ask: Ask, now: float, failed: frozenset[str]) -> Effect:
        effect = self.scheduler.arrive(ask, now, failed)
        if self.scheduler.holds:
            self._wake_soon()
        return effect

    def _wake_soon(self) -> None:
        """Who is held back for a moment starts after it, whatever comes of the others."""
        self.scheduler.holds = False
        self._loop.call_later(HELD_SECONDS, self._wake)

    def _wake(self) -> None:
        self._follow(self.scheduler.wake(self.now()))

    def find_room(self, route: str, replica: str) -> int:
        """Tokens of context that the replica has for the route's model, 0 where that is not known."""
        found = self.rules.get(route)
        if found is None or found.shortage is None:
            return 0
        return found.shortage.contexts.get(replica, 0)

    def over(self, exchange: Telling) -> None:
        """It is over: recorded, and forgotten."""
        if exchange.waiting:
            self.scheduler.leave(exchange.ask.id)
        self.exchanges.pop(exchange.ask.id, None)
        exchange.facts.ended, exchange.facts.bytes_in = self.now(), len(exchange.request.body)
        exchange.end_stall(exchange.facts.ended)
        if exchange.copy is not None:
            self._keep_bodies(exchange)
        self.access.spent(exchange.facts)
        self._told(exchange.facts)

    def _keep_bodies(self, exchange: Telling) -> None:
        asked, answered = exchange.request.body[:BODY_BYTES], exchange.copy or b""
        exchange.facts.bodies = bytes(asked), bytes(answered[:BODY_BYTES])

    # Time.

    async def keep_time(self) -> None:
        """Look at all deadlines, for as long as the gateway lives."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """End what is late; start what waits and can."""
        now = self.now()
        for refusal in self.scheduler.expire(now):
            self.exchanges[refusal.ask].follow(refusal)
        signs = find_signs(self.exchanges.values(), self.scheduler.stations)
        for name, sign in signs.items():
            self.scheduler.stations[name].saw_sign(sign)
        for exchange in list(self.exchanges.values()):
            attempt = exchange.attempt
            if exchange.opening is not None:
                exchange.keep_open(now)
            if attempt is not None:
                learned = self._learned_of(exchange, attempt)
                late = self.deadlines.find_late(exchange, learned, signs.get(attempt.replica, 0.0), now)
                if late is not None and attempt.held:
                    exchange.facts.error = "client_slow"
                    exchange.client.transport.abort()
                elif late is not None:
                    exchange.late(*late)
        if self.loads.kept:
            most = self.deadlines.cold_first_byte_seconds
            self.loads.look(self.exchanges.values(), self.scheduler.stations, most, now)
        for passage in list(self.passages):
            passage.look(now, slow=self.deadlines.is_slow(passage.facts.began, passage.size, now))
        for client in [one for one in self.clients if self.deadlines.is_idle(one, now)]:
            client.expire()
        if self.scheduler.waiting:
            self._follow(self.scheduler.wake(now))
        for name in self._pools.keys() - self.scheduler.stations.keys():
            self._pools.pop(name).close()

    def close(self) -> None:
        """Let go of everything."""
        for client in list(self.clients):
            client.transport.close()
        for pool in self._pools.values():
            pool.close()

    def _learned_of(self, exchange: Telling, attempt: Attempt) -> Learned:
        key = (exchange.facts.route, exchange.facts.stream, attempt.cold)
        found = self._learned.get(key)
        if found is None:
            found = self._learned[key] = Learned()
        return found

    def _turn_away(self, client: Inbound, request: Request, failure: Failure, asked: str = "") -> None:
        """A request of a known client that may not be made, or cannot be understood: it has its row in the record."""
        entry = request.head.entry
        if entry is None:
            return
        self._number += 1
        facts = Facts(self._number, request.received_at)
        facts.key, facts.dialect, facts.path = entry.key.name, entry.dialect_name, entry.path
        facts.asked, facts.status, facts.error = asked, failure.status, failure.kind
        facts.ended, facts.bytes_in = self.now(), len(request.body)
        self._told(facts)
        self.refuse(client, request, entry.dialect, failure)

    def refuse(self, client: Inbound, request: Request, dialect: Dialect, failure: Failure) -> None:
        """Answer with this error, and end the request."""
        self.refused[failure.kind] += 1
        self._answer(client, request, Answer.of(dialect, failure))

    def _answer(self, client: Inbound, request: Request, answer: Answer) -> None:
        body = answer.body * (request.method != b"HEAD")
        own, length = b"content-type: %b\r\n" % answer.content_type, len(answer.body)
        if answer.status == 204:
            own, length = b"", UNTIL_CLOSED
        close = request.close or answer.close
        lines = b"server: %b\r\n" % OWN_SERVER.encode() + own + answer.headers + request.head.page
        head = render_head(answer.status, lines, length=length, close=close)
        client.transport.write(head + body)
        client.done(close=close)
