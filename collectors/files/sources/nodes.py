"""The watched directories as a tree of names.

The path of a node is spelled by the way up, so that nothing needs rewriting when a directory
moves, and a subtree is found without a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from collectors.files.scope import Scope


class Node:
    """One directory; backends add what they know of it."""

    __slots__ = ("children", "name", "parent")

    def __init__(self, parent: Node | None, name: bytes) -> None:
        """A root's *name* is its full path and its *parent* None."""
        self.parent = parent
        self.name = name
        self.children: dict[bytes, Node] = {}

    def path(self) -> bytes:
        """Return the directory's path as it is now."""
        parts = [self.name]
        node = self.parent
        while node is not None:
            parts.append(node.name)
            node = node.parent
        return b"/".join(reversed(parts)) if parts[-1] != b"/" else b"/" + b"/".join(parts[-2::-1])


N = TypeVar("N", bound=Node)


class Nodes(Generic[N]):
    """The nodes below the roots of a scope."""

    def __init__(self, scope: Scope, make: Callable[[Node | None, bytes], N]) -> None:
        """*make* makes a node, given parent and name."""
        self._scope = scope
        self._make = make
        self._roots = {root: make(None, root) for root in scope.roots}

    def find(self, path: bytes) -> N | None:
        """Return the node of *path*, None where there is none."""
        root = self._scope.root_of(path)
        if root is None:
            return None
        node: Node = self._roots[root]
        for name in _below(path, root):
            child = node.children.get(name)
            if child is None:
                return None
            node = child
        return cast("N", node)

    def make(self, path: bytes) -> N | None:
        """Return the node of *path*, made if need be; None outside the scope."""
        root = self._scope.root_of(path)
        if root is None:
            return None
        node: Node = self._roots[root]
        for name in _below(path, root):
            node = self.child(cast("N", node), name)
        return cast("N", node)

    def child(self, node: N, name: bytes) -> N:
        """Return the node of *name* in *node*, made if need be."""
        child = node.children.get(name)
        if child is None:
            child = node.children[name] = self._make(node, name)
        return cast("N", child)

    def cut(self, path: bytes) -> list[N]:
        """Take the node of *path* and all below out of the tree and return them."""
        node = self.find(path)
        if node is None:
            return []
        gone = list(self.subtree(node))
        if node.parent is not None:
            del node.parent.children[node.name]
        else:  # a root stays: it may come back
            node.children.clear()
        return gone

    @staticmethod
    def subtree(node: N) -> Iterator[N]:
        """Yield *node* and all below."""
        stack: list[Node] = [node]
        while stack:
            each = stack.pop()
            stack.extend(each.children.values())
            yield cast("N", each)


def _below(path: bytes, root: bytes) -> list[bytes]:
    rest = path[len(root) :].strip(b"/")
    return rest.split(b"/") if rest else []


def forget_below(blind: dict[bytes, str], path: bytes) -> None:
    """Take *path* and all below it out of *blind*."""
    for where in [p for p in blind if p == path or p.startswith(path + b"/")]:
        del blind[where]
