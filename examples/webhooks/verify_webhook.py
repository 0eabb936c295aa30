"""Verify a webhook without any package.

WEBHOOK_SECRET=whsec_... python verify_webhook.py ID TIMESTAMP SIGNATURES < body

Exit code 0: it is from the hub, and not older than five minutes.
"""

import base64
import hashlib
import hmac
import os
import sys
import time


# [check
def is_from_the_hub(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Return whether the hub signed the body, as received, within the last five minutes."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    given = [part.partition(",")[2] for part in headers["webhook-signature"].split()]
    is_fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return is_fresh and any(hmac.compare_digest(expected, each) for each in given)


# check]


if __name__ == "__main__":
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    given_headers = dict(zip(names, sys.argv[1:], strict=True))
    sys.exit(not is_from_the_hub(os.environ["WEBHOOK_SECRET"], given_headers, sys.stdin.buffer.read()))
