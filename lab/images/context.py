"""Build contexts as values: what an image is made of, its hash, and the tar archive that Docker wants. Pure."""

import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class File:
    """One file of a context."""

    content: bytes
    executable: bool = False


@dataclass(frozen=True)
class Context:
    """A build context: files by their path inside it."""

    files: dict[str, File]

    def key(self, *more: str) -> str:
        """Twelve hex digits that change with any path, content or mode in here, or any of `more`."""
        digest = hashlib.sha256()
        for part in more:
            digest.update(f"{part}\n".encode())
        for path, file in sorted(self.files.items()):
            content = hashlib.sha256(file.content).hexdigest()
            digest.update(f"{path}\0{file.executable}\0{content}\n".encode())
        return digest.hexdigest()[:12]

    def with_folder(self, name: str, folder: Path) -> Self:
        """The same context and, under `name`, the files that lie in `folder`."""
        return type(self)(self.files | {f"{name}/{path}": file for path, file in read_context(folder).files.items()})

    def tar(self) -> bytes:
        """The context as a tar archive: the same bytes for the same context."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, file in sorted(self.files.items()):
                entry = tarfile.TarInfo(path)
                entry.size = len(file.content)
                entry.mode = 0o755 if file.executable else 0o644
                archive.addfile(entry, io.BytesIO(file.content))
        return buffer.getvalue()


def read_context(folder: Path) -> Context:
    """The context in a folder: its files, but not what Python and its tools leave behind (also in hidden folders)."""
    inside = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return Context(
        {
            str(place): File(path.read_bytes(), os.access(path, os.X_OK))
            for place, path in inside.items()
            if not any(part.startswith(".") or part == "__pycache__" for part in place.parts)
        }
    )
