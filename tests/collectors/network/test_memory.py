"""What must not happen: the process is told to keep memory and the program does not start."""

from __future__ import annotations

import gc
import subprocess
import sys

from collectors.network import memory
from collectors.network.model import Conn, Flow


def test_memory_is_kept_where_the_allocator_can() -> None:
    code = "from collectors.network import memory; print(memory.keep())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"True", "False"}


def test_records_are_not_looked_through_for_circles() -> None:
    conn = Conn(key=1, proto=6, client=b"1234", client_port=1, server=b"1235", server_port=2)
    assert not gc.is_tracked(conn)
    assert not gc.is_tracked(Flow(conn=conn, begin=1, last=2))


def test_what_is_loaded_at_the_start_is_passed_by() -> None:
    code = """
import gc
from collectors.network import memory
memory.settle()
print(gc.get_freeze_count() > 1000, gc.isenabled())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_a_larger_heap_takes_no_memory_before_it_is_used() -> None:
    code = """
import resource
from collectors.network import memory
memory.keep()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(memory.enlarge(24 << 20), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told, grown = done.stdout.split()
    assert told in {"True", "False"}
    assert int(grown) < 8 << 10


def test_memory_is_given_back_when_a_burst_is_over() -> None:
    tidy = memory.Tidy()
    assert not tidy.due(10, 0, 0.0), "there is nothing to give back"
    assert not tidy.due(1_000_000, 0, 1.0), "it goes on"
    assert tidy.due(1_000_010, 0, 2.0)
    assert not tidy.due(1_000_020, 0, 100.0), "that was done"
    assert not tidy.due(2_000_000, 0, 101.0)
    assert tidy.due(2_000_001, 0, 102.0)
    tidy.due(3_000_000, 0, 103.0)
    assert not tidy.due(3_000_001, 0, 104.0), "not all the time"
    assert tidy.due(3_000_001, 0, 123.0)


def test_memory_is_given_back_when_many_conversations_are_over() -> None:
    tidy = memory.Tidy()
    assert not tidy.due(1_000_000, 50_000, 1.0)
    assert tidy.due(1_000_001, 50_000, 2.0), "the packets are over"
    assert not tidy.due(1_000_002, 49_900, 100.0), "they are still under way"
    assert tidy.due(1_000_003, 300, 200.0)
    assert not tidy.due(1_000_004, 0, 300.0), "that was done"
