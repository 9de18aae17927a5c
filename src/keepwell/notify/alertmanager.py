"""Prometheus' Alertmanager as an outlet: it groups, silences and tells people itself.

The address is `alertmanager://host:9093`, `alertmanagers://` for TLS, with user:password@ and a path where it stands
behind a proxy. It forgets an alert that nobody repeats: each is sent again and again until it is over.
"""

from __future__ import annotations

import base64
import http.client
import json
from datetime import UTC, datetime
from urllib.parse import SplitResult, unquote, urlsplit

from keepwell.plugins.notifier import Notice

#: Seconds for a connection and for each answer.
TIMEOUT_SECONDS = 10.0
#: Every so often a lasting incident is sent again; Prometheus does so each minute.
RENEWS_SECONDS = 60.0
#: An incident of which nothing was heard for so long is over for the Alertmanager: the hub that told of it is gone. As
#: Prometheus: four times what lies between two tellings.
LASTS_SECONDS = 4 * RENEWS_SECONDS
PORT = 9093
#: Bytes of an answer that are read: it is empty where all is well, else a sentence.
ANSWER_BYTES = 4096


class _Alertmanager:
    """Alertmanager's API, version 2."""

    title = "Alertmanager"
    schemes: tuple[str, ...] = ("alertmanager", "alertmanagers")
    renews_seconds = RENEWS_SECONDS

    def send(self, address: str, notice: Notice) -> str:
        """Post one alert."""
        parts = urlsplit(address)
        body = render_alert(notice, datetime.now(UTC).timestamp())
        headers = {"Content-Type": "application/json", **_login(parts)}
        try:
            connection = _connect(parts)
            try:
                connection.request("POST", f"{parts.path.rstrip('/')}/api/v2/alerts", body=body, headers=headers)
                answer = connection.getresponse()
                said = answer.read(ANSWER_BYTES)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"no answer: {getattr(error, 'strerror', '') or type(error).__name__}"
        if answer.status // 100 == 2:
            return ""
        return f"HTTP {answer.status}: {said.decode('utf-8', 'replace')[:200]}"


def render_alert(notice: Notice, now: float) -> bytes:
    """The body: one alert that ends when the notice says so, or some minutes from now if nobody repeats it."""
    alert = {
        "labels": dict(notice.labels),
        "annotations": {"summary": notice.title, "description": notice.body, **notice.annotations},
        "startsAt": _stamp(notice.began_at),
        "endsAt": _stamp(notice.ended_at or now + LASTS_SECONDS),
    }
    return json.dumps([alert]).encode()


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _connect(parts: SplitResult) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port or PORT
    if parts.scheme == "alertmanagers":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def _login(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


NOTIFIER = _Alertmanager()
