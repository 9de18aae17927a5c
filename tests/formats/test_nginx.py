"""nginx's configuration: what is in force at each location that hands requests on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.nginx import find_includes, parse_nginx, parse_time

MAIN = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/sites-enabled/chat"
CONFIG = """
user www-data; # a comment with ; and {
events { worker_connections 768; }
http {
    proxy_read_timeout 5m;
    upstream engines { server 127.0.0.1:11434; server 127.0.0.1:11435 backup; }
    include /etc/nginx/sites-enabled/*;
}
"""
CHAT = """
server {
    listen 80;
    server_name chat.lan "other name";
    location / {
        proxy_pass http://127.0.0.1:8080;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }
    location ~ ^/api/(chat|generate)$ {
        proxy_buffering off;
        proxy_read_timeout 600;
        proxy_pass http://engines/api;
    }
    location /files { root /srv; }
}
"""


def test_each_location_has_what_is_in_force_there() -> None:
    page, api = parse_nginx(MAIN, {MAIN: CONFIG, SITE: CHAT})
    assert (page.server, page.location, page.upstream) == ("chat.lan", "/", "http://127.0.0.1:8080")
    assert (page.buffering, page.read_timeout_seconds, page.http_version, page.upgrades) == (True, 300.0, "1.1", True)
    assert (page.file, page.line) == (SITE, 6)
    assert (api.location, api.upstream) == ("~ ^/api/(chat|generate)$", "http://127.0.0.1:11434/api")
    assert (api.buffering, api.read_timeout_seconds, api.upgrades) == (False, 600.0, False)


def test_what_nginx_does_without_a_word() -> None:
    (one,) = parse_nginx(MAIN, {MAIN: "http { server { location / { proxy_pass http://a:1; } } }"})
    assert (one.buffering, one.read_timeout_seconds, one.http_version) == (True, 60.0, "1.0")


def test_a_file_that_includes_itself_ends() -> None:
    assert parse_nginx(MAIN, {MAIN: f"http {{ include {MAIN}; }} include {MAIN};", SITE: f"include {SITE};"}) == ()


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5), ("", None), ("soon", None)]
)
def test_times(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds


def test_includes_are_found_with_their_folder() -> None:
    text = "include mime.types;\n  include /etc/x/*.conf;\n# include no;\n"
    assert find_includes(text, "/etc/nginx") == ("/etc/nginx/mime.types", "/etc/x/*.conf")


@given(st.text(alphabet="abc{};\"'# \n\\/.*proxy_pass", max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_an_answer(text: str) -> None:
    assert isinstance(parse_nginx(MAIN, {MAIN: text, SITE: text}), tuple)
