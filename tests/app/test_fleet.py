"""Several looks become one report: what a service of one node needs on another is told by name."""

from __future__ import annotations

from keepwell.app.fleet import make_status
from keepwell.app.unreached import Unreached
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import engine, node, service
from keepwell.survey.discover import Discovery
from keepwell.survey.survey import SurveyResult
from tests.machines import about

LINK: dict[str, Value] = {
    "setting": "OLLAMA_BASE_URL",
    "url": "http://192.168.1.21:11434",
    "target": "",
    "reach": "yes",
    "why": "elsewhere",
}


def result(name: str, *seen: Observation, findings: tuple[Finding, ...] = ()) -> SurveyResult:
    here = about("host.system", {"distribution": "Debian"}, subject=node(name))
    return SurveyResult(
        seen=Seen([here, *seen]),
        findings=findings,
        sites=(),
        seconds=1.0,
        discovery=Discovery(sites=(), observations=(), answers=()),
    )


def test_a_need_on_another_node_is_told_by_name() -> None:
    chat = service("gpu01", "open_webui")
    first = result(
        "gpu01",
        about("service.site", {"kind": "open_webui", "title": "Open WebUI", "port": 3000}, subject=chat),
        about("service.links", (LINK,), subject=chat),
    )
    second = result(
        "gpu02",
        about(
            "host.interfaces",
            ({"name": "eth0", "addresses": ("192.168.1.21/24", "fd00::2/64")},),
            subject=node("gpu02"),
        ),
        about("engine.site", {"title": "Ollama", "port": 11434}, subject=engine("gpu02", "ollama")),
    )
    report = make_status([first, second], at=0.0, seconds=2.0)
    (need,) = report.nodes[0].services[0].needs
    assert need.target == "engine:gpu02/ollama"
    alone = make_status([first], at=0.0, seconds=2.0)
    assert alone.nodes[0].services[0].needs[0].target == ""


def test_the_worst_of_all_nodes_comes_first_and_leaves_the_code() -> None:
    bad = Finding(check="a.b", subject=engine("gpu02", "x"), status=Status.CRITICAL, message="m")
    mild = Finding(check="a.b", subject=engine("gpu01", "x"), status=Status.WARNING, message="m")
    fine = Finding(check="a.b", subject=engine("gpu01", "y"), status=Status.OK, message="m")
    report = make_status(
        [result("gpu01", findings=(mild, fine)), result("gpu02", findings=(bad,))], at=0.0, seconds=0.0
    )
    assert report.findings == (bad, mild)
    assert report.exit_code == 2
    lost = Unreached(node="gpu03", what="refused")
    assert make_status([], [lost], at=0.0, seconds=0.0).exit_code == 3
