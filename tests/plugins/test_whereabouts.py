"""Where services are: whatever processes, sockets, units and containers look like, there is an answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins.services import ServiceWish, load_services
from keepwell.plugins.whereabouts import Scene, find_candidates, is_same_unit, split_address

_PORT = st.sampled_from([0, 80, 3000, 8080, 9090, 32400, 65535])
_PID = st.integers(0, 6)
_ARGV = st.lists(
    st.sampled_from(["/usr/sbin/nginx", "nginx: master process x", "python3", "-m", "litellm", "grafana", ""]),
    max_size=4,
)
_PROCESS = st.fixed_dictionaries({"pid": _PID, "parent_pid": _PID, "argv": _ARGV.map(tuple), "state": st.just("S")})
_SOCKET = st.fixed_dictionaries(
    {"address": st.sampled_from(["127.0.0.1", "::", "0.0.0.0"]), "port": _PORT, "pid": _PID}
)
_UNIT = st.fixed_dictionaries(
    {
        "unit": st.sampled_from(["nginx.service", "wg-quick@wg0.service", "x.service"]),
        "active": st.sampled_from(["active", "failed", "inactive"]),
        "enabled": st.sampled_from(["enabled", "disabled"]),
        "main_pid": _PID,
    }
)
_BOX = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b"]),
        "image": st.sampled_from(["nginx", "grafana/grafana:12", "other"]),
        "state": st.sampled_from(["running", "exited"]),
        "pid": _PID,
    }
)
_WISH = st.builds(
    ServiceWish,
    name=st.sampled_from(["one", "two"]),
    kind=st.sampled_from(["", "nginx", "grafana"]),
    url=st.sampled_from(["", "http://127.0.0.1:3000"]),
    unit=st.sampled_from(["", "nginx"]),
    container=st.sampled_from(["", "a"]),
)


@given(
    st.lists(_PROCESS, max_size=6),
    st.lists(_SOCKET, max_size=5),
    st.lists(_UNIT, max_size=3),
    st.lists(_BOX, max_size=3),
    st.lists(_WISH, max_size=3),
)
@settings(max_examples=80, deadline=None)
def test_any_machine_gives_an_answer(
    processes: list[dict[str, object]],
    sockets: list[dict[str, object]],
    units: list[dict[str, object]],
    boxes: list[dict[str, object]],
    wishes: list[ServiceWish],
) -> None:
    scene = Scene(
        kinds=load_services(),
        processes=processes,  # type: ignore[arg-type]
        sockets=sockets,  # type: ignore[arg-type]
        units=units,  # type: ignore[arg-type]
        containers=boxes,  # type: ignore[arg-type]
    )
    found = find_candidates(scene, wishes)
    assert sum(one.wish is not None for one in found) == len(wishes)
    assert all(one.kind in load_services() or one.wish is not None for one in found)
    assert all(one.sure for one in found if one.how != "port")


def test_addresses_and_names_of_what_is_declared() -> None:
    assert split_address(ServiceWish(name="x", tcp="[fd00::1]:5432")) == ("fd00::1", 5432)
    assert split_address(ServiceWish(name="x", url="https://nas.lan")) == ("nas.lan", 443)
    assert split_address(ServiceWish(name="x")) == ("", 0)
    assert is_same_unit("nginx", "nginx.service")
    assert not is_same_unit("", "")
