"""The needs of a release, in the JSON that the chart writes."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from toolgate_cli.failure import CommandError


class Toleration(Struct, frozen=True):
    """A pod's toleration, as in Kubernetes; an empty key with `Exists` tolerates everything."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Model(Struct, frozen=True, kw_only=True, rename="camel"):
    """A model's pods: `nodes` pods of `gpusPerPod` GPUs for each of `replicas`."""

    name: str
    replicas: int = 1
    nodes: int = 1
    gpus_per_pod: int = 0
    resource: str = "nvidia.com/gpu"
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()


class SecretNeed(Struct, frozen=True, rename={"used_for": "for"}):
    """A required Secret, with these keys."""

    name: str
    keys: tuple[str, ...] = ()
    used_for: str = ""


class StorageNeed(Struct, frozen=True, rename={"used_for": "for"}):
    """A StorageClass; an empty name is the cluster's default."""

    name: str = ""
    used_for: str = ""


class DefinitionNeed(Struct, frozen=True, rename={"used_for": "for"}):
    """A CustomResourceDefinition."""

    name: str
    used_for: str = ""


class Needs(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """All needs of a release."""

    namespace: str = "default"
    release: str = ""
    kubernetes: str = "1.30"
    models: tuple[Model, ...] = ()
    secrets: tuple[SecretNeed, ...] = ()
    storage_classes: tuple[StorageNeed, ...] = ()
    definitions: tuple[DefinitionNeed, ...] = ()


def read_needs(path: Path) -> Needs:
    """Read a file of needs; raise `CommandError` naming what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Needs)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise CommandError(f"{path}: {error}") from error
