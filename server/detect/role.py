"""The detect process: reads day files, writes alerts. It serves nobody and listens nowhere."""

from __future__ import annotations

import logging
import signal
import sqlite3
import threading
from contextlib import closing
from types import FrameType

from server.alerts.model import Channel
from server.config import ServerConfig
from server.detect.engine import Engine
from server.detect.follower import Follower
from server.detect.rulebook import RulesRefused, load_rules, rule_paths, write_down
from server.detect.runner import CHUNK, Runner
from server.roles import report_ready, reread
from server.store.days import is_damage
from server.store.events import EventStore
from server.store.state import StateStore

POLL = 0.05
"""Seconds between looks at the day files; a look costs some 20 microseconds."""

MAX_PAUSE = 30.0
"""Seconds between tries while a database cannot be used."""

_log = logging.getLogger(__name__)


class _Signals:
    """TERM and INT stop, HUP reloads rules and channels."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._reload)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop.set()

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reload.set()


def run(config: ServerConfig) -> None:
    """Detect until SIGTERM or SIGINT.

    Raises:
        RulesRefused: there is no valid rule to begin with.
        sqlite3.Error: the state database cannot be opened.
    """
    signals = _Signals()
    signals.install()
    rules = load_rules(rule_paths(config.state_dir))
    with (
        closing(StateStore.open(config.state_db)) as state,
        closing(EventStore(config.events_dir)) as events,
    ):
        write_down(state, rules)
        runner = Runner(state, events, Engine(rules))
        runner.set_notices(_channels(config), config.alerts.quiet_period_ns)
        report_ready()
        _follow(config, runner, state, signals)


def _channels(config: ServerConfig) -> list[Channel]:
    return [Channel(item.name, item.min_level) for item in config.notify.channels]


def _follow(config: ServerConfig, runner: Runner, state: StateStore, signals: _Signals) -> None:
    follower = Follower(config.events_dir)
    more = False
    pause = POLL
    while not signals.stop.is_set():
        if signals.reload.is_set():
            signals.reload.clear()
            new = reread(config)
            runner.set_notices(_channels(new), new.alerts.quiet_period_ns)
            reload_rules(config, runner, state)
        try:
            if more or follower.may_have_news():
                more = runner.step() == CHUNK
            pause = POLL
        except sqlite3.Error as error:
            if is_damage(error) and pause > POLL and _past_damage(runner):
                continue
            pause = min(max(pause * 2, 1.0), MAX_PAUSE)
            more = True  # the chunk is still to be read
            _log.error("detection waits %.0f s: %s (is the disk full?)", pause, error)
        if not more or pause > POLL:
            signals.stop.wait(pause)


def _past_damage(runner: Runner) -> bool:
    """Go on behind a damage that was still there at the second look."""
    try:
        return runner.pass_damage()
    except sqlite3.Error:
        return False  # the state database is what is damaged


def reload_rules(config: ServerConfig, runner: Runner, state: StateStore) -> None:
    """Take the rules on disk into force, or keep the set before and say why."""
    try:
        rules = load_rules(rule_paths(config.state_dir), runner.engine.rules)
    except RulesRefused as error:
        _log.error("rules not reloaded: %s", error)
        return
    runner.engine = Engine(rules)
    write_down(state, rules)
