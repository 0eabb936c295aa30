"""Mutations of valid bodies."""

import gzip
import random

import zstandard

SEEDS = [
    b'[{"CNPJ":"05927228000145","PRODUCTID":25901,"TITLE":"DIPIRONA 500MG","PRICE":12.5,"PRICEPROMO":"9,90"}]',
    b'[{"PRODUCTID":"1","TITLE":"a\\"b\\\\","QUANTITY":-4.5,"X":{"y":[1,2,{"z":null}]}},{"PRODUCTID":2,"TITLE":"\xc3\xa7"}]',
    b'{"PRODUCTID":1,"TITLE":"A"}\n{"PRODUCTID":2,"TITLE":"B"}\r\n\n{"PRODUCTID":3}',
    b"[]",
    b'\xef\xbb\xbf[ 1 , true,null, -1.5e3, "x" ]',
]
_TOKENS = [
    *[
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b":",
        b"},{",
        b'\\"',
        b"\\u0000",
        b"\\ud800",
        b"\x00",
        b"\xff",
        b"\r\n",
    ],
    *[b"1e99999999999999999999", b"-1e-99999999999999999999", b"0e99999999999999999999", b"1e9999", b"9" * 5000],
    *[b"NaN", b"1e999", b"-", b"9" * 40, b"null", b'"PRODUCTID":', b" " * 50, b"[" * 50, b"]" * 50, b"\xe2\x80\xa8"],
]


def mutated(draw: random.Random, body: bytes) -> bytes:
    """Return the body with some bytes or tokens changed, cut, repeated or inserted."""
    for _ in range(draw.choice((0, 1, 1, 2, 3, 8))):
        place = draw.randint(0, len(body))
        kind = draw.randrange(5)
        if kind == 0:
            body = body[:place] + draw.choice(_TOKENS) + body[place:]
        elif kind == 1:
            body = body[:place] + draw.randbytes(draw.randint(1, 4)) + body[place + 1 :]
        elif kind == 2:
            body = body[:place] + body[place + draw.randint(1, 20) :]
        elif kind == 3:
            body = body[:place]
        else:
            body = body[:place] + body[max(0, place - draw.randint(1, 60)) : place] * draw.randint(1, 5) + body[place:]
    return body


def encoded(draw: random.Random, body: bytes) -> tuple[str, bytes]:
    """Return a Content-Encoding and the body under it, under another, or truncated."""
    name = draw.choice(("", "", "gzip", "zstd"))
    made = {"": body, "gzip": gzip.compress(body, 1), "zstd": zstandard.compress(body, 1)}
    sent = made[name if draw.random() < 0.8 else draw.choice(("", "gzip", "zstd"))]
    return name, mutated(draw, sent) if draw.random() < 0.3 else sent
