"""What runs inside of the sandbox that TOYBOX's image is started in: its database's door, its Redis, the web process,
and the health check until it passes.

The plan comes on standard input (keeper/image_start.py), the answer goes to standard output, and the words of all
processes to standard error. When this ends, all of them do.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAUSE = 1.0
"""Seconds between two health checks."""
SERVICES = 30
"""Seconds for the services to listen."""


def listens(port: int) -> bool:
    """Return whether a connection to a port of this network is accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def start(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a process that writes to standard error."""
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr)


def services(plan: Mapping[str, Any]) -> str:
    """Start the services, wait until they listen, and return "", or why that was in vain."""
    running = [start(each["words"]) for each in plan["services"]]
    end = time.monotonic() + SERVICES
    for each, process in zip(plan["services"], running, strict=True):
        while not listens(each["port"]):
            if process.poll() is not None or time.monotonic() > end:
                return f"{each['name']} does not listen on port {each['port']}"
            time.sleep(0.05)
    return ""


def healthy(plan: Mapping[str, Any]) -> str:
    """Start the web process, try the health check until it passes, and return "", or why it does not."""
    web = start(plan["web"])
    end = time.monotonic() + plan["seconds"]
    while True:
        said = checked(plan["health"], plan["timeout"])
        if web.poll() is not None:
            return f"the web process ended with status {web.returncode}"
        if not said:
            return ""
        if time.monotonic() > end:
            return f"no health check passed within {plan['seconds']} s; the last one said: {said}"
        time.sleep(PAUSE)


def checked(words: Sequence[str], seconds: float) -> str:
    """Return "" if a health check passes, else the last thing that it said."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"nothing, for {seconds} s"
    if not done.returncode:
        return ""
    lines = (done.stderr + b"\n" + done.stdout).decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), f"status {done.returncode}")


def main() -> None:
    """Carry out the plan."""
    # where memory runs short, the kernel ends this, and not the receiver of WAL
    Path("/proc/self/oom_score_adj").write_text("1000")
    plan = json.load(sys.stdin)
    print(json.dumps({"why": services(plan) or healthy(plan)}))


if __name__ == "__main__":
    main()
