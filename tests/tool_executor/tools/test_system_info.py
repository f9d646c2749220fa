"""system_info: the container's limits where there are some, and nothing that identifies the machine."""

from __future__ import annotations

import getpass
import platform
import socket
from pathlib import Path

import psutil
import pytest
from toolgate_tool_executor.cgroup import ControlGroup
from toolgate_tool_executor.tools.system_info import SystemInfo

from tests.tool_executor.running import run

MIB = 1024 * 1024


def group_of(root: Path, membership: str, files: dict[str, str]) -> ControlGroup:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "membership").write_text(membership)
    return ControlGroup(root, root / "membership")


async def test_every_section_is_reported_by_default() -> None:
    report = (await run(SystemInfo())).structured
    assert isinstance(report, dict)
    assert list(report) == ["cpu", "memory", "disk", "runtime"]


async def test_only_what_was_asked_is_reported_once() -> None:
    report = (await run(SystemInfo(), sections=["memory", "cpu", "memory"])).structured
    assert isinstance(report, dict)
    assert list(report) == ["memory", "cpu"]


@pytest.mark.parametrize("sections", [[], ["network"], "cpu", ["cpu"] * 5, [["cpu"]]])
async def test_sections_that_do_not_exist_are_refused(sections: object) -> None:
    assert (await run(SystemInfo(), sections=sections)).error is not None


async def test_pods_limits_are_reported_under_cgroup_v2(tmp_path: Path) -> None:
    files = {
        "memory.max": f"{64 * MIB}\n",
        "memory.current": f"{48 * MIB}\n",
        "memory.stat": f"anon 1\ninactive_file {16 * MIB}\n",
        "cpu.max": "50000 100000\n",
    }
    report = (await run(SystemInfo(group_of(tmp_path, "0::/\n", files)), sections=["cpu", "memory"])).structured
    assert isinstance(report, dict)
    assert report["memory"] == {
        "total_bytes": 64 * MIB,
        "used_bytes": 32 * MIB,
        "free_bytes": 32 * MIB,
        "used_percent": 50.0,
    }
    assert report["cpu"]["cores"] == 0.5  # type: ignore[index, call-overload]


async def test_pods_limits_are_reported_under_cgroup_v1(tmp_path: Path) -> None:
    files = {
        "memory/pod/memory.limit_in_bytes": f"{64 * MIB}\n",
        "memory/pod/memory.usage_in_bytes": f"{32 * MIB}\n",
        "cpu/cpu.cfs_quota_us": "150000\n",
        "cpu/cpu.cfs_period_us": "100000\n",
    }
    group = group_of(tmp_path, "5:memory:/pod\n4:cpu,cpuacct:/elsewhere\n1:name=systemd:/\n", files)
    assert (group.memory_limit(), group.memory_used(), group.cpu_limit()) == (64 * MIB, 32 * MIB, 1.5)


def test_tightest_limit_of_the_groups_above_holds(tmp_path: Path) -> None:
    files = {
        "memory.max": "max\n",
        "a/memory.max": f"{64 * MIB}\n",
        "a/b/memory.max": f"{128 * MIB}\n",
        "a/cpu.max": "max 100000\n",
        "a/b/cpu.max": "25000 100000\n",
    }
    group = group_of(tmp_path, "0::/a/b\n", files)
    assert (group.memory_limit(), group.cpu_limit(), group.memory_used()) == (64 * MIB, 0.25, None)


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("", {}),
        ("garbage\n::::\n", {"memory.max": "max\n"}),
        ("0::/\n", {"memory.max": "max\n", "cpu.max": "max 100000\n"}),
        ("0::/gone\n", {}),
        ("4:memory:/\n2:cpu:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n",
                                   "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}),
    ],
)  # fmt: skip
def test_no_limit_is_none(tmp_path: Path, membership: str, files: dict[str, str]) -> None:
    group = group_of(tmp_path, membership, files)
    assert (group.memory_limit(), group.cpu_limit()) == (None, None)


async def test_without_limits_the_machine_is_reported(tmp_path: Path) -> None:
    report = (await run(SystemInfo(group_of(tmp_path, "", {})), sections=["memory"])).structured
    assert isinstance(report, dict)
    assert report["memory"]["total_bytes"] == psutil.virtual_memory().total  # type: ignore[index, call-overload]


async def test_nothing_that_identifies_the_machine_is_reported() -> None:
    outcome = await run(SystemInfo())
    secrets = {socket.gethostname(), platform.version(), platform.release(), platform.node(), str(Path.home()), "127.0"}
    addresses = {a.address for group in psutil.net_if_addrs().values() for a in group}
    mounts = {part.mountpoint for part in psutil.disk_partitions(all=True)} - {"/"}
    words = (secrets | addresses | mounts | {getpass.getuser()}) - {""}
    assert [word for word in words if word in outcome.content] == []
