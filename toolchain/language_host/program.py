"""Runs Pulumi programs, in processes forked from one that has imported everything already.

Most of the time of a small preview goes into imports: gRPC, the Pulumi SDK, the SDKs of the providers. So the host
forks before it does anything else (`Zygote`). The fork imports all of that while the CLI is still busy with its own
start, waits for programs, and forks once more for each one. No gRPC channel exists before the last fork, which is what
gRPC asks for. A program that wants another virtual environment runs in that one's Python, where this file is a script.

Each of these processes ends when the one that it works for is gone: the host with the engine, the fork with the host,
the program with either.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import logging
import multiprocessing.connection
import os
import queue
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# What programs of this project import. A module that is not there is the program's affair, should it want it.
PRELOADED = (
    "bcrypt",
    "pulumi",
    "pulumi_command.local",
    "pulumi_command.remote",
    "pulumi_docker",
    "pulumi_openstack",
    "pulumi_openstack.blockstorage",
    "pulumi_openstack.compute",
    "pulumi_openstack.images",
    "pulumi_openstack.networking",
    "pydantic",
    "yaml",
)

# The exit status of a program that failed and has told the engine why, so that nobody needs to say it again.
TOLD = 32


class Zygote:
    """The process that has everything imported. Programs are forked from it, one after the other."""

    def __init__(self) -> None:
        """Forks. To be called before gRPC is imported and before any thread is started."""
        self._control, control = multiprocessing.connection.Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._control.close()
            # The CLI ends a host by SIGINT to its whole process group: not a matter for a traceback.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            try:
                _serve(control)
            finally:
                os._exit(0)
        control.close()

    def run(self, request: dict[str, Any]) -> int:
        """Runs a program and returns its exit status, or the negative number of the signal that ended it."""
        try:
            self._control.send(request)
            status: int = self._control.recv()
        except (EOFError, OSError):
            # The process is gone, and with it the program.
            status = -signal.SIGKILL
        return status

    def stop(self) -> None:
        """Ends the process, and a program that still runs."""
        # To close it would not do: while a thread waits in `run`, the kernel keeps the connection open.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._control.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)
        os.waitpid(self._pid, 0)


def _serve(control: Connection) -> None:
    """Imports everything, then forks a program for each request until the other end of the pipe is closed."""
    # What is imported stays: to look for garbage in it, now or in a program, finds nothing and takes a while.
    gc.disable()
    for module in PRELOADED:
        with contextlib.suppress(ImportError):
            # The SDKs' modules load when something in them is asked for, and not before.
            getattr(importlib.import_module(module), "__all__", None)
    gc.freeze()
    gc.enable()
    zygote = os.getpid()
    while True:
        try:
            request = control.recv()
        except EOFError:
            return
        program = os.fork()
        if program == 0:
            control.close()
            when_gone(zygote, end)
            os._exit(run(request))
        if not _ended(program, control):
            os.kill(program, signal.SIGKILL)
            os.waitpid(program, 0)
            return
        control.send(os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]))


def _ended(program: int, control: Connection) -> bool:
    """Waits until the program has ended (true), or the host has (false)."""
    handle = os.pidfd_open(program)
    try:
        ready, _, _ = select.select([handle, control.fileno()], [], [])
        return handle in ready
    finally:
        os.close(handle)


def when_gone(process: int, then: Callable[[], object]) -> None:
    """Calls `then`, in a thread of its own, as soon as a process has ended."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        then()
        return

    def wait() -> None:
        select.select([handle], [], [])
        then()

    threading.Thread(target=wait, daemon=True).start()


def end() -> None:
    """Ends this process, whatever it is at."""
    os._exit(1)


def run_elsewhere(python: Path, request: dict[str, Any]) -> int:
    """Runs a program with the Python of another virtual environment, and returns its exit status."""
    return subprocess.run(
        [python, __file__], input=json.dumps(request), text=True, check=False, restore_signals=True
    ).returncode


