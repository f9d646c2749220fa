"""What most proxies are: FastAPI in front, httpx behind, bytes handed through. The yardstick beside the gateway."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse


def create_app(upstream: str) -> FastAPI:
    """Return a proxy in front of `upstream` (a base URL without the version)."""
    client = httpx.AsyncClient(
        timeout=60, limits=httpx.Limits(max_connections=None, max_keepalive_connections=None), trust_env=False
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.body()
        headers = {"content-type": "application/json"}
        asked = client.build_request("POST", f"{upstream}/v1/chat/completions", content=body, headers=headers)
        if b'"stream": true' not in body:
            answer = await client.send(asked)
            return Response(answer.content, answer.status_code, media_type="application/json")
        streamed = await client.send(asked, stream=True)
        return StreamingResponse(streamed.aiter_raw(), streamed.status_code, media_type="text/event-stream")

    return app


def main() -> None:
    """Serve on the port, in front of the upstream, that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args()
    app = create_app(options.upstream)
    uvicorn.run(app, host="127.0.0.1", port=options.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
