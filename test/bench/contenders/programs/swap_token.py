"""Add-on of mitmproxy: swaps the token for the key and lets answers stream."""

import os

FAKE = "Bearer " + os.environ["BENCH_FAKE_TOKEN"]
REAL = "Bearer " + os.environ["BENCH_PROVIDER_KEY"]


def running():
    """The port is open before this file is loaded."""
    with open(os.environ["BENCH_READY_FILE"], "w", encoding="ascii") as ready:
        ready.write("ready")


def requestheaders(flow):
    if flow.request.headers.get("authorization") == FAKE:
        flow.request.headers["authorization"] = REAL


def responseheaders(flow):
    flow.response.stream = True
