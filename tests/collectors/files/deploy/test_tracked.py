"""What must not happen: a name counts as git's that its index never had."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collectors.files.deploy.checkout import Reader
from collectors.files.deploy.tracked import WIDTH, Tracked, _holds
from tests.collectors.files.deploy.test_commits import Site, git


@given(st.sets(st.binary(min_size=WIDTH, max_size=WIDTH)), st.binary(min_size=8, max_size=8))
def test_as_a_set(names: set[bytes], other: bytes) -> None:
    joined = b"".join(sorted(names))
    assert all(_holds(joined, name) for name in names)
    assert _holds(joined, other) == (other in names)


def test_the_last_two_states_of_an_index(tmp_path: Path) -> None:
    site = Site(tmp_path)
    work = site.clone()
    (work / "stranger").write_text("x")
    reader = Reader()
    try:
        checkout = reader.find(os.fsencode(work))
        assert checkout is not None
        tracked = Tracked(reader)

        def had(name: str) -> bool:
            return tracked.had(checkout, os.fsencode(work / name))

        assert not had("page0.php")
        lock = work / ".git/index.lock"
        lock.write_text("")
        tracked.note(checkout)
        assert not tracked.knows(checkout)
        lock.unlink()
        tracked.note(checkout)
        assert tracked.knows(checkout)
        assert had("page4.php")
        assert had("lib/deep/util.php")
        assert had("lib/deep")
        assert had("lib")
        assert not had("stranger")
        assert not had("lib/deep/util")
        git(work, "rm", "-q", "page4.php")
        tracked.note(checkout)
        assert had("page4.php")
        git(work, "rm", "-q", "page3.php")
        tracked.note(checkout)
        assert had("page3.php")
        assert not had("page4.php")
    finally:
        reader.close()
