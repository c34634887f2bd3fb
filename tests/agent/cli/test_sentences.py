"""What other parts say is found again in the list, with what varies; foreign words stay."""

from __future__ import annotations

import errno
import os

import pytest

from agent.cli.sentences import SENTENCES, sentence, why
from agent.cli.words import Words


@pytest.mark.parametrize("text", ["", "whatever else", "no address at all"])
def test_what_is_not_known_stays(text: str) -> None:
    assert sentence(Words("id"), text) == text


def test_every_sentence_is_found_with_its_parts() -> None:
    english, indonesian = Words("en"), Words("id")
    for one in SENTENCES:
        text = one.format_map(dict.fromkeys(_names(one), "7"))
        assert sentence(english, text) == text
        assert sentence(indonesian, text) != text


def _names(text: str) -> list[str]:
    import string

    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def test_sentences_in_sentences() -> None:
    text = "packet sockets do not work here: Operation not permitted"
    assert sentence(Words("id"), text).endswith(": Tidak diizinkan")


@pytest.mark.parametrize(
    "code", [errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.EEXIST, errno.ENOSPC]
)
def test_errors_of_files(code: int) -> None:
    error = OSError(code, os.strerror(code))
    assert why(Words("en"), error) == os.strerror(code)
    assert why(Words("id"), error) != os.strerror(code)
