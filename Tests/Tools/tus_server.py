#!/usr/bin/env python3
"""Serves tus by a package of others (tuspyserver or aiohttp-tus), on 127.0.0.1, for destinations-test.py. The first
component of a path names a folder of its own: http://127.0.0.1:PORT/FOLDER/files/.

    tus_server.py tuspyserver|aiohttp-tus PORT FOLDER
"""
import sys
from pathlib import Path


def serve_tuspyserver(port, folder):
    import uvicorn
    from fastapi import FastAPI
    from tuspyserver import create_tus_router
    applications = {}

    async def choose(scope, receive, send):
        if scope["type"] != "http":
            return
        first = scope["path"].split("/")[1]
        if first not in applications:
            applications[first] = FastAPI()
            applications[first].include_router(create_tus_router(
                prefix=f"{first}/files", files_dir=str(folder / first), max_size=1 << 40))
        await applications[first](scope, receive, send)
    uvicorn.run(choose, host="127.0.0.1", port=port, log_level="warning", lifespan="off")


def serve_aiohttp(port, folder):
    from aiohttp import web
    from aiohttp_tus import setup_tus
    application = web.Application(client_max_size=1 << 40)
    setup_tus(application, upload_url="/{name}/files", upload_path=folder / "{name}")
    web.run_app(application, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    serve = {"tuspyserver": serve_tuspyserver, "aiohttp-tus": serve_aiohttp}[sys.argv[1]]
    serve(int(sys.argv[2]), Path(sys.argv[3]))
