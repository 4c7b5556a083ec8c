"""Verifies DKIM signatures with dkimpy, which shares no line with vigie.

Reads {"records": {name: text}, "mails": [base64]} and prints for each mail a list
of [algorithm, valid, signed names], one for each signature, or what went wrong.
"""

import base64
import json
import re
import sys

import dkim

order = json.load(sys.stdin)


def look_up(name, timeout=5):
    return order["records"].get(name.decode().rstrip("."), "").encode()


def verify(mail):
    found = []
    for number, (name, value) in enumerate(
        field for field in dkim.rfc822_parse(mail)[0] if field[0].lower() == b"dkim-signature"
    ):
        tags = dict(re.findall(r"([a-z]+)=([^;]*)", "".join(value.decode().split())))
        try:
            valid = dkim.DKIM(mail, minkey=2048).verify(number, dnsfunc=look_up)
        except dkim.DKIMException as error:
            valid = str(error)
        found.append([tags["a"], valid, tags["h"].split(":")])
    return found


print(json.dumps([verify(base64.b64decode(mail)) for mail in order["mails"]]))
