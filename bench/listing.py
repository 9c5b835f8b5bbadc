"""Listing a bucket: sources a second, when the first one comes, and how memory grows with the number of keys.

    python bench/listing.py 20000 200000

The bucket is a small server of our own in another process, which makes up pages of 1,000 keys as S3 words them.
"""

import os
import resource
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.sources.discovery import Discovery

PAGE = 1000
REPEATS = 3
ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    '<ETag>"{number:032x}"</ETag><Size>{number}</Size><StorageClass>STANDARD</StorageClass></Contents>'
)


class MadeUpListing(BaseHTTPRequestHandler):
    """Answers ListObjectsV2 for a bucket named after the number of its keys."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One page of the listing."""
        url = urlsplit(self.path)
        total, asked = int(url.path.strip("/").removeprefix("keys-")), parse_qs(url.query)
        start = int(asked.get("continuation-token", ["0"])[0])
        end = min(start + PAGE, total)
        entries = [
            ENTRY.format(key=quote(f"crawl/{number // 10_000:04}/{number:09}.pdf"), number=number)
            for number in range(start, end)
        ]
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < total else ""
        text = (
            f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{str(end < total).lower()}</IsTruncated>"
            f"{more}{''.join(entries)}</ListBucketResult>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """Say nothing."""


def serve() -> None:
    """Print the port, and answer until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), MadeUpListing)
    print(server.server_port, flush=True)
    server.serve_forever()


def measure(keys: int, endpoint: str) -> None:
    """List once, and print what it took."""
    storage = StorageSettings(endpoint=endpoint, region="us-east-1", anonymous=True)
    began, cpu = time.perf_counter(), time.process_time()
    discovery = Discovery([f"s3://keys-{keys}"], InputSettings(), storage)
    next(discovery)
    first_s, before = time.perf_counter() - began, peak_mb()
    found = 1 + sum(1 for _ in discovery)
    assert found == keys, found
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"{keys:9} keys  first source after {first_s:5.2f} s  all in {wall:6.1f} s ({cpu:.1f} s CPU)  "
        f"{keys / cpu:8.0f} a CPU second  peak RSS {before:.0f} MB at the first, {peak_mb():.0f} MB at the end"
    )


def peak_mb() -> float:
    """Most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure each size in processes of their own."""
    if sys.argv[1] == "--serve":
        serve()
    elif sys.argv[1] == "--measure":
        measure(int(sys.argv[2]), sys.argv[3])
    else:
        with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
            environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
            for keys in sys.argv[1:]:
                for _ in range(REPEATS):
                    subprocess.run([sys.executable, __file__, "--measure", keys, endpoint], check=True, env=environment)
            server.kill()


if __name__ == "__main__":
    main()
