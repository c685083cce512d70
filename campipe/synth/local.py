"""The local engine: shards made by processes of this machine, one thread each, or by this very process."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from campipe.core.errors import CampipeError
from campipe.synth.shards import Job, write_shard

Tick = Callable[[], None]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def make_shards(job: Job, shards: list[int], workers: int, tick: Tick) -> Iterator[dict[str, str]]:
    """Write the given shards and yield SHA-256 by file name for each, as they get done.

    workers   processes; 1: this one
    tick      called after each sample
    """
    if workers == 1 or len(shards) < 2:
        with _one_thread():
            for shard in shards:
                yield write_shard(job, shard, tick)
    else:
        yield from _by_processes(job, shards, min(workers, len(shards)), tick)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _by_processes(job: Job, shards: list[int], workers: int, tick: Tick) -> Iterator[dict[str, str]]:
    # Spawned, not forked: a fork copies locks that other threads of this process may hold.
    context = multiprocessing.get_context("spawn")
    try:
        pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        raise CampipeError(f"several workers need a recipe whose parts lie in an importable module ({problem}); use workers=1") from None
    waiting = list(reversed(shards))
    team: dict[Connection, Any] = {}
    try:
        for _ in range(workers):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(job, there), daemon=True)
            process.start()
            there.close()
            team[here] = process
            here.send(waiting.pop())
        while team:
            for connection in wait(list(team)):
                assert isinstance(connection, Connection)
                done = _hear(connection, team[connection], tick)
                if done is None:
                    continue
                yield done
                if waiting:
                    connection.send(waiting.pop())
                else:
                    connection.close()
                    team.pop(connection)
    finally:
        for connection, process in team.items():
            process.kill()
            process.join()
            connection.close()


def _hear(connection: Connection, process: Any, tick: Tick) -> dict[str, str] | None:
    """Take one message of a worker: a sample done, a shard done (its checksums), or an error, which is raised."""
    try:
        message = connection.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        said = f"a worker process ended with status {process.exitcode}, perhaps for want of memory"
        raise CampipeError(f"{said}; run again to go on") from None
    if isinstance(message, BaseException):
        raise message
    if message is None:
        tick()
    return message


def _work(job: Job, connection: Connection) -> None:
    """A worker: make the shards it is told to, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and ends its workers
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    torch.set_num_threads(1)
    parent = os.getppid()

    def tick() -> None:
        if os.getppid() != parent:
            os._exit(1)  # nobody waits for the rest; another run may be at it already
        connection.send(None)

    try:
        while True:
            connection.send(write_shard(job, connection.recv(), tick))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as problem:  # crosses to the parent, which raises it
        connection.send(_portable(problem))


def _portable(problem: Exception) -> Exception:
    """The error itself if it can go through a pipe, else its words."""
    try:
        pickle.loads(pickle.dumps(problem))
        return problem
    except Exception:
        return RuntimeError(f"{type(problem).__name__}: {problem}")
