"""What agents say in whole sentences, in the reader's language.

An agent speaks English. Its sentences are known here with a ``{name}`` for what varies; one that is
not known (of a newer agent, or what a person wrote) is shown as it came. Pure.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from server.alerts.catalog import N_, translate
from signatures.sigma_facts import PLACEHOLDER

SENTENCES = (
    # A git checkout (collectors.files.deploy.commits).
    N_("{number} files as the index of the checkout has them, HEAD {branch} at {commit}"),
    N_("{number} files as the index of the checkout has them, HEAD {commit}"),
    N_("{number} files as the index of the checkout has them"),
    # A change window (collectors.files.deploy.windows, orders).
    N_("{why}; reason given: {given}"),
    N_("{given}; closed: {closing}"),
    N_("no path was given"),
    N_("more than {number} paths"),
    N_("a window lasts longer than 0 and at most {seconds} s here (max_window in [sensors.files])"),
    N_("a path is too wide: name the directory that is deployed to"),
    N_("a path is not absolute, or not in its plain form"),
    N_("a path holds files of Ronda: these are never announced"),
    N_("a path holds {place} or lies in it: it decides over the whole host"),
    N_("no reason was given"),
    N_("the command was given in the future: the clock was set back"),
    N_("its time was over before the agent took it"),
    N_("{number} windows are open already"),
    N_("a window with this id exists"),
    N_("a request could not be read: {why}"),
    N_("the id is not that of the file"),
    N_("it does not say who gave the command"),
    N_("not a plain file"),
    N_("it belongs to user {number}"),
    N_("it is too large"),
    # Blindness (collectors.files.visibility, agent).
    N_(
        "the record of what the files looked like was damaged or removed and has been made anew;"
        " what changed since the last event before is not known"
    ),
    N_(
        "fs.inotify.max_user_watches is used up: raise it; until then these directories are only"
        " compared at intervals"
    ),
    N_(
        "the agent may not read these directories: give it CAP_DAC_READ_SEARCH or leave them out"
        " with exclude"
    ),
    N_(
        "a file system is not mounted or does not answer; its files count as neither changed nor"
        " deleted"
    ),
    N_(
        "another file system was mounted over this place: what lies below it is hidden and counts"
        " as deleted; what is there now is compared"
    ),
    N_(
        "more changes at once than the kernel keeps: the whole tree is compared; files that came"
        " and went meanwhile are not known"
    ),
    N_(
        "the sensor stood still (suspended, stopped by a signal, paused machine, or the clock was"
        " set); the whole tree has been compared since"
    ),
    N_("the sensor did not run; files that came and went meanwhile are not known"),
    N_(
        "the sensor ended without stopping (killed, power loss); files that came and went"
        " meanwhile are not known"
    ),
    N_("{number} creations and deletions of the same names were too fast to be listed"),
    N_("the agent did not run for {seconds} s: suspended, paused or starved"),
    N_("{sensor} did not take {number} changed files: {why}"),
)
"""The first that fits counts: the ones with more words stand first."""

ABSENT = "-"
_NESTED = "why"
"""A part that is such a sentence itself."""
_LONGEST = 1000
"""Characters; longer text is nobody's sentence."""


def say(text: str, language: str) -> str:
    """Return *text* in *language* where it is a sentence of an agent, else as it is."""
    return _say(text, language, nested=True)


_OPTIONAL = re.compile(r"\[([^\[\]{}]*\{[a-z0-9_]+\}[^\[\]{}]*)\]")


def _if_known(text: str, parts: Mapping[str, str]) -> str:
    return text if all(parts.get(name) for name in PLACEHOLDER.findall(text)) else ""


def fill_rule(sentence: str, parts: Mapping[str, str]) -> str:
    """Do as `fill` with a sentence of a rule.

    What stands there in brackets with a part that is not known is left out:
    ``[, program {process}]``.
    """
    return fill(_OPTIONAL.sub(lambda match: _if_known(match[1], parts), sentence), parts)


def fill(sentence: str, parts: Mapping[str, str]) -> str:
    """Put *parts* into ``{name}``; one that is not known becomes ``-``."""
    return PLACEHOLDER.sub(lambda match: parts.get(match[1]) or ABSENT, sentence)


def _say(text: str, language: str, *, nested: bool) -> str:
    if len(text) > _LONGEST:
        return text
    for sentence in SENTENCES:
        found = _pattern(sentence).fullmatch(text)
        if found is None:
            continue
        parts = found.groupdict()
        if nested and _NESTED in parts:
            parts[_NESTED] = _say(parts[_NESTED], language, nested=False)
        return fill(translate(sentence, language), parts)
    return text


@functools.cache
def _pattern(sentence: str) -> re.Pattern[str]:
    """Return what *sentence* looks like with any words in its places."""
    pieces = []
    position = 0
    for match in PLACEHOLDER.finditer(sentence):
        pieces += [re.escape(sentence[position : match.start()]), f"(?P<{match[1]}>.+?)"]
        position = match.end()
    pieces.append(re.escape(sentence[position:]))
    return re.compile("".join(pieces), re.DOTALL)
