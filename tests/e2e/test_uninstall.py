"""`helm uninstall` leaves only the claims of caches."""

from tests.e2e.cluster import Release, kubectl, until
from tests.e2e.conftest import values

KINDS = "all,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,pdb,hpa,pvc"
CLAIM = "persistentvolumeclaim/leaving-toolgate-model-cached-cache"


def left(release: Release) -> list[str]:
    labels = f"app.kubernetes.io/instance={release.name}"
    return kubectl("get", KINDS, "-n", release.namespace, "-l", labels, "-o", "name").split()


def test_an_uninstall_leaves_the_cache_of_a_model_and_nothing_else(release: Release) -> None:
    leaving = Release("leaving", release.namespace, values())
    # A claim may find no volume on a test cluster: only that it stays is looked at.
    cached = {"preset": "qwen3-8b", "cache": {"enabled": True, "size": "1Gi"}, "replicas": 0}
    leaving.upgrade(models={"cached": cached}, ready=False)
    leaving.uninstall()
    # Pods finish what they have begun after helm has gone.
    until(lambda: left(leaving) == [CLAIM], 60, "only the claim is left")
    kubectl("delete", "-n", release.namespace, CLAIM)
