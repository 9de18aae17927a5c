"""What commands say of alerts, from the files that the hub and they themselves write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from keepwell.app.alerting.reports import acknowledge, find_subject, list_alerts, list_history, maintain
from keepwell.app.alerting.trying import try_outlets
from keepwell.app.hub.alerting import BEAT_FILE
from keepwell.app.operation import Caller
from keepwell.cli.views import alert_history, alert_test, alerts
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Missing
from keepwell.gateway.choice.cordons import Cordon, add_cordon
from keepwell.store.alert_desk import load_desk
from keepwell.store.alert_history import FILE_NAME, Entry, add_entries, load_entries
from keepwell.store.alert_state import AlertFile, Explanation, save_alerts
from keepwell.testing.receivers import http_receiver
from keepwell.transport.local import LocalTransport
from tests.alerts.steps import Days, bad

# Apprise asks the standard library for a module that Python 3.13 takes away
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")

HERE = LocalTransport().name


def text_of(view: RenderableType) -> str:
    """What is on the screen."""
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(view)
    return captured.get()


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    """With a state folder and a configuration of one outlet."""
    config = tmp_path / "keepwell.toml"
    config.write_text(
        '[[node]]\nname = "gpu01"\naddress = "192.0.2.1"\n'
        f'[[notify]]\nname = "phone"\naddress = {{file = "{tmp_path / "address"}"}}\n'
    )
    return Caller(config=config, state=tmp_path / "state")


def _keep(caller: Caller) -> str:
    """An incident with a cause and a pending condition in the state folder; its id."""
    days = Days()
    found = [bad("node.reached", "node:gpu01"), bad("engine.responding", "engine:gpu01/x")]
    days.go(120, {"a": found})
    (name,) = days.state.incidents
    days.explained = {name: Explanation(issue="no-power", title="It has no power", confidence=0.8)}
    days.go(10, {"a": [*found, bad("disk.space", "mount:a//")]})
    assert caller.state is not None
    save_alerts(caller.state, AlertFile(state=days.state))
    return name


def test_nothing_yet(caller: Caller) -> None:
    report = list_alerts(caller)
    assert isinstance(report.looked_at, Missing)
    assert report.exit_code == 3
    assert "keepwell up" in text_of(alerts.render(report))


def test_what_is_wrong_is_listed(caller: Caller) -> None:
    name = _keep(caller)
    assert caller.state is not None
    (caller.state / BEAT_FILE).touch()
    add_cordon(caller.state, Cordon(subject="gpu01/ollama", since=0.0))
    report = list_alerts(caller)
    assert report.exit_code == 2
    assert report.incidents[0].subjects == ("node:gpu01", "engine:gpu01/x")
    assert [one.check for one in report.pending] == ["disk.space"]
    assert report.drained == ("engine:gpu01/ollama",)
    shown = text_of(alerts.render(report))
    for word in (name, "with it: engine:gpu01/x", "It has no power", "80 %", "pending", "phone"):
        assert word in shown


def test_who_knows_is_written_down(caller: Caller) -> None:
    name = _keep(caller)
    assert caller.state is not None
    with pytest.raises(ConfigurationError, match="no incident") as caught:
        acknowledge(caller, "a20000101-00000000", "")
    assert name in caught.value.hint
    report = acknowledge(caller, name, "on it")
    assert name in report.done
    assert report.exit_code == 0
    ack = load_desk(caller.state).acks[name]
    assert (ack.note, ack.by.endswith("(cli)")) == ("on it", True)
    acknowledge(caller, "all", "")
    assert load_desk(caller.state).acks[name].note == ""


def test_maintenance_begins_and_ends(caller: Caller) -> None:
    assert caller.state is not None
    report = maintain(caller, "gpu01", seconds=600.0, why="new fans", end=False)
    assert [(one.subject, one.why) for one in report.maintenance] == [("node:gpu01", "new fans")]
    maintain(caller, "gpu01/ollama", seconds=600.0, why="", end=False)
    report = maintain(caller, "gpu01", seconds=900.0, why="still", end=False)
    assert sorted(one.subject for one in report.maintenance) == ["engine:gpu01/ollama", "node:gpu01"]
    assert "new fans" not in text_of(alerts.render(report))
    report = maintain(caller, "gpu01", seconds=1.0, why="", end=True)
    assert [one.subject for one in report.maintenance] == ["engine:gpu01/ollama"]
    with pytest.raises(ConfigurationError, match="not in maintenance"):
        maintain(caller, "gpu01", seconds=1.0, why="", end=True)
    assert maintain(caller, "", seconds=1.0, why="", end=False).done == ""


def test_what_is_meant(caller: Caller) -> None:
    assert find_subject(caller, HERE) == f"node:{HERE}"
    assert find_subject(caller, "mount:gpu01//var") == "mount:gpu01//var"
    with pytest.raises(ConfigurationError, match="nothing that is known"):
        find_subject(caller, "gpu02")


def test_history_is_read_back_whole_and_past_what_a_crash_tore(caller: Caller) -> None:
    days = Days()
    days.go(120, {"a": [bad("engine.running", "engine:a/x")]})
    (incident,) = days.state.incidents.values()
    assert caller.state is not None
    add_entries(caller.state, [Entry(at=1.0, what="opened", incident=incident)])
    with (caller.state / FILE_NAME).open("ab") as file:
        file.write(b'{"at":2.0,"what":"new","inci')
    later = replace(incident, explanation=Explanation(issue="x", title="A cause"))
    add_entries(caller.state, [Entry(at=3.0, what="over", incident=later)])
    assert [one.at for one in load_entries(caller.state, 10)] == [1.0, 3.0]
    assert [one.at for one in load_entries(caller.state, 1)] == [3.0]
    report = list_history(caller, last=10, incident=incident.id)
    assert len(report.entries) == 2
    assert "A cause" in text_of(alert_history.render(report))
    assert list_history(caller, last=10, incident="a0").entries == ()


async def test_the_test_button(caller: Caller, tmp_path: Path) -> None:
    report = await try_outlets(caller, "")
    assert report.exit_code == 2
    assert "cannot be read" in report.tried[0].problem
    with http_receiver() as inbox:
        (tmp_path / "address").write_text(f"ntfy://127.0.0.1:{inbox.port}/lab")
        report = await try_outlets(caller, "phone")
        assert inbox.messages[0].said["title"] == "keepwell: a test"
    assert report.exit_code == 0
    assert "phone took it (Apprise" in text_of(alert_test.render(report))
    with pytest.raises(ConfigurationError, match="no outlet 'mail'"):
        await try_outlets(caller, "mail")
