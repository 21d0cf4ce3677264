"""What the Pulumi CLI starts as `pulumi-language-python`.

It prints a port, serves the language runtime's gRPC there, and ends on SIGINT, on SIGTERM, and when the engine is gone.
"""
# ruff: noqa: N802, ARG002 - the methods' names and arguments are gRPC's

import json
import os
import signal
import sys
import sysconfig
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .program import TOLD, Zygote, run_elsewhere, when_gone

if TYPE_CHECKING:
    from grpc import ServicerContext  # type: ignore[import-untyped]


def main(arguments: list[str]) -> None:
    """Serves until SIGINT or SIGTERM, or until the engine, which started this process, is gone. The last argument is
    the engine's address."""
    starter = os.getppid()
    # The kernel may deliver a signal to one of gRPC's threads, and then nothing wakes a main thread that waits, and no
    # handler in Python runs. The byte that Python itself writes here arrives whichever thread it was.
    done, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    zygote = Zygote()
    # After the fork, which must come before any thread.
    when_gone(starter, lambda: os.write(end, b"."))
    port, stop = _serve(engine=arguments[-1] if len(arguments) > 1 else "", zygote=zygote)
    print(port, flush=True)
    os.read(done, 1)
    stop()
    zygote.stop()
    # Not as Python ends: it would wait for a thread that waits for a program in another virtual environment.
    os._exit(0)


def _stubs() -> tuple[types.ModuleType, types.ModuleType, types.ModuleType]:
    """The gRPC messages and stubs of the SDK, without the SDK.

    Its packages import everything, and this process needs three modules.
    """
    folder = Path(sysconfig.get_path("purelib")) / "pulumi"
    for name, path in {
        "pulumi": folder,
        "pulumi.runtime": folder / "runtime",
        "pulumi.runtime.proto": folder / "runtime" / "proto",
    }.items():
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

    return language_pb2, language_pb2_grpc, plugin_pb2


def _serve(engine: str, zygote: Zygote) -> tuple[int, Any]:
    """Starts the server on a free port of the loopback; returns the port and what stops it."""
    import grpc
    from google.protobuf import json_format  # type: ignore[import-untyped]
    from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]

    messages, stubs, plugin = _stubs()
    one_at_a_time = threading.Lock()

    class Language(stubs.LanguageRuntimeServicer):  # type: ignore[name-defined,misc]
        """The calls that the CLI makes; the names and messages are Pulumi's."""

        def Handshake(self, request: Any, context: "ServicerContext") -> Any:
            return messages.LanguageHandshakeResponse()

        def GetPluginInfo(self, request: Any, context: "ServicerContext") -> Any:
            return plugin.PluginInfo(version=_version("pulumi"))

        def GetRequiredPackages(self, request: Any, context: "ServicerContext") -> Any:
            return messages.GetRequiredPackagesResponse(
                packages=[
                    plugin.PackageDependency(
                        name=found["name"],
                        kind="resource",
                        version=found.get("version", ""),
                        server=found.get("server", ""),
                    )
                    for found in _plugins(Path(sysconfig.get_path("purelib")))
                ]
            )

        def GetProgramDependencies(self, request: Any, context: "ServicerContext") -> Any:
            return messages.GetProgramDependenciesResponse(
                dependencies=[
                    messages.DependencyInfo(name=name, version=version)
                    for name, version in _packages(request.transitiveDependencies)
                ]
            )

        def About(self, request: Any, context: "ServicerContext") -> Any:
            return messages.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

        def InstallDependencies(self, request: Any, context: "ServicerContext") -> Iterator[Any]:
            yield messages.InstallDependenciesResponse(
                stdout=b"The project's Python packages are installed by toolchain/install venv.\n"
            )

        def Cancel(self, request: Any, context: "ServicerContext") -> Any:
            return Empty()

        def Run(self, request: Any, context: "ServicerContext") -> Any:
            options = json_format.MessageToDict(request.info.options)
            root = request.info.root_directory or request.pwd
            program = {
                "project": request.project,
                "stack": request.stack,
                "organization": request.organization or "organization",
                "root_directory": root,
                "monitor": request.monitor_address,
                "engine": engine,
                "parallel": request.parallel,
                "dry_run": request.dryRun,
                "config": dict(request.config),
                "secret_keys": list(request.configSecretKeys),
                "directory": request.pwd,
                "program": request.info.entry_point or request.program or ".",
                "arguments": list(request.args),
            }
            try:
                python = _other_python(options.get("virtualenv"), Path(root))
            except FileNotFoundError as problem:
                return messages.RunResponse(error=str(problem))
            with one_at_a_time:
                status = zygote.run(program) if python is None else run_elsewhere(python, program)
            return messages.RunResponse(error=_complaint(status), bail=status == TOLD)

    server = grpc.server(
        ThreadPoolExecutor(max_workers=4),
        # The SDK's own limit: a resource's state can be large.
        options=[("grpc.max_receive_message_length", 400 * 1024 * 1024)],
    )
    stubs.add_LanguageRuntimeServicer_to_server(Language(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, lambda: server.stop(grace=None)


def _complaint(status: int) -> str:
    """What the engine shows of a program's exit status; nothing where the program has spoken already."""
    if status in (0, TOLD):
        return ""
    if status < 0:
        return f"Program was ended by signal {signal.Signals(-status).name}"
    return f"Program exited with non-zero exit code: {status}"


def _other_python(virtualenv: object, root: Path) -> Path | None:
    """The Python of the virtual environment that Pulumi.yaml asks for, or None where this is it.

    Raises FileNotFoundError where there is no such environment.
    """
    if not virtualenv:
        return None
    folder = root / str(virtualenv)
    python = folder / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(
            f"The 'virtualenv' option in Pulumi.yaml is set to {str(virtualenv)!r}, but {folder} is not "
            "a virtual environment. toolchain/install venv makes it."
        )
    return None if folder.resolve() == Path(sys.prefix).resolve() else python


def _plugins(folder: Path) -> list[dict[str, Any]]:
    """The plugins that the installed SDKs ask for, from the file that each of them carries."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*/pulumi-plugin.json"))]
    return [plugin for plugin in found if plugin.get("resource") and plugin.get("name")]


def _packages(transitive: bool) -> list[tuple[str, str]]:
    """The installed packages and their versions; without the transitive ones, those that no other one requires."""
    import re
    from importlib.metadata import distributions

    installed = {item.name.lower().replace("_", "-"): item for item in distributions()}
    required: set[str] = set()
    if not transitive:
        for item in installed.values():
            for line in item.requires or []:
                if "extra ==" not in line and (name := re.match(r"[\w.-]+", line)):
                    required.add(name[0].lower().replace("_", "-"))
    return sorted((item.name, item.version) for name, item in installed.items() if name not in required)


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