def run(request: dict[str, Any]) -> int:
    """Runs a program in this process and returns its exit status.

    The request has the names of the engine's RunRequest, and `engine`, the address of the engine's log.
    """
    os.environ["PULUMI_CONFIG"] = json.dumps(request["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(request["secret_keys"])
    os.chdir(request["directory"])
    sys.argv = [request["program"], *request["arguments"]]
    # The folder of this file is on the path where it was started as a script.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() not in Path(__file__).resolve().parents]
    for stream in (sys.stdout, sys.stderr):
        # What a program prints shows at once, also when it is ended from outside.
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        status = _run(request)
    except SystemExit as end:
        status = _exit_status(end)
    except BaseException:
        traceback.print_exc()
        status = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    return status


def _run(request: dict[str, Any]) -> int:
    """Runs the program as the SDK's stack; failures go to the engine's log, in the words of the official host."""
    # Late, because the host reads this module before it forks.
    import grpc  # type: ignore[import-untyped]
    import pulumi
    import pulumi.runtime

    config = pulumi.runtime.get_config_env()
    pulumi.runtime.set_all_config(config, pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=request["project"],
            stack=request["stack"],
            organization=request["organization"],
            root_directory=request["root_directory"],
            monitor=request["monitor"],
            engine=request["engine"],
            parallel=request["parallel"],
            dry_run=request["dry_run"],
        )
    )
    debug = DebugMessages(pulumi.runtime.settings.get_engine())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=max(1, request["parallel"]) * 4))
    # A graph that was given up half-way leaves futures that nobody looks at, and asyncio would complain of each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def program() -> None:
        runpy.run_path(request["program"], run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(program))
        return 0
    except pulumi.RunError as problem:
        # A failure with a message for people: no traceback.
        pulumi.log.error(str(problem))
    except grpc.RpcError as problem:
        # The engine is shutting down, and knows why.
        if problem.code() != grpc.StatusCode.UNAVAILABLE:
            pulumi.log.error(traceback.format_exc())
    except Exception:
        pulumi.log.error(traceback.format_exc())
    finally:
        debug.send()
    return TOLD


class DebugMessages:
    """Sends the SDK's debug messages to the engine in bundles, while the program goes on.

    The SDK has five of them for each resource, whether anybody wants them or not, and waits each time until the engine
    has one. For 76 resources the bundles save 0.2 s of the processor.
    """

    INTERVAL = 0.1
    """Seconds between two bundles."""

    def __init__(self, engine: Any) -> None:
        """Puts itself before the `Log` of the SDK's stub; all but debug messages pass at once."""
        from pulumi.runtime.proto import engine_pb2

        self._severity = engine_pb2.DEBUG
        self._log = engine.Log
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sending = threading.Lock()
        engine.Log = self._take
        threading.Thread(target=self._send_for_ever, daemon=True).start()

    def _take(self, request: Any) -> Any:
        if request.severity == self._severity:
            self._waiting.put(request)
            return None
        return self._log(request)

    def _send_for_ever(self) -> None:
        while True:
            time.sleep(self.INTERVAL)
            self.send()

    def send(self) -> None:
        """Sends what has come together; messages about one resource that follow each other become one, line by line."""
        with self._sending:
            bundles: list[Any] = []
            while not self._waiting.empty():
                request = self._waiting.get()
                if bundles and (bundles[-1].urn, bundles[-1].streamId) == (request.urn, request.streamId):
                    bundles[-1].message += "\n" + request.message
                else:
                    bundles.append(request)
            with contextlib.suppress(Exception):
                # An engine that is gone: the program learns it from its own next call.
                for bundle in bundles:
                    self._log(bundle)


def _exit_status(end: SystemExit) -> int:
    """What Python itself makes of a SystemExit."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    print(end.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    when_gone(os.getppid(), end)
    sys.exit(run(json.load(sys.stdin)))
