"""YARA rules: where they lie, how their tables are expanded, how they are compiled.

The rules of one family are one file of compiled rules. ``yara`` is imported only inside functions.
"""

from __future__ import annotations

import functools
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from signatures.identifiers import card
from signatures.identifiers.nip import BORN
from signatures.identifiers.regions import districts

ROOT = os.path.join(os.path.dirname(__file__), "yara")
_TABLE = re.compile(r"\{([a-z_]+)\}")


class RuleError(ValueError):
    """A rule file is wrong; ``str()`` begins with ``FILE:LINE:``."""


class Rules(Protocol):
    """Compiled rules: the part of ``yara.Rules`` that we use."""

    def match(self, *, data: bytes, fast: bool, timeout: int) -> list[Any]:
        """Return one object with ``.rule`` for each rule that matches."""


class Source(NamedTuple):
    """One rule file."""

    family: str
    path: str
    text: str
    """As written, tables not expanded."""


def families() -> list[str]:
    """Return the names of the rule families."""
    return sorted(name for name in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, name)))


def sources(family: str) -> list[Source]:
    """Return the rule files of *family*, those that others refer to first."""
    folder = os.path.join(ROOT, family)
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".yar"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                found.append(Source(family, path, file.read()))
    return sorted(found, key=_references)


def _references(source: Source) -> int:
    # kk refers to nik; YARA wants the other rule first.
    return int(os.path.basename(source.path) == "kk.yar")


@functools.cache
def tables() -> Mapping[str, tuple[str, ...]]:
    """Return what ``{name}`` in a string's line stands for."""
    return {
        "regency": tuple(districts()),
        "birth_year": tuple(str(year) for year in BORN),
        "issuer": tuple(_three_digits(card.PREFIXES)),
        "amex": tuple(_three_digits(card.AMEX)),
    }


def _three_digits(prefixes: tuple[str, ...]) -> list[str]:
    wanted: set[str] = set()
    for start in {prefix[:3] for prefix in prefixes}:
        missing = 3 - len(start)
        wanted |= {f"{start}{end:0{missing}d}" if missing else start for end in range(10**missing)}
    return sorted(wanted)


def expand(source: Source) -> str:
    """Return the rule text with one line for each entry of the tables it names.

    Raises:
        RuleError: an unknown table.
    """
    known = tables()
    lines: list[str] = []
    for number, line in enumerate(source.text.splitlines(), 1):
        names = set(_TABLE.findall(line)) if line.lstrip().startswith("$") else set()
        if not names:
            lines.append(line)
            continue
        if len(names) > 1 or not names <= set(known):
            raise RuleError(f"{source.path}:{number}: one known table in a line, not {names}")
        name = names.pop()
        lines += [line.replace(f"{{{name}}}", entry) for entry in known[name]]
    return "\n".join(lines) + "\n"


def _engine() -> Any:
    import yara  # type: ignore[import-not-found]  # an extension module without stubs

    return yara


def _small(compiled: Any) -> Rules:
    """Return the same rules in their saved form, which takes a fiftieth of the memory."""
    saved = io.BytesIO()
    compiled.save(file=saved)
    saved.seek(0)
    return cast("Rules", _engine().load(file=saved))


def compile_family(*names: str) -> Rules:
    """Compile the rules of one family or of several together.

    Raises:
        RuleError: YARA refuses one, or a family has no rule at all.
    """
    yara = _engine()
    files: list[Source] = []
    for name in names:
        found = sources(name)
        if not found:
            raise RuleError(f"{os.path.join(ROOT, name)}:1: no rules")
        files += found
    try:
        return _small(yara.compile(source="".join(expand(source) for source in files)))
    except yara.Error as error:
        raise RuleError(f"{files[0].path}:1: {error}") from error


def compile_words(dictionaries: Mapping[str, Sequence[str]]) -> Rules:
    """Compile one rule for each dictionary: its words, whole and in any case.

    Raises:
        RuleError: YARA refuses one.
    """
    yara = _engine()
    rules = []
    for name, words in dictionaries.items():
        strings = "".join(
            f"        $w{number} = {{ {_alternatives(word)} }}\n"
            if not word.isascii()
            else f'        $w{number} = "{_escaped(word)}" nocase fullword\n'
            for number, word in enumerate(words)
        )
        rules.append(
            f"rule {name}\n{{\n    strings:\n{strings}    condition:\n        any of them\n}}\n"
        )
    try:
        return _small(yara.compile(source="".join(rules)))
    except yara.Error as error:
        raise RuleError(f"words:1: {error}") from error


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


def _alternatives(word: str) -> str:
    """Return the bytes of *word* as written, in small letters and in capitals."""
    forms = dict.fromkeys((word, word.lower(), word.upper(), word.title(), word.capitalize()))
    return "( " + " | ".join(form.encode().hex(" ") for form in forms) + " )"


def places(rules: Rules, data: bytes, timeout: int = 60) -> dict[str, list[tuple[int, int]]]:
    """Return rule to begins and ends of its strings in *data*. *timeout* is in seconds.

    Raises:
        TimeoutError: YARA did not finish.
    """
    yara = _engine()
    try:
        found = rules.match(data=data, fast=False, timeout=timeout)
    except yara.TimeoutError as error:
        raise TimeoutError(f"YARA needed more than {timeout} s") from error
    return {
        match.rule: sorted(
            (instance.offset, instance.offset + instance.matched_length)
            for string in match.strings
            for instance in string.instances
        )
        for match in found
    }


def hits(rules: Rules, data: bytes, timeout: int = 60) -> set[str]:
    """Return the names of the rules that *data* matches. *timeout* is in seconds.

    Raises:
        TimeoutError: YARA did not finish.
    """
    yara = _engine()
    try:
        return {match.rule for match in rules.match(data=data, fast=True, timeout=timeout)}
    except yara.TimeoutError as error:
        raise TimeoutError(f"YARA needed more than {timeout} s") from error
