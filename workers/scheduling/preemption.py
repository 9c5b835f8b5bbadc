"""The warning that a cloud gives before it takes a spot machine away: two minutes on AWS, half a minute elsewhere.

The machine's own metadata address is polled every few seconds, without a cloud's library and without a proxy. Not
covered: other machines of a Ray cluster; their pages in work are read again.

    AWS    PUT /latest/api/token, GET /latest/meta-data/spot/instance-action and .../events/recommendations/rebalance
    GCP    GET /computeMetadata/v1/instance/preempted
    Azure  GET /metadata/scheduledevents
"""

import asyncio
import json
import logging
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from ocrmill.pipeline.errors import OcrmillError

METADATA_URL = "http://169.254.169.254"  # the same on all three
POLL_S = 5.0  # AWS advises 5; it is a call inside the machine
TIMEOUT_S = 2.0
TOKEN_TTL_S = 21_600  # the longest that AWS gives; after a 401 for an expired token a new one is fetched
OK, NOT_FOUND = 200, 404
AWS_EVENTS = ("spot/instance-action", "events/recommendations/rebalance")
log = logging.getLogger(__name__)


class MetadataError(OcrmillError):
    """The machine's metadata cannot be read."""


async def preemption(cloud: str, url: str = METADATA_URL, poll_s: float = POLL_S) -> str:
    """Wait until this machine is about to be taken away, and return the cloud's announcement.

    Args:
        cloud: "aws", "gcp" or "azure".
        url: The address of the machine's metadata.
        poll_s: Seconds between two requests.
    """
    kinds: dict[str, type[_AwsNotice | _GcpNotice | _AzureNotice]]
    kinds = {"aws": _AwsNotice, "gcp": _GcpNotice, "azure": _AzureNotice}
    notice = kinds[cloud](url)
    silent = False
    while True:
        try:
            announcement = await asyncio.to_thread(notice.fetch)
            silent = False
        except (OSError, HTTPException, ValueError, MetadataError) as error:
            announcement = None
            if not silent:  # once, and again after an answer
                log.warning(
                    "workers.preemption=%s, but %s does not answer (%s): no warning can be received", cloud, url, error
                )
            silent = True
        if announcement:
            return announcement
        await asyncio.sleep(poll_s)


class _AwsNotice:
    def __init__(self, url: str) -> None:
        self._url = url
        self._token = ""

    def fetch(self) -> str | None:
        """Return the announcement, or None."""
        try:
            return self._poll()
        except MetadataError:  # the token is missing or expired
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
            self._token = _get(self._url, "/latest/api/token", ttl, method="PUT") or ""
            return self._poll()

    def _poll(self) -> str | None:
        token = {"X-aws-ec2-metadata-token": self._token}
        for event in AWS_EVENTS:
            if notice := _get(self._url, f"/latest/meta-data/{event}", token):
                return f"{event}: {notice}"
        return None


class _GcpNotice:
    def __init__(self, url: str) -> None:
        self._url = url

    def fetch(self) -> str | None:
        """Return the announcement, or None."""
        preempted = _get(self._url, "/computeMetadata/v1/instance/preempted", {"Metadata-Flavor": "Google"})
        return "instance/preempted: TRUE" if preempted == "TRUE" else None


class _AzureNotice:
    """Compares events, which name machines of a whole scale set, with this machine's name."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = ""

    def fetch(self) -> str | None:
        """Return the announcement, or None."""
        headers = {"Metadata": "true"}
        if not self._name:
            path = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
            self._name = _get(self._url, path, headers) or ""
        answer = json.loads(_get(self._url, "/metadata/scheduledevents?api-version=2020-07-01", headers) or "{}")
        ours = [
            event
            for event in answer.get("Events", ())
            if event.get("EventType") == "Preempt" and self._name in event.get("Resources", ())
        ]
        return f"Preempt, not before {ours[0].get('NotBefore') or 'now'}" if ours else None


def _get(url: str, path: str, headers: dict[str, str], method: str = "GET") -> str | None:
    """Return the body of an answer; None if the path does not exist.

    Raises:
        MetadataError: the request is refused.
    """
    connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(1 << 20).decode(errors="replace").strip()
    finally:
        connection.close()
    if answer.status == NOT_FOUND:
        return None
    if answer.status != OK:
        raise MetadataError(f"{path} is answered with {answer.status} {answer.reason}")
    return body


async def stop_on_preemption(cloud: str, stop: Callable[[], None], url: str = METADATA_URL) -> None:
    """Call `stop` when this machine is about to be taken away; return at once for "none"."""
    if cloud != "none":
        announcement = await preemption(cloud, url)
        log.warning("this machine is about to be taken away (%s): finishing the pages in flight", announcement)
        stop()
