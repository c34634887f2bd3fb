"""What must not happen: a worse backend than possible, or one that was not asked for."""

from __future__ import annotations

import errno

import pytest

from collectors.files.dirty import DirtySet
from collectors.files.scope import Scope
from collectors.files.sources import choose as module
from collectors.files.sources import fanotify_api as api
from collectors.files.sources.choose import choose, probe_fanotify
from collectors.files.sources.fanotify_probe import why_not

SCOPE = Scope([b"/srv"], [])


def test_auto_takes_fanotify_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probe_fanotify", lambda: "")
    choice = choose("auto", SCOPE, DirtySet())
    assert (choice.source.name, choice.reason) == ("fanotify", "")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.EMFILE])
def test_auto_takes_inotify_else_and_says_why(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(_flags: int) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(api, "init", refuse)
    choice = choose("auto", SCOPE, DirtySet())
    assert choice.source.name == "inotify"
    assert choice.reason == why_not(OSError(number, "no")) == probe_fanotify()
    with pytest.raises(OSError, match='backend = "fanotify": '):
        choose("fanotify", SCOPE, DirtySet())


@pytest.mark.parametrize("name", ["inotify", "observer"])
def test_what_is_asked_for_is_taken(name: str) -> None:
    assert choose(name, SCOPE, DirtySet()).source.name == name
