"""The language host as the CLI sees it: it prints a port, answers, runs programs, and goes when nobody wants it."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

CHECKOUT = Path(__file__).parents[2]
LAUNCHER = "import sys; from toolchain.language_host import server; server.main(sys.argv)"


class Engine(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """As much of an engine as a program without resources needs; it keeps what is logged."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.debug: list[str] = []

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return resource_pb2.RegisterResourceResponse(urn="urn:pulumi:stack::project::type::name")

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse()

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return engine_pb2.SetRootResourceResponse()

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.severity == engine_pb2.ERROR:
            self.logged.append(request.message)
        if request.severity == engine_pb2.DEBUG:
            self.debug += request.message.split("\n")
        return empty_pb2.Empty()


class Host:
    """A running language host, and the engine that it talks to."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.server = grpc.server(ThreadPoolExecutor(8))
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(self.engine, self.server)
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, self.address],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        port = int(self.process.stdout.readline())
        self.stub = language_pb2_grpc.LanguageRuntimeStub(grpc.insecure_channel(f"127.0.0.1:{port}"))

    def run(self, folder: Path, program: str, **options: str) -> Any:
        (folder / "__main__.py").write_text(textwrap.dedent(program))
        settings = struct_pb2.Struct()
        settings.update(options)
        return self.stub.Run(
            language_pb2.RunRequest(
                project="project",
                monitor_address=self.address,
                stack="stack",
                organization="organization",
                pwd=str(folder),
                parallel=4,
                config={"project:name": "value"},
                info=language_pb2.ProgramInfo(
                    root_directory=str(folder), program_directory=str(folder), entry_point=".", options=settings
                ),
            ),
            timeout=20,
        )

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
        """Ends it as the CLI does, by a signal to the whole group, and returns what was printed."""
        os.killpg(self.process.pid, number)
        return self.process.communicate(timeout=10)


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    yield running
    running.server.stop(None)
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)


def test_a_program_sees_its_settings_and_nothing_it_prints_is_lost(host: Host, tmp_path: Path) -> None:
    answer = host.run(
        tmp_path,
        """
        import os, sys
        import pulumi_openstack
        print(os.environ["PULUMI_CONFIG"], os.getcwd() == sys.path[0])
        print("to stderr", file=sys.stderr)
        sys.exit(0)
        """,
    )
    assert (answer.error, answer.bail) == ("", False)
    out, err = host.stop()
    assert out.split("\n")[0].startswith('{"project:name": "value"}')
    assert "to stderr" in err
    assert "Traceback" not in err


def test_a_failure_is_told_once_and_without_a_traceback_where_it_is_meant_for_people(
    host: Host, tmp_path: Path
) -> None:
    answer = host.run(tmp_path, "import pulumi; raise pulumi.RunError('what is wrong')")
    assert (answer.error, answer.bail) == ("", True)
    assert host.engine.logged == ["what is wrong"]
    answer = host.run(tmp_path, "raise ValueError('a mistake')")
    assert (answer.error, answer.bail) == ("", True)
    assert "ValueError: a mistake" in host.engine.logged[1]
    assert "__main__.py" in host.engine.logged[1]


def test_debug_messages_arrive_all_of_them_and_in_order(host: Host, tmp_path: Path) -> None:
    host.run(
        tmp_path,
        """
        import pulumi
        for number in range(100):
            pulumi.log.debug(f"message {number}")
        raise pulumi.RunError("also of a program that fails")
        """,
    )
    assert [line for line in host.engine.debug if line.startswith("message")] == [f"message {n}" for n in range(100)]


def test_an_output_that_fails_ends_the_program_though_another_takes_long(host: Host, tmp_path: Path) -> None:
    program = """
        import asyncio, pulumi
        async def fail():
            raise pulumi.RunError("this output failed")
        pulumi.Output.from_input(asyncio.sleep(600))
        pulumi.Output.from_input(fail())
        """
    host.run(tmp_path, program)
    assert host.engine.logged == ["this output failed"]


def test_the_exit_status_of_a_program_is_told(host: Host, tmp_path: Path) -> None:
    assert host.run(tmp_path, "import sys; sys.exit(3)").error == "Program exited with non-zero exit code: 3"
    killed = host.run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert killed.error == "Program was ended by signal SIGKILL"


def test_another_virtual_environment_is_used_and_a_missing_one_is_named(host: Host, tmp_path: Path) -> None:
    missing = host.run(tmp_path, "", virtualenv="nowhere")
    assert "nowhere" in missing.error
    assert "toolchain/install venv" in missing.error
    other = other_environment(tmp_path)
    assert host.run(tmp_path, "import sys; sys.exit(5)", virtualenv=other).error.endswith("exit code: 5")
    assert (tmp_path / "used").exists()


def other_environment(folder: Path) -> str:
    """Makes a virtual environment, as far as the host looks, that leaves a file `used`; returns its name."""
    python = folder / "other" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\ntouch {folder}/used\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return "other"


def test_the_plugins_are_those_that_the_installed_sdks_want(host: Host) -> None:
    answer = host.stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest())
    assert {package.name for package in answer.packages} == {"command", "docker", "openstack"}
    assert all(package.version for package in answer.packages)


def test_it_ends_on_sigint_without_a_word_or_a_process_left(host: Host) -> None:
    host.stub.Cancel(empty_pb2.Empty())
    out, err = host.stop()
    assert (out, err) == ("", "")
    assert_nothing_is_left(host.process.pid)


ENDLESS = "import os, time; open('started', 'w').write(str(os.getpid())); time.sleep(600)"
"""A program that is never done; it tells its process id."""


def start_endless(host: Host, folder: Path, **options: str) -> None:
    """Starts it and returns when it runs."""

    def run() -> None:
        # No answer comes.
        with contextlib.suppress(grpc.RpcError):
            host.run(folder, ENDLESS, **options)

    threading.Thread(target=run).start()
    wait_until(lambda: (folder / "started").exists() and (folder / "started").read_text() != "", "the program to start")


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline, f"waited 15 s for {what}"
        time.sleep(0.02)


def assert_nothing_is_left(group: int) -> None:
    """Nothing of a process group runs; that of a host are the host, its fork and the program."""

    def gone() -> bool:
        states = [path.read_text().rsplit(")", 1)[1].split() for path in Path("/proc").glob("[0-9]*/stat")]
        return not [state for state in states if int(state[2]) == group and state[0] != "Z"]

    def settled() -> bool:
        # Processes come and go while /proc is read.
        with contextlib.suppress(OSError):
            return gone()
        return False

    wait_until(settled, f"process group {group} to be gone")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_it_ends_on_sigterm_and_takes_a_running_program_along(host: Host, tmp_path: Path, elsewhere: bool) -> None:
    options = {"virtualenv": other_environment(tmp_path)} if elsewhere else {}
    start_endless(host, tmp_path, **options)
    host.process.terminate()
    assert host.process.wait(timeout=10) == 0
    assert_nothing_is_left(host.process.pid)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_program_ends_when_its_host_was_killed(host: Host, tmp_path: Path, elsewhere: bool) -> None:
    options = {"virtualenv": other_environment(tmp_path)} if elsewhere else {}
    start_endless(host, tmp_path, **options)
    host.process.kill()
    assert_nothing_is_left(host.process.pid)


def test_it_ends_when_the_engine_was_killed_and_could_not_say_so() -> None:
    # The engine is a process that starts a host and sleeps; the host gets a process group of its own.
    engine = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, time; print(subprocess.Popen({[sys.executable, '-c', LAUNCHER, '127.0.0.1:1']!r},"
            " start_new_session=True).pid, flush=True); time.sleep(600)",
        ],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    host, port = int(engine.stdout.readline()), int(engine.stdout.readline())
    assert port
    engine.kill()
    engine.wait()
    assert_nothing_is_left(host)
