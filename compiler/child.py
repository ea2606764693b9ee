"""Work that may end its process, such as native code on a module that is wrong, is done in a child process."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from oxide.dialects.diagnostics import OxideError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# A process of its own, nothing forked: threads of XLA do not survive a fork.
_SPAWN = multiprocessing.get_context("spawn")
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_SHOWN_FRAMES = 4


@dataclass(frozen=True)
class _Running:
    """A process, the pipe of calls and answers, and the pipe into which Python writes where it crashed."""

    process: SpawnProcess
    calls: Connection
    last_words: Connection


class Child(Generic[Arguments, Result]):
    """Calls `work` in a child process, one call after the other; after a crash the next call starts a new one.

    `work`, its arguments and results are pickled.  It may raise OxideError, which is raised here; so is one that
    says how the child ended when it did.
    """

    def __init__(self, work: Callable[Arguments, Result]) -> None:
        self._work = work
        self._running: _Running | None = None

    def __call__(self, *arguments: Arguments.args, **keywords: Arguments.kwargs) -> Result:
        running = self._running = self._running or self._start()
        try:
            running.calls.send((arguments, keywords))
            result, error = running.calls.recv()
        except (EOFError, ConnectionError):
            self._running = None
            raise OxideError(_death(running)) from None
        if error is not None:
            raise error
        return result

    def _start(self) -> _Running:
        calls, their_calls = _SPAWN.Pipe()
        last_words, their_last_words = _SPAWN.Pipe(duplex=False)
        # A daemon ends with this process.
        process = _SPAWN.Process(target=_serve, args=(self._work, their_calls, their_last_words), daemon=True)
        process.start()
        their_calls.close()
        their_last_words.close()
        return _Running(process, calls, last_words)


def _serve(work: Callable, calls: Connection, last_words: Connection) -> None:
    faulthandler.enable(last_words.fileno(), all_threads=False)
    # Ctrl-C reaches the parent, too, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            arguments, keywords = calls.recv()
        except EOFError:
            return
        try:
            answer = (work(*arguments, **keywords), None)
        except OxideError as error:
            answer = (None, error)
        calls.send(answer)


def _death(running: _Running) -> str:
    running.process.join()
    status = running.process.exitcode
    said = os.read(running.last_words.fileno(), 1 << 16).decode(errors="replace")
    running.calls.close()
    running.last_words.close()
    if status is None or status >= 0:
        return f"the process ended with status {status}"
    places = [f"\n  in {name} at {Path(file).name}:{line}" for file, line, name in _FRAME.findall(said)]
    return f"the process crashed ({signal.Signals(-status).name})" + "".join(places[:_SHOWN_FRAMES])
