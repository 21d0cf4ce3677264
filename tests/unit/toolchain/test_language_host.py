"""The language host as the CLI sees it: it prints a port, answers, runs programs, and is gone after SIGINT."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
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

CHECKOUT = Path(__file__).parents[3]


class Engine(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """As much of an engine as a program without resources needs; it keeps what is logged."""

    def __init__(self) -> None:
        self.logged: list[str] = []

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
        launcher = "import sys; from toolchain.language_host import server; server.main(sys.argv)"
        self.process = subprocess.Popen(
            [sys.executable, "-c", launcher, self.address],
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


def test_the_exit_status_of_a_program_is_told(host: Host, tmp_path: Path) -> None:
    assert host.run(tmp_path, "import sys; sys.exit(3)").error == "Program exited with non-zero exit code: 3"
    killed = host.run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert killed.error == "Program was ended by signal SIGKILL"


def test_another_virtual_environment_is_used_and_a_missing_one_is_named(host: Host, tmp_path: Path) -> None:
    missing = host.run(tmp_path, "", virtualenv="nowhere")
    assert "nowhere" in missing.error
    assert "toolchain/install venv" in missing.error
    (tmp_path / "other" / "bin").mkdir(parents=True)
    python = tmp_path / "other" / "bin" / "python"
    python.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert host.run(tmp_path, "import sys; sys.exit(5)", virtualenv="other").error.endswith("exit code: 5")
    assert (tmp_path / "used").exists()


def test_the_plugins_are_those_that_the_installed_sdks_want(host: Host) -> None:
    answer = host.stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest())
    assert {package.name for package in answer.packages} == {"command", "docker", "openstack"}
    assert all(package.version for package in answer.packages)


def test_it_ends_on_sigint_without_a_word_or_a_process_left(host: Host) -> None:
    host.stub.Cancel(empty_pb2.Empty())
    out, err = host.stop()
    assert (out, err) == ("", "")
    # A process of the group that is left would be found by a signal that does nothing.
    with pytest.raises(ProcessLookupError):
        os.killpg(host.process.pid, 0)
