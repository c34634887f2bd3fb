"""A shell that is led over the network.

The first bytes of a stream that no parser knew. The side of the shell greets or prompts as shells
do, or answers commands; the other side sends commands as people type them. Reverse: we opened the
connection and our side is the shell. Bind: the visitor opened it and our side is the shell. Who
works on somebody else's console from here has the sides the other way round and is quiet.
MITRE ATT&CK T1059.004.
"""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from collectors.network.detect.places import written
from collectors.network.model import Direction, Finding, Seen, Stream

_GREETINGS = re.compile(
    rb"cannot set terminal process group|no job control in this shell"
    rb"|can't access tty; job control turned off|Microsoft Windows \[Version \d"
    rb"|(?:^|\n)PS [A-Z]:\\[^\r\n]{0,100}> ?$|Windows PowerShell\r?\nCopyright"
)
_PROMPT = re.compile(
    rb"(?:^|\n)(?:\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]{0,80}\x07)*"
    rb"(?:(?:sh|bash|dash|zsh)-[0-9.]+|[\w.-]{1,40}@[\w.-]{1,60}[: ][^\r\n]{0,80}"
    rb"|\[[^\]\r\n]{1,80}\]|[A-Z]:\\[^\r\n>]{0,80}|\(Meterpreter|)"
    rb"[^\r\nA-Za-z0-9]{0,4}[$#>] ?(?:\x1b\[[0-9;?]*[a-zA-Z])*$"
)
_ANSWER = re.compile(
    rb"uid=\d+\([\w.-]+\) gid=\d+|root:x:0:0:|Linux \S+ \d+\.\d+\.\d+\S* #\d+|total \d+\r?\ndrwx"
    rb"|(?:^|\n)(?:www-data|root|nt authority\\system|iis apppool\\\S+)\r?\n"
)
_COMMAND = re.compile(
    rb"(?:^|\n) ?(?:id|whoami|w|pwd|hostname|ipconfig|systeminfo|ver"
    rb"|(?:sudo )?(?:uname|ls|ll|cd|cat|ps|ifconfig|ip|netstat|ss|find|wget|curl|chmod|export|stty"
    rb"|crontab|history|env|dir|net|type|tasklist|which|sudo|su|rm|mkdir|echo|head|tail|grep|kill)"
    rb" [^\r\n]{1,200}|ls|ps|env|dir|history|netstat|ifconfig|uname"
    rb"|(?:/bin/)?(?:ba|da|z)?sh -i[^\r\n]*|python[23]? -c [^\r\n]+|script [^\r\n]+)\r?(?=\n)"
)


def shell_side(shell: bytes, other: bytes) -> float:
    """Return how much *shell* speaks like a shell that *other* leads, 0 to 1."""
    commands = len(_COMMAND.findall(other))
    if _GREETINGS.search(shell):
        return 1.0 if commands or not other else 0.9
    if not commands:
        return 0.0
    if _ANSWER.search(shell):
        return 0.95
    return 0.85 if _PROMPT.search(shell) and shell.isascii() else 0.0


class Shell:
    """Looks at the shape of unknown streams. Keeps no state."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Stream,)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a stream."""
        if not isinstance(record, Stream):
            return ()
        direction = record.conn.direction
        reverse = bind = 0.0
        if direction is not Direction.INBOUND:
            reverse = shell_side(record.client, record.server)
        if direction is not Direction.OUTBOUND:
            bind = shell_side(record.server, record.client)
        if not reverse and not bind:
            return ()
        return (self._found(record, reverse, bind),)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing."""
        del now
        return ()

    def evicted(self) -> int:
        """Return 0: there is no state."""
        return 0

    @staticmethod
    def _found(record: Stream, reverse: float, bind: float) -> Finding:
        conn = record.conn
        is_reverse = reverse >= bind
        leader = conn.server if is_reverse else conn.client
        return Finding(
            rule="shell.reverse" if is_reverse else "shell.bind",
            at=record.at,
            begin=record.at,
            severity="critical" if max(reverse, bind) >= 0.9 else "high",
            technique="T1059.004",
            source=leader,
            destination=conn.client if is_reverse else conn.server,
            port=conn.server_port,
            direction=conn.direction,
            entity=written(leader),
            count=1,
            score=max(reverse, bind),
            numbers={
                "commands": float(
                    len(_COMMAND.findall(record.server if is_reverse else record.client))
                )
            },
            conn=conn,
        )
