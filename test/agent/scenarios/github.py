"""An agent that calls GitHub's REST API with requests."""

import hashlib
import os
import sys

import requests

from steps import run_steps

API = os.environ.get("GITHUB_API_URL", "https://api.github.com")
REPOSITORY = f"{API}/repos/acme/widgets"
CONTENT = os.urandom(300_000)

session = requests.Session()
session.headers["Authorization"] = f"token {os.environ['GITHUB_TOKEN']}"


def call(method: str, url: str, **options) -> requests.Response:
    response = session.request(method, url, timeout=20, **options)
    response.raise_for_status()
    return response


def user() -> dict:
    return {"login": call("GET", f"{API}/user").json()["login"]}


def paginate() -> dict:
    url, titles = f"{REPOSITORY}/issues?per_page=2", []
    while url is not None:
        page = call("GET", url)
        titles += [issue["title"] for issue in page.json()]
        url = page.links.get("next", {}).get("url")
    assert len(titles) == 5, f"{len(titles)} issues of 5"
    return {"titles": titles}


def unchanged() -> dict:
    etag = call("GET", REPOSITORY).headers["ETag"]
    status = call("GET", REPOSITORY, headers={"If-None-Match": etag}).status_code
    assert status == 304, f"status {status} for a known etag"
    return {"status": status}


def renamed() -> dict:
    found = call("GET", f"{API}/repos/acme/old-name").json()["full_name"]
    assert found == "acme/widgets", f"found {found}"
    return {"name": found}


def asset() -> dict:
    release = call("POST", f"{REPOSITORY}/releases", json={"tag_name": "v2.0.0"}).json()
    upload_url = release["upload_url"].split("{")[0]
    kind = {"Content-Type": "application/octet-stream"}
    made = call("POST", upload_url, params={"name": "noise.bin"}, data=CONTENT, headers=kind).json()
    url = f"{REPOSITORY}/releases/assets/{made['id']}"
    got = call("GET", url, headers={"Accept": "application/octet-stream"}).content
    assert hashlib.sha256(got).digest() == hashlib.sha256(CONTENT).digest(), "other bytes came back"
    return {"bytes": len(got)}


def echo() -> dict:
    return {"text": call("GET", f"{API}/repos/echo-key/widgets").json()["description"]}


if __name__ == "__main__":
    sys.exit(
        run_steps(
            {
                "user": user,
                "paginate": paginate,
                "unchanged": unchanged,
                "renamed": renamed,
                "asset": asset,
                "echo": echo,
            }
        )
    )
