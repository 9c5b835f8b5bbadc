"""The border of the viewer: names, origins, tokens and what a browser may do."""

import httpx
import pytest
from viewer import serving

from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.web.access import Access

TOKEN = "a-token-of-a-test"


def test_another_name_of_the_server_is_refused(viewer: str) -> None:
    """A site that lets its own name lead to this machine (DNS rebinding) reads nothing."""
    for name in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "", "["):
        assert httpx.get(viewer, headers={"host": name}).status_code == 421, name
    for name in ("localhost", "localhost:1234", "127.0.0.1", "[::1]:80"):
        assert httpx.get(viewer, headers={"host": name}).status_code == 200, name


@pytest.mark.parametrize("path", ["/", "/pages", "/sql", "/static/frame.css", "/no-such-view", "/pages?sort=no"])
def test_every_answer_forbids_what_is_foreign(viewer: str, path: str) -> None:
    """Refusals and errors, too, carry the policy: no script, style or picture of others, and none in the page."""
    headers = httpx.get(viewer + path).headers

    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")


def test_only_our_pages_may_change_anything(viewer: str) -> None:
    """A form of another site that posts to the viewer is refused; one of ours comes through to the address."""
    assert httpx.post(viewer + "/pages", headers={"origin": "https://evil.example"}).status_code == 403
    assert httpx.post(viewer + "/pages", headers={"origin": "null"}).status_code == 403
    assert httpx.post(viewer + "/pages", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert httpx.post(viewer + "/pages", headers={"origin": viewer}).status_code == 405


def test_a_token_opens_the_door_once_and_the_cookie_keeps_it_open(data: OutputData) -> None:
    """Without the token nothing is shown; the printed address sets a cookie and drops the token from the URL."""
    with serving(data, Access("127.0.0.1", TOKEN)) as url, httpx.Client(base_url=url) as client:
        assert client.get("/pages").status_code == 401
        assert client.get("/static/frame.css").status_code == 401
        assert client.get("/pages?token=wrong").status_code == 401
        assert client.get("/pages", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200

        answer = client.get(f"/pages?status=ok&token={TOKEN}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/pages?status=ok")
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert client.get("/pages").status_code == 200


def test_beyond_loopback_there_is_a_token() -> None:
    """One is made up, differently each time; on loopback only if it is asked for."""
    assert Access.of("127.0.0.1").token is None
    assert Access.of("localhost", "mine").token == "mine"
    made = {Access.of(host).token for host in ("0.0.0.0", "::", "192.168.1.2", "0.0.0.0")}
    assert len(made) == 4
    assert None not in made
    assert Access.of("0.0.0.0").allows_host("192.168.1.2:8000")
    assert not Access.of("0.0.0.0").allows_host("evil.example")
