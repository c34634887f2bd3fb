"""Loading of Sigma rules: every problem is collected with its file and line, none is silent.

pySigma parses the detection part; the file is read by `sigma_yaml`, because pySigma's own
loader takes five times longer and gives no lines (measured on 3,141 public rules).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signatures.sigma_compile import Compiled, Matcher, Needed, compile_condition
from signatures.sigma_logsource import SIGMA_TO_ECS, Kinds, kinds_of
from signatures.sigma_rule import LEVELS, OurBlock, Rule, RuleSet, read_block
from signatures.sigma_text import Texts
from signatures.sigma_values import Unsupported
from signatures.sigma_yaml import Document, Problem, read_documents

if TYPE_CHECKING:
    from sigma.rule import SigmaRule

EVENT_RULES = Path(__file__).parent / "sigma" / "event"
"""Our own event rules."""

CASES_SUFFIX = ".cases.yml"

_STAGE_OF_STATUS = {"stable": "stable", "test": "test", "experimental": "experimental"}
_NOT_RULES = ("correlation", "filter", "action")
_log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818 - carries a `Problem` to the loop that collects them
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def rule_files(paths: Iterable[Path]) -> list[Path]:
    """Return the rule files in *paths* (files, or folders searched to the bottom), sorted."""
    files: set[Path] = set()
    for path in paths:
        files.update([path] if path.is_file() else path.rglob("*.yml"))
    return sorted(file for file in files if not file.name.endswith(CASES_SUFFIX))


def load_files(paths: Iterable[Path]) -> RuleSet:
    """Load all rules below *paths*. A file that cannot be read is a problem like any other."""
    paths = list(paths)
    problems = [
        Problem(str(path), 1, "no such file or folder") for path in paths if not path.exists()
    ]
    texts: dict[str, str] = {}
    for file in rule_files(path for path in paths if path.exists()):
        try:
            texts[str(file)] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(file), 1, f"cannot be read: {error}"))
    loaded = load_texts(texts)
    return RuleSet(loaded.rules, (*problems, *loaded.problems))


def load_texts(texts: Mapping[str, str]) -> RuleSet:
    """Load rules from *texts* (file name to content). Pure.

    Of two rules with one id the first in order of file names stays.
    """
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    for file, text in sorted(texts.items()):
        documents, found = read_documents(text, file)
        problems += found
        for document in documents:
            try:
                rule = _rule(document)
                if rule.id in rules:
                    raise _Refused(document.at("id"), f"id already used in {rules[rule.id].source}")
            except _Refused as error:
                rule_id = str(document.data.get("id", ""))
                problems.append(Problem(file, error.line, str(error), rule_id))
            else:
                rules[rule.id] = rule
    return RuleSet(tuple(rules.values()), tuple(problems))


def _rule(document: Document) -> Rule:
    parsed = _parse(document)
    if parsed.level is None:
        raise _Refused(document.line, "the rule has no level")
    kinds = _kinds(document, parsed)
    ours = _ours(document)
    compiled = _compile(document, parsed, kinds)
    status = parsed.status.name.lower() if parsed.status else "experimental"
    description = " ".join((parsed.description or "").split())
    return Rule(
        id=str(parsed.id),
        title=" ".join(parsed.title.split()),
        description=description,
        level=LEVELS[parsed.level.value - 1],
        stage=ours.stage or _STAGE_OF_STATUS.get(status, "experimental"),
        version=ours.version,
        entity=ours.entity,
        quiet=ours.quiet,
        summary=ours.summary or description,
        explanation=ours.explanation,
        next_steps=ours.next_steps,
        tags=tuple(str(tag) for tag in parsed.tags),
        falsepositives=tuple(str(text) for text in parsed.falsepositives or ()),
        kinds=kinds,
        match=compiled.match,
        needed=compiled.needed,
        fields=compiled.fields,
        file=document.file,
        line=document.line,
    )


def _parse(document: Document) -> SigmaRule:
    from sigma.exceptions import SigmaError
    from sigma.rule import SigmaRule

    for key in _NOT_RULES:
        if key in document.data:
            raise _Refused(document.at(key), f"{key} documents are not supported here")
    if not isinstance(document.data.get("id"), str):
        raise _Refused(document.at("id"), "id must be a UUID")
    try:
        return SigmaRule.from_dict(dict(document.data))
    except SigmaError as error:
        raise _Refused(document.at(_section(error)), _first_line(error)) from error
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        # pySigma assumes some shapes (a list where a mapping belongs) without checking them.
        raise _Refused(document.line, f"not a Sigma rule: {error}") from error


def _section(error: Exception) -> str:
    """Return the key that an exception class of pySigma is about, by its name."""
    name = type(error).__name__.removeprefix("Sigma").removesuffix("Error").lower()
    sections = {
        "identifier": "id",
        "condition": "detection.condition",
        "falsepositives": "falsepositives",
        "tag": "tags",
    }
    in_detection = ("modifier", "value", "type", "regularexpression", "detection")
    return sections.get(name, "detection" if name in in_detection else name)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _kinds(document: Document, parsed: SigmaRule) -> Kinds:
    source = parsed.logsource
    try:
        return kinds_of(source.product, source.category, source.service)
    except ValueError as error:
        raise _Refused(document.at("logsource"), str(error)) from error


def _ours(document: Document) -> OurBlock:
    try:
        return read_block(document.data.get("ronda"))
    except ValueError as error:
        raise _Refused(document.at("ronda"), str(error)) from error


def _compile(document: Document, parsed: SigmaRule, kinds: Kinds) -> Compiled:
    from sigma.exceptions import SigmaError

    line = document.at("detection")
    try:
        parts = [
            compile_condition(condition.parsed, SIGMA_TO_ECS)
            for condition in parsed.detection.parsed_condition
        ]
    except (SigmaError, Unsupported) as error:
        raise _Refused(line, _first_line(error)) from error
    fields = frozenset().union(*(part.fields for part in parts))
    foreign = sorted(name for name in fields if name[:1].isupper())
    if foreign:
        raise _Refused(line, f"field {foreign[0]!r} has no ECS name here; write the ECS name")
    unused = _unused(document.data["detection"], parsed)
    if unused:
        raise _Refused(document.at(f"detection.{unused}"), f"{unused!r} is not in the condition")
    needed = parts[0].needed if len(parts) == 1 else ()
    needed += tuple(Needed(name, values) for name, values in kinds.implied.items())
    return Compiled(_with_implied(kinds, [part.match for part in parts]), needed, fields)


def _with_implied(kinds: Kinds, alternatives: list[Matcher]) -> Matcher:
    implied = tuple(kinds.implied.items())
    if len(alternatives) == 1 and not implied:
        return alternatives[0]

    def match(view: Texts) -> bool:
        if not all(view[field] in values for field, values in implied):
            return False
        return any(matcher(view) for matcher in alternatives)

    return match


def _unused(detection: Mapping[str, Any], parsed: SigmaRule) -> str:
    """Return a selection that no condition names: its author thinks that it counts."""
    words = " ".join(parsed.detection.condition).replace("(", " ").replace(")", " ").split()
    patterns = [word.split("*")[0] for word in words if word.endswith("*")]
    if "them" in words:
        return ""
    for name in detection:
        if name not in (*words, "condition", "timeframe") and not name.startswith(tuple(patterns)):
            return name
    return ""
