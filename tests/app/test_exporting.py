"""`keepwell export` on real stores: files that others read."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from keepwell.app.exporting import export_grafana, export_rules
from keepwell.app.exporting_rows import export_csv, export_parquet
from keepwell.app.hub.opening import open_requests, open_series
from keepwell.app.operation import Caller
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.core.series import Point
from keepwell.store.requests import RECORD_FILE, add_rows, open_record
from tests.export.made import key
from tests.export.test_tables import row

HOUR = 3600.0


def caller_of(state: Path, told: list[str] | None = None) -> Caller:
    if told is None:
        return Caller(state=state)
    return Caller(state=state, tell=told.append)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder: requests in the log and in the inbox, and two series of one GPU."""
    now = time.time()
    made = [replace(row(), id=number, at=now - 60 * number, route="chat") for number in range(1, 6)]
    log = open_requests(tmp_path)
    log.add([astuple(one) for one in made[3:]])
    log.close()
    inbox = open_record(tmp_path / RECORD_FILE)
    add_rows(inbox, [astuple(one) for one in made[:3]], {})
    inbox.close()
    series = open_series(tmp_path)
    minute = now // 60 * 60
    for back in (3, 2, 1):
        at = minute - 60 * back
        series.add(
            [
                (key("device.utilisation_ratio", "device:gpu01/0"), Point(at, 0.1 * back, 0.0, 1.0, 0.0, 60)),
                (key("device.memory_used_bytes", "device:gpu01/0"), Point(at, 2.0**30 * back, 0.0, 1.0, 0.0, 60)),
            ]
        )
    series.close()
    return tmp_path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_requests_as_csv(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    report = export_csv(caller_of(state), what="requests", out=str(out), since="1h", about="")
    assert report is not None
    assert (report.rows, report.files) == (5, (str(out),))
    rows = read_csv(out)
    assert [one["timestamp"] for one in rows] == sorted(one["timestamp"] for one in rows)
    assert {(one["model"], one["first_token_ms"], one["tokens_per_s"]) for one in rows} == {
        ("llama3.2:3b", "250.0", "20.00")
    }
    few = export_csv(caller_of(state), what="requests", out=str(out), since="150s", about="chat")
    assert few is not None
    assert few.rows == 2
    none = export_csv(caller_of(state), what="requests", out=str(out), since="1h", about="other")
    assert none is not None
    assert none.rows == 0


def test_a_gpu_as_csv(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "g.csv"
    export_csv(caller_of(state), what="devices", out=str(out), since="1h", about="")
    assert [(one["utilization"], one["memory"]) for one in read_csv(out)] == [
        ("30.0", "3072"),
        ("20.0", "2048"),
        ("10.0", "1024"),
    ]


def test_two_gpus_have_to_be_told_apart(state: Path, tmp_path: Path) -> None:
    series = open_series(state)
    at = time.time() // 60 * 60 - 120
    series.add([(key("device.utilisation_ratio", "device:gpu02/0"), Point(at, 0.9, 0.0, 1.0, 0.0, 60))])
    series.close()
    out = tmp_path / "g.csv"
    with pytest.raises(ConfigurationError, match="2 devices"):
        export_csv(caller_of(state), what="devices", out=str(out), since="1h", about="")
    assert not out.exists()
    export_csv(caller_of(state), what="devices", out=str(out), since="1h", about="device:gpu02/0")
    assert [(one["utilization"], one["memory"]) for one in read_csv(out)] == [("90.0", "")]
    export_csv(caller_of(state), what="devices", out=str(out), since="1h", about="node:gpu01")
    assert len(read_csv(out)) == 3


def test_without_a_file_rows_are_told(state: Path) -> None:
    told: list[str] = []
    assert export_csv(caller_of(state, told), what="series", out="", since="1h", about="") is None
    lines = "\n".join(told).splitlines()
    assert lines[0].startswith("timestamp,metric,about,labels,mean")
    assert len(lines) == 7
    with pytest.raises(ConfigurationError, match="one JSON document"):
        export_csv(caller_of(state), what="series", out="", since="1h", about="")


def test_mistakes_are_told(state: Path, tmp_path: Path) -> None:
    for wrong in ({"what": "bodies"}, {"since": "soon"}):
        asked = {"what": "requests", "out": str(tmp_path / "x"), "since": "1h", "about": "", **wrong}
        with pytest.raises(ConfigurationError):
            export_csv(caller_of(state), **asked)
    with pytest.raises(ConfigurationError, match="no numbers of a GPU"):
        export_csv(caller_of(tmp_path / "empty"), what="devices", out=str(tmp_path / "x"), since="1h", about="")
    with pytest.raises(AccessError, match="cannot be written"):
        export_csv(caller_of(state), what="requests", out=str(tmp_path / "no" / "x.csv"), since="1h", about="")
    assert not (tmp_path / "x").exists()


def test_duckdb_reads_the_requests(state: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    out = tmp_path / "r.parquet"
    report = export_parquet(caller_of(state), what="requests", out=str(out), since="1h", about="")
    assert report.rows == 5
    asked = f"SELECT route, count(*), sum(output_tokens), max(total_seconds) FROM '{out}' GROUP BY route"
    assert duckdb.sql(asked).fetchall() == [("chat", 5, 200, 2.25)]
    ((kind,),) = duckdb.sql(f"SELECT typeof(timestamp) FROM '{out}' LIMIT 1").fetchall()
    assert kind == "TIMESTAMP WITH TIME ZONE"
    assert duckdb.sql(f"SELECT count(*) FROM '{out}' WHERE epoch(timestamp) > {time.time() - 150}").fetchall() == [(2,)]


def test_duckdb_reads_the_series(state: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    out = tmp_path / "s.parquet"
    report = export_parquet(caller_of(state), what="series", out=str(out), since="1h", about="device:gpu01/0")
    assert report.rows == 6
    asked = f"SELECT metric, count(*), max(mean) FROM '{out}' GROUP BY metric ORDER BY metric"
    assert duckdb.sql(asked).fetchall() == [
        ("device.memory_used_bytes", 3, 3.0 * 2**30),
        ("device.utilisation_ratio", 3, pytest.approx(0.3)),
    ]


def test_without_arrow_it_is_said_what_to_do(state: Path, tmp_path: Path) -> None:
    """In a process that cannot import it."""
    (tmp_path / "hidden" / "pyarrow").mkdir(parents=True)
    (tmp_path / "hidden" / "pyarrow" / "__init__.py").write_text("raise ImportError('not here')")
    argv = [sys.executable, "-m", "keepwell", "export", "parquet", "requests", "--out", str(tmp_path / "x.parquet")]
    environment = {"PYTHONPATH": str(tmp_path / "hidden"), "KEEPWELL_STATE": str(state), "PATH": "/usr/bin"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "pip install 'keepwell[parquet]'" in done.stderr
    assert list(tmp_path.glob("x.parquet*")) == []


def test_dashboards_in_a_folder_are_found_by_their_provider(tmp_path: Path) -> None:
    report = export_grafana("", str(tmp_path / "boards"))
    names = sorted(path.name for path in (tmp_path / "boards").iterdir())
    assert sorted(Path(one).name for one in report.files) == names
    assert "provider.yaml" in names
    for path in (tmp_path / "boards").glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["uid"] == path.stem
    provider = (tmp_path / "boards" / "provider.yaml").read_text(encoding="utf-8")
    assert f'path: "{tmp_path / "boards"}"' in provider
    only = export_grafana("fleet", str(tmp_path / "one"))
    assert [Path(one).name for one in only.files] == ["keepwell-fleet.json"]
    assert json.loads(export_grafana("fleet", "").text)["title"] == "keepwell / fleet"
    assert "fleet" in dict(export_grafana("", "").choices)
    with pytest.raises(ConfigurationError, match="no dashboard"):
        export_grafana("flet", "")


def test_rules_as_a_file(tmp_path: Path) -> None:
    report = export_rules(str(tmp_path / "keepwell-rules.yml"))
    assert report.files == (str(tmp_path / "keepwell-rules.yml"),)
    assert (tmp_path / "keepwell-rules.yml").read_text(encoding="utf-8") == export_rules("").text
