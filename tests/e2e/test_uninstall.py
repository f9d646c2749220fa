"""What `helm uninstall` leaves: nothing, but the claims of caches."""

from tests.e2e.cluster import Release, kubectl
from tests.e2e.conftest import values


def test_an_uninstall_leaves_the_cache_of_a_model_and_nothing_else(release: Release) -> None:
    other = Release("leaving", release.namespace, values())
    # A claim may find no volume on a test cluster: only that it stays is looked at.
    cached = {"preset": "qwen3-8b", "cache": {"enabled": True, "size": "1Gi"}, "replicas": 0}
    other.upgrade(models={"cached": cached}, ready=False)
    other.uninstall()
    kinds = "all,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,pdb,hpa,pvc"
    left = kubectl("get", kinds, "-n", release.namespace, "-l", "app.kubernetes.io/instance=leaving", "-o", "name")
    assert left.split() == ["persistentvolumeclaim/leaving-toolgate-model-cached-cache"]
    kubectl("delete", "pvc", "-n", release.namespace, "leaving-toolgate-model-cached-cache")
