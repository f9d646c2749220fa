# One file for all images, a target each: docker build --target gateway .
# PYTHON_IMAGE is both where wheels are chosen and where they run, so it is one argument for both.
ARG PYTHON_IMAGE=docker.io/library/python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.8
# Aside from the system's packages, which some distributions protect.
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --target /opt/uv "uv==${UV_VERSION}"
# Bytecode is compiled here, since nothing can be written where it runs. The system's certificates may hold a company's own.
ENV PATH=/opt/uv/bin:$PATH UV_SYSTEM_CERTS=true UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PYTHON=python3 \
    UV_PROJECT_ENVIRONMENT=/opt/toolgate UV_CACHE_DIR=/var/cache/uv
WORKDIR /src
COPY . .

# Each image gets one package with its dependencies, and no other service.
FROM build AS build-gateway
RUN --mount=type=cache,target=/var/cache/uv uv sync --frozen --no-dev --no-editable --package toolgate-gateway
FROM build AS build-prompt-transformer
RUN --mount=type=cache,target=/var/cache/uv uv sync --frozen --no-dev --no-editable --package toolgate-prompt-transformer
FROM build AS build-extractor
RUN --mount=type=cache,target=/var/cache/uv uv sync --frozen --no-dev --no-editable --package toolgate-extractor
FROM build AS build-tool-executor
RUN --mount=type=cache,target=/var/cache/uv uv sync --frozen --no-dev --no-editable --package toolgate-tool-executor
FROM build AS build-simulator
RUN --mount=type=cache,target=/var/cache/uv uv sync --frozen --no-dev --no-editable --package toolgate-simulator
FROM build AS build-cli
RUN --mount=type=cache,target=/var/cache/uv uv sync --frozen --no-dev --no-editable --package toolgate-cli

FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.source="https://github.com/toolgate/toolgate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="Toolgate" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Only /tmp is written to, and that by libraries alone. In a container, all addresses are the pod's.
ENV PATH=/opt/toolgate/bin:$PATH HOME=/tmp USER=toolgate PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    TOOLGATE_HOST=0.0.0.0 TOOLGATE_GRPC_HOST=0.0.0.0 TOOLGATE_METRICS_HOST=0.0.0.0
STOPSIGNAL SIGTERM
WORKDIR /tmp
USER 65532:65532

FROM runtime AS gateway
LABEL org.opencontainers.image.title="Toolgate gateway"
COPY --from=build-gateway /opt/toolgate /opt/toolgate
EXPOSE 8002 9090
ENTRYPOINT ["toolgate-gateway"]

FROM runtime AS prompt-transformer
LABEL org.opencontainers.image.title="Toolgate prompt-transformer"
COPY --from=build-prompt-transformer /opt/toolgate /opt/toolgate
EXPOSE 50051 9090
ENTRYPOINT ["toolgate-prompt-transformer"]

FROM runtime AS extractor
LABEL org.opencontainers.image.title="Toolgate extractor"
COPY --from=build-extractor /opt/toolgate /opt/toolgate
EXPOSE 50052 9090
ENTRYPOINT ["toolgate-extractor"]

FROM runtime AS tool-executor
LABEL org.opencontainers.image.title="Toolgate tool-executor"
COPY --from=build-tool-executor /opt/toolgate /opt/toolgate
EXPOSE 50053 9090
ENTRYPOINT ["toolgate-tool-executor"]

# It takes vLLM's place: the same command line, `vllm serve MODEL …`.
FROM runtime AS simulator
LABEL org.opencontainers.image.title="Toolgate simulator"
COPY --from=build-simulator /opt/toolgate /opt/toolgate
EXPOSE 8000
ENTRYPOINT ["vllm", "serve"]
CMD ["openai/gpt-oss-20b", "--served-model-name", "openai/gpt-oss-20b", "gpt-oss-20b", "--enable-auto-tool-choice", "--tool-call-parser=openai", "--reasoning-parser=openai_gptoss"]

FROM runtime AS cli
LABEL org.opencontainers.image.title="Toolgate command"
COPY --from=build-cli /opt/toolgate /opt/toolgate
ENTRYPOINT ["toolgate"]
