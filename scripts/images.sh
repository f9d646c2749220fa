#!/bin/sh
# Builds the images with docker or buildah, and loads them into a cluster without a registry.
#
#   scripts/images.sh build NAME…     REGISTRY/NAME:TAG
#   scripts/images.sh load NAME…      into the kind cluster KIND_CLUSTER, or with `IMAGES_LOAD ARCHIVE…`
#
# docker needs BuildKit. REGISTRY, TAG, PYTHON_IMAGE and BUILD_FLAGS (more arguments for the builder) come from the environment.
set -eu
cd "$(dirname "$0")/.."

REGISTRY=${REGISTRY:-ghcr.io/toolgate}
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
TAG=${TAG:-$VERSION}

if docker buildx version >/dev/null 2>&1; then
    builder=docker
elif command -v buildah >/dev/null 2>&1; then
    builder=buildah
else
    echo 'images: neither docker (with buildx) nor buildah is here; install one of them' >&2
    exit 1
fi

build() {
    revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
    set -- --target "$1" --tag "$REGISTRY/$1:$TAG" --build-arg "VERSION=$VERSION" --build-arg "REVISION=$revision" .
    if [ -n "${PYTHON_IMAGE:-}" ]; then
        set -- --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" "$@"
    fi
    # shellcheck disable=SC2086 # several flags in one variable
    if [ "$builder" = docker ]; then
        DOCKER_BUILDKIT=1 docker build ${BUILD_FLAGS:-} "$@"
    else
        buildah build --layers ${BUILD_FLAGS:-} "$@"
    fi
}

archive() {
    if [ "$builder" = docker ]; then
        docker save --output "$2" "$1"
    else
        buildah push --quiet "$1" "oci-archive:$2:$1"
    fi
}

load() {
    if [ -z "${IMAGES_LOAD:-}" ] && [ "$builder" = docker ]; then
        kind load docker-image --name "${KIND_CLUSTER:-kind}" "$REGISTRY/$1:$TAG"
        return
    fi
    folder=$(mktemp -d)
    archive "$REGISTRY/$1:$TAG" "$folder/$1.tar"
    if [ -n "${IMAGES_LOAD:-}" ]; then
        $IMAGES_LOAD "$folder/$1.tar"
    else
        kind load image-archive --name "${KIND_CLUSTER:-kind}" "$folder/$1.tar"
    fi
    rm -rf "$folder"
}

verb=$1
shift
for name in "$@"; do
    "$verb" "$name"
done
