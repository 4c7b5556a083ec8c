#!/usr/bin/env python3
"""A payment page that takes vigie's payment links, as an example: Python's own library, nothing else.

    VIGIE_PAYMENT_SECRET=$(vigie key payment --brand demo | tail -1) ./payment_page.py demo 8090

and `payment_url = "http://127.0.0.1:8090/case"` in the brand's settings. The part you need is `verify`.
"""

import base64
import hashlib
import hmac
import html
import os
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refused(Exception):
    """A link that must not be followed; `status` is what to answer."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


def verify(url, brand, secret, now=None):
    """Returns the case (None where the mail belonged to none) and the send of a payment link, or raises Refused.

    `secret` is what `vigie key payment --brand BRAND` prints.
    """
    query = urllib.parse.urlsplit(url).query
    fields = urllib.parse.parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    if any(len(fields.get(name, [""])) != 1 for name in ("case", "expires", "send", "sig")):
        raise Refused(403, "a field stands there twice")
    case, expires, send, sig = (fields.get(name, [""])[0] for name in ("case", "expires", "send", "sig"))
    text = "\n".join(["vigie payment 1", brand, send, expires, case])
    key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    expected = base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).rstrip(b"=")
    # In constant time: how long it takes must not tell how much of a guess was right.
    if not hmac.compare_digest(expected, sig.encode()):
        raise Refused(403, "the signature is wrong")
    # Signed, so these are digits.
    if int(expires) <= (time.time() if now is None else now):
        raise Refused(410, "the link has expired")
    return case or None, send


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            case, send = verify(self.path, self.server.brand, self.server.secret)
        except Refused as refused:
            return self.answer(refused.status, f"This link cannot be used: {refused}. Please take the one in our last mail.")
        except ValueError:
            return self.answer(403, "This link is damaged. Please take the one in our last mail.")
        # Here you would look up what is owed, since the link names no amount: it may have been paid in the meantime.
        self.answer(200, f"Case {case or 'unknown'}: here one pays. You come from mail {send}.")

    def answer(self, status, sentence):
        body = f"<!doctype html><meta charset=utf-8><title>Payment</title><p>{html.escape(sentence)}</p>\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        # The link is a secret of its reader.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """Says nothing: paths hold links."""


def main():
    brand, port = sys.argv[1], int(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    server.brand, server.secret = brand, os.environ["VIGIE_PAYMENT_SECRET"]
    print(f"http://127.0.0.1:{server.server_port}/case", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
