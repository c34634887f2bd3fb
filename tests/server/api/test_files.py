"""Questions about files over the socket: what is refused, and what the answer holds."""

from __future__ import annotations

from typing import Any

import pytest

from server.api.files import change_view
from server.cli.errors import BadRequest, CliError, NotFound
from server.store.events import NewEvent
from server.store.stored import from_row
from tests.server.api.collector import AGENT, OTHER, T0, Collector, batch, event

HASH = "ab12" * 16


@pytest.mark.parametrize(
    ("address", "query", "words"),
    [
        ("/v1/files/history", {}, "either the file or the token"),
        ("/v1/files/history", {"file": "/a", "token": "a" * 8}, "either the file or the token"),
        ("/v1/files/history", {"file": "etc/passwd"}, "begins with /"),
        ("/v1/files/history", {"file": ""}, "begins with /"),
        ("/v1/files/history", {"file": "/\0"}, "no path"),
        ("/v1/files/history", {"file": "/" + "a" * 5000}, "no path"),
        ("/v1/files/history", {"token": "abc"}, "8 to 32"),
        ("/v1/files/history", {"token": "%" * 8}, "8 to 32"),
        ("/v1/files/history", {"file": "/a", "limit": 0}, "limit"),
        ("/v1/files/where", {}, "8 to 64"),
        ("/v1/files/where", {"sha256": "abcdef1"}, "8 to 64"),
        ("/v1/files/where", {"sha256": "x" * 64}, "8 to 64"),
        ("/v1/files/where", {"sha256": "a" * 65}, "8 to 64"),
        ("/v1/hosts/web1/files", {"under": "www"}, "begins with /"),
    ],
)
def test_what_cannot_be_asked(
    collector: Collector, address: str, query: dict[str, str], words: str
) -> None:
    collector.add_agent()
    with pytest.raises(BadRequest, match=words):
        collector.client.get(address, **query)


def test_nothing_is_an_empty_answer_and_an_unknown_host_is_none(collector: Collector) -> None:
    empty = {"more": False, "stopped": False}
    client = collector.client
    assert client.get("/v1/files/history", file="/a") == {"changes": [], **empty}
    assert client.get("/v1/files/where", sha256=HASH) == {"places": [], **empty}
    with pytest.raises(NotFound):
        client.get("/v1/hosts/web1/files")


def test_a_prefix_of_several_contents_names_them(collector: Collector) -> None:
    other = HASH[:-1] + "0"
    collector.write(
        batch(
            event(1, file__path="/a", event__action="created", file__hash__sha256=HASH),
            event(2, file__path="/b", event__action="created", file__hash__sha256=HASH),
            event(3, file__path="/c", event__action="created", file__hash__sha256=other),
        )
    )
    with pytest.raises(CliError, match=rf"2 contents .*{other} \(1\), {HASH} \(2\)"):
        collector.client.get("/v1/files/where", sha256=HASH[:8])
    found = collector.client.get("/v1/files/where", sha256="SHA256:" + HASH.upper())
    assert [place["path"] for place in found["places"]] == ["/b", "/a"]


def test_whether_a_file_is_still_there(collector: Collector) -> None:
    def there(sequence: int, path: str, action: str = "created", **more: Any) -> NewEvent:
        fields: dict[str, Any] = (
            {"file__hash__sha256": HASH} if action in {"created", "attributes"} else {}
        )
        observed = T0 + sequence * 10**9
        return event(
            sequence, observed=observed, file__path=path, event__action=action, **fields, **more
        )

    collector.add_agent()
    collector.add_agent(OTHER, host="web2", revoked=T0)
    mine = [
        there(1, "/kept"),
        there(2, "/gone"),
        there(3, "/gone", "deleted", ronda__file__previous__sha256=HASH),
        there(4, "/changed"),
        there(5, "/changed", "modified", ronda__file__outcome="unreadable"),
        there(6, "/was", "deleted", ronda__file__previous__sha256=HASH),
    ]
    collector.write(batch(*mine))
    collector.write(batch(there(1, "/revoked"), agent=OTHER))
    places = collector.client.get("/v1/files/where", sha256=HASH[:8])["places"]
    assert {place["path"]: (place["present"], place["end"]) for place in places} == {
        "/kept": ("yes", None),
        "/gone": ("no", "deleted"),
        "/changed": ("no", "modified"),
        "/was": ("no", "deleted"),
        "/revoked": ("unknown", None),
    }
    assert [place["path"] for place in places][:2] == ["/was", "/changed"]
    assert {place["opd"] for place in places} == {"Dinas Kesehatan"}
    (one,) = collector.client.get("/v1/files/where", sha256=HASH, limit=1)["places"]
    assert one["first_seen"] is None


def test_a_host_that_was_enrolled_again_keeps_its_past(collector: Collector) -> None:
    collector.add_agent(OTHER, revoked=T0)
    collector.add_agent()
    collector.write(batch(event(1, file__path="/old", event__action="created"), agent=OTHER))
    collector.write(batch(event(1, file__path="/new", event__action="created")))

    def paths(name: str) -> set[str]:
        found = collector.client.get(f"/v1/hosts/{name}/files", limit=1000)["paths"]
        return {row["path"] for row in found}

    assert paths("web1") == {"/old", "/new"}
    assert paths(AGENT) == {"/new"}
    assert paths(OTHER) == {"/old"}


def test_an_event_of_a_newer_agent_is_shown_as_it_came() -> None:
    fields = '{"file.path":["/a"],"file.uid":3,"ronda.data.types":["nik"],"file.size":"x"}'
    row = (1, "one", 1, 1, T0, T0, "file.magic", 1, "opd", "web1", fields)
    view = change_view(from_row("2026-11-24", row))
    assert view["action"] == "file.magic"
    assert view["path"] == ["/a"]
    assert view["owner"] == "3"
    assert view["detail"] == "None of nik; score None, None"
