"""A web server that a proxy on this host stands before is never taken for one that faces people."""

from __future__ import annotations

import pytest

from collectors.exposure.web.fronts import ANY, fronted, passed_on_to
from collectors.exposure.web.model import Directive, Listen, Site


def _site(*lines: Directive) -> Site:
    return Site(server="nginx", tree=lines)


def _line(name: str, *args: str, block: tuple[Directive, ...] | None = None) -> Directive:
    return Directive(name, args, block, "f", 1)


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        (_line("root", "/srv/8080"), set()),
        (_line("fastcgi_pass", "127.0.0.1:9000"), set()),
        (_line("proxy_pass", "http://127.0.0.1:8080/a"), {8080}),
        (_line("proxy_pass", "http://127.0.0.1"), {80}),
        (_line("proxy_pass", "https://localhost/"), {443}),
        (_line("proxypass", "/", "http://localhost:8081/"), {8081}),
        (_line("proxypassmatch", "^/a", "http://[::1]:8082/"), {8082}),
        (_line("reverse_proxy", "/api/*", "localhost:9001"), {9001}),
        (_line("rewriterule", "^", "http://127.0.0.1:81/$1", "[P,L]"), {81}),
        (_line("rewriterule", "^", "http://127.0.0.1:81/$1", "[L]"), set()),
        (_line("upstream", "b", block=(_line("server", "127.0.0.1:8083", "weight=5"),)), {8083}),
        (_line("location", "/", block=(_line("proxy_pass", "http://a:8084"),)), {8084}),
    ],
)
def test_where_requests_are_handed_on(line: Directive, ports: set[int]) -> None:
    assert passed_on_to([_site(line)]) == ports
    assert passed_on_to([Site(server="apache", outer=(line,))]) == ports


def test_who_is_behind_something() -> None:
    for listen in (Listen(80), Listen(80, False, "203.0.113.4"), Listen(8080, False, "web.test")):
        assert not fronted(listen, frozenset({81}))
    for listen in (Listen(81), Listen(80, False, "127.0.0.1"), Listen(80, False, "[::1]")):
        assert fronted(listen, frozenset({81}))
    assert fronted(Listen(80, False, "localhost"), frozenset())
    assert fronted(Listen(80), frozenset({ANY}))
