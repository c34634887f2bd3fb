"""Does something on this host stand before a web server? Pure.

Who comes through a proxy or a tunnel comes from this host, whoever it is: a rule that admits
certain addresses then says nothing about strangers (Apache's mod_proxy and nginx's realip
documentation warn of it). A site that answers on loopback alone is there for such a thing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from collectors.exposure.web.model import Directive, Listen, Site

_PASSES = frozenset(
    {
        *("proxy_pass", "proxypass", "proxypassmatch", "balancermember", "reverse_proxy"),
        "grpc_pass",
    }
)
ANY = 0
"""A port that the configuration's reader does not keep (lighttpd's)."""
_PORT = re.compile(r"(?::|\A|\s)(\d{2,5})(?=[/\s\"';|]|\Z)")
_DEPTH = 40


def passed_on_to(sites: Iterable[Site]) -> frozenset[int]:
    """Return the ports to which *sites* hand requests on; one of them may be `ANY`.

    It is 80 or 443 where none is written.
    """
    found: set[int] = set()
    seen: set[int] = set()
    for site in sites:
        for one in (*_all(site.tree, 0), *(() if id(site.outer) in seen else _all(site.outer, 0))):
            found |= _targets(one)
        seen.add(id(site.outer))
    return frozenset(found)


def fronted(listen: Listen, targets: frozenset[int]) -> bool:
    """Say whether requests to *listen* may come from something else on this host."""
    return bool(targets & {listen.port, ANY}) or _only_here(listen.address)


def _targets(one: Directive) -> set[int]:
    if one.name in _PASSES:
        text = " ".join(one.args)
        ports = {int(port) for port in _PORT.findall(text)}
        return ports or {443 if "https://" in text else 80}
    if one.name == "proxy.server":
        return {ANY}
    if one.name == "rewriterule" and len(one.args) > 2 and re.search(r"[\[,]P[,\]]", one.args[2]):
        return {int(port) for port in _PORT.findall(one.args[1])} or {80}
    if one.name == "upstream":
        servers = [" ".join(inner.args) for inner in one.block or () if inner.name == "server"]
        return {int(port) for text in servers for port in _PORT.findall(text)} or {80}
    return set()


def _all(directives: Iterable[Directive], depth: int) -> Iterator[Directive]:
    for one in directives:
        yield one
        if one.block and depth < _DEPTH:
            yield from _all(one.block, depth + 1)


def _only_here(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
