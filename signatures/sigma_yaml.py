"""Rule files as YAML documents with line numbers: duplicate keys and aliases are refused.

A key that stands twice would silently lose the first one, and aliases can make a small file
expand without bound; neither has a use in a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 512 * 1024
"""A larger rule file is refused."""


class Problem(NamedTuple):
    """What is wrong with a rule, and where. ``str()`` gives ``file:line: text``."""

    file: str
    line: int
    text: str
    rule: str = ""
    """Id of the rule, when it could be read."""

    def __str__(self) -> str:
        """Return one line for an operator."""
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Document:
    """One YAML document, its place and the line of each key of its first two levels."""

    file: str
    line: int
    data: Mapping[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)
    """``detection`` and ``detection.selection`` to line."""

    def at(self, *keys: str) -> int:
        """Return the line of the first of *keys* that exists, or the document's."""
        return next((self.lines[key] for key in keys if key in self.lines), self.line)


def read_documents(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Return the documents in *text* and what is wrong with it. Pure.

    A document that has a problem is not returned.
    """
    if len(text) > MAX_BYTES:
        return [], [Problem(file, 1, f"larger than {MAX_BYTES} bytes")]
    documents: list[Document] = []
    problems: list[Problem] = []
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or _is_empty(node):
                continue
            found = _check(node, file)
            problems += found
            if not found:
                documents.append(_document(loader, node, file))
    except yaml.YAMLError as error:
        problems.append(Problem(file, _line_of(error), _text_of(error)))
    except (ValueError, RecursionError) as error:  # an impossible date; nesting without end
        problems.append(Problem(file, 1, f"cannot be read: {error}"))
    finally:
        loader.dispose()
    return documents, problems


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _document(loader: yaml.CSafeLoader, node: yaml.Node, file: str) -> Document:
    data: dict[str, Any] = loader.construct_document(node)
    lines: dict[str, int] = {}
    for key, value in node.value:
        lines[key.value] = key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode):
            for inner, _ in value.value:
                lines[f"{key.value}.{inner.value}"] = inner.start_mark.line + 1
    return Document(file=file, line=node.start_mark.line + 1, data=data, lines=lines)


def _check(root: yaml.Node, file: str) -> list[Problem]:
    if not isinstance(root, yaml.MappingNode):
        return [Problem(file, root.start_mark.line + 1, "a document must be a mapping")]
    problems: list[Problem] = []
    seen: set[int] = set()
    stack: list[yaml.Node] = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            problems.append(Problem(file, node.start_mark.line + 1, "aliases are not accepted"))
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            problems += _duplicates(node, file)
            stack += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            stack += node.value
    return sorted(problems)


def _duplicates(node: yaml.MappingNode, file: str) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(file, line, "a key must be plain text"))
        elif key.value in first:
            text = f"key {key.value!r} stands here again; first on line {first[key.value]}"
            problems.append(Problem(file, line, text))
        else:
            first[key.value] = line
    return problems


def _line_of(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _text_of(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
