"""The limits of a container, from its control group (version 1 or 2); outside of one there are none.

A machine's own figures say nothing about a pod: the limits of the group and of every group above it do.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

# version 1 writes "no limit" as the largest multiple of the page size that fits into 63 bits
_UNLIMITED = 2**62


class ControlGroup:
    """The control group of this process. `root` is where the groups are mounted, `membership` says which is ours."""

    def __init__(self, root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> None:
        self._root = root
        self._paths = _membership(membership)

    def memory_limit(self) -> int | None:
        """Return the bytes that may be used, None where there is no limit."""
        limits = self._numbers("", "memory.max") + self._numbers("memory", "memory.limit_in_bytes")
        return min((limit for limit in limits if limit < _UNLIMITED), default=None)

    def memory_used(self) -> int | None:
        """Return the bytes in use, without the reclaimable page cache; None where they are not counted."""
        used = self._numbers("", "memory.current") or self._numbers("memory", "memory.usage_in_bytes")
        if not used:
            return None
        cache = self._stat("", "inactive_file") or self._stat("memory", "total_inactive_file") or 0
        return max(0, used[0] - cache)

    def cpu_limit(self) -> float | None:
        """Return the cores that may be used, None where there is no limit."""
        limits = [quota / period for quota, period in (*self._v2_quotas(), *self._v1_quotas()) if quota > 0]
        return min(limits, default=None)

    def _v2_quotas(self) -> list[tuple[int, int]]:
        pairs = (text.split() for text in self._texts("", "cpu.max"))
        return [(int(quota), int(period)) for quota, period in pairs if quota != "max"]

    def _v1_quotas(self) -> list[tuple[int, int]]:
        quotas, periods = self._numbers("cpu", "cpu.cfs_quota_us"), self._numbers("cpu", "cpu.cfs_period_us")
        return list(zip(quotas, periods, strict=False))

    def _stat(self, controller: str, key: str) -> int | None:
        for text in self._texts(controller, "memory.stat"):
            for line in text.splitlines():
                name, _, value = line.partition(" ")
                if name == key:
                    return int(value)
        return None

    def _numbers(self, controller: str, file: str) -> list[int]:
        texts = (text.strip() for text in self._texts(controller, file))
        return [int(text) for text in texts if text.lstrip("-").isdigit()]

    def _texts(self, controller: str, file: str) -> list[str]:
        """Return the file's text in our group and in each above it, nearest first.

        In a container the path is often the host's and does not exist below our root: then the root is the group.
        """
        path = self._paths.get(controller)
        if path is None:
            return []
        base = self._root / controller
        groups = [base / str(group).lstrip("/") for group in (path, *path.parents)]
        return [text for group in dict.fromkeys(groups) if (text := _read(group / file)) is not None]


def _membership(file: Path) -> dict[str, PurePosixPath]:
    """Return controller to path; version 2 has one line, whose controller is empty."""
    out: dict[str, PurePosixPath] = {}
    for line in (_read(file) or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number.isdigit():
            out |= dict.fromkeys(controllers.split(","), PurePosixPath(path))
    return out


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return None
