"""State with a limit: the oldest is forgotten for want of room, and counted.

Two dictionaries take the place of a linked list: what is used moves to the young one, and when
that holds half of the limit it becomes the old one, whose rest is forgotten. A hit costs one
look-up; order within a half is not kept, which no detector needs.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[K, V]):
    """At most *limit* keys; a value is never None."""

    __slots__ = ("_half", "_old", "_young", "evicted")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self.evicted = 0

    def get(self, key: K) -> V | None:
        """Return the value and keep it young."""
        value = self._young.get(key)
        if value is None and self._old:
            value = self._old.pop(key, None)
            if value is not None:
                self._put(key, value)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        if key in self._young:
            self._young[key] = value
        else:
            self._old.pop(key, None)
            self._put(key, value)

    def _put(self, key: K, value: V) -> None:
        if len(self._young) >= self._half:
            self.evicted += len(self._old)
            self._old, self._young = self._young, {}
        self._young[key] = value

    def pop(self, key: K) -> V | None:
        """Forget *key*; that is no eviction."""
        value = self._young.pop(key, None)
        return self._old.pop(key, None) if value is None else value

    def items(self) -> list[tuple[K, V]]:
        """Return all, oldest half first."""
        return [*self._old.items(), *self._young.items()]

    def clear(self) -> None:
        """Forget everything; that is no eviction."""
        self._young = {}
        self._old = {}

    def __contains__(self, key: K) -> bool:
        return key in self._young or key in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
