"""The resources of the container: its limits where it has some, else the figures of the machine.

Nothing that identifies the machine leaves: no names, addresses, mounts, users, command lines or kernel build.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable
from typing import ClassVar, Literal

import psutil
from pydantic import Field
from toolgate_core.jsontext import JsonObject, JsonValue

from toolgate_tool_executor.cgroup import ControlGroup
from toolgate_tool_executor.tools.base import KIB, Arguments, Tool

Section = Literal["cpu", "memory", "disk", "runtime"]
_SAMPLE_S = 0.05


class SystemInfoArguments(Arguments):
    """The arguments of system_info."""

    sections: list[Section] = Field(
        default=["cpu", "memory", "disk", "runtime"],
        min_length=1,
        max_length=4,
        description="What to tell: cpu, memory, disk, runtime. All of them by default.",
        examples=[["cpu", "memory"]],
    )


class SystemInfo(Tool[SystemInfoArguments]):
    """Reports cores, memory, disk and runtime. `group` is what this container can use."""

    name: ClassVar[str] = "system_info"
    description: ClassVar[str] = (
        "Tell the state of the system that runs the tools: CPU cores and load, memory, disk space, runtime and uptime."
    )
    arguments: ClassVar[type[Arguments]] = SystemInfoArguments
    timeout_s: ClassVar[float] = 2.0
    max_output_bytes: ClassVar[int] = 2 * KIB

    def __init__(self, group: ControlGroup | None = None) -> None:
        self._group = group

    async def run(self, arguments: SystemInfoArguments) -> JsonValue:
        """Return one object per section."""
        return await asyncio.to_thread(self._tell, arguments.sections)

    def _tell(self, sections: list[Section]) -> JsonObject:
        group = self._group or ControlGroup()
        return {section: _SECTIONS[section](group) for section in dict.fromkeys(sections)}


def _cpu(group: ControlGroup) -> JsonObject:
    visible = len(psutil.Process().cpu_affinity() or ()) or psutil.cpu_count() or 1
    limit = group.cpu_limit()
    return {
        "cores": visible if limit is None else min(float(visible), round(limit, 2)),
        "used_percent": psutil.cpu_percent(interval=_SAMPLE_S),
    }


def _memory(group: ControlGroup) -> JsonObject:
    machine = psutil.virtual_memory()
    limit, used = group.memory_limit(), group.memory_used()
    if limit is None or used is None or limit >= machine.total:
        total, taken = machine.total, machine.total - machine.available
    else:
        total, taken = limit, min(used, limit)
    return _space(total, taken)


def _disk(_group: ControlGroup) -> JsonObject:
    usage = psutil.disk_usage("/")
    return _space(usage.used + usage.free, usage.used)  # without what is reserved for the superuser


def _runtime(_group: ControlGroup) -> JsonObject:
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "uptime_seconds": int(time.time() - psutil.Process().create_time()),
    }


def _space(total: int, used: int) -> JsonObject:
    return {
        "total_bytes": total,
        "used_bytes": used,
        "free_bytes": total - used,
        "used_percent": round(100 * used / total, 1) if total else 0.0,
    }


_SECTIONS: dict[Section, Callable[[ControlGroup], JsonObject]] = {
    "cpu": _cpu,
    "memory": _memory,
    "disk": _disk,
    "runtime": _runtime,
}
