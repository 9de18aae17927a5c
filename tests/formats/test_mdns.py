"""Names by mDNS, as avahi-browse prints them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.mdns import parse_avahi

LINES = """\
+;eth0;IPv4;gpu01;_ssh._tcp;local
=;eth0;IPv4;gpu01;_ssh._tcp;local;gpu01.local;192.168.1.20;22;
=;eth0;IPv4;gpu01 web;_http._tcp;local;other.local;192.168.1.20;80;"path=/"
=;eth0;IPv6;nas;_smb._tcp;local;nas\\032two.local;fd00::7;445;
=;eth0;IPv4;bad;_x._tcp;local
"""


def test_each_address_has_its_first_name() -> None:
    assert parse_avahi(LINES) == {"192.168.1.20": "gpu01", "fd00::7": "nas two"}


@given(st.text(alphabet="=;\\01ab.\n/", max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_names_without_a_slash(text: str) -> None:
    assert all("/" not in name and name.isprintable() for name in parse_avahi(text).values())
