"""The hours of the day in which the agent may work through what nobody waits for. Pure."""

from __future__ import annotations

import re
import time

ALWAYS = "always"
_DAY = 24 * 60
_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Hours:
    """A stretch of every day in local time, which may go over midnight."""

    def __init__(self, text: str) -> None:
        """*text*: ``20:00-06:00`` or ``always``.

        Raises:
            ValueError: neither; ``str()`` says what is expected.
        """
        self._begin, self._end = 0, _DAY
        if text == ALWAYS:
            return
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"not hours: {text!r} (write for example 20:00-06:00, or {ALWAYS})")
        hour, minute, end_hour, end_minute = (int(group) for group in match.groups())
        self._begin, self._end = hour * 60 + minute, end_hour * 60 + end_minute
        if self._begin == self._end:
            raise ValueError(f"not hours: {text!r} has no length; the whole day is {ALWAYS!r}")

    def wait(self, now: float) -> float:
        """Return seconds from *now* (since 1970) until work is allowed, 0 if it is.

        A change of daylight saving time in between makes it an hour off.
        """
        local = time.localtime(now)
        minute = local.tm_hour * 60 + local.tm_min
        if self._begin <= self._end:
            inside = self._begin <= minute < self._end
        else:
            inside = minute >= self._begin or minute < self._end
        if inside:
            return 0.0
        return ((self._begin - minute) % _DAY) * 60.0 - local.tm_sec
