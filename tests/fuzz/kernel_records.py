"""Generator of records for the kernel: mostly plain, with every value that a reader may read in two ways."""

import json
import random
import re

from integrahub.tools.demo.catalogue import load_sample

CNPJ = "05927228000145"
_TEXT_KEYS = ("DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK", "COLOR", "EAN", "SHOPID", "SIZE", "MEASURE")
NUMBER_KEYS = ("PRICE", "WHOLESALEPRICE", "PRICEPROMO", "QUANTITY", "WHOLESALEMIN", "INDICE")
_DATE_KEYS = ("DATACADASTROPRODUTO", "DATAATUALIZACAOPRODUTO", "DATAATUALIZACAOESTOQUE")
_NUMBERS = re.findall(
    r"\S+",
    r"""
0 1 13.42 -1 -0 0.00004 0.00005 0.00006 0.00012 0.12345 0.00049 0.0005 -0.0004 -0.0005 999999999.9999
999999999.99995 1e3 1E-2 1000000000 0.1234500000000001 12345678901234.5 123456789012345 1234567890123456 007
2.50 100 0.0 -0.0 -0.00001 null true false [1] {"a":1} "12,50" "1.234,56" "1.234" "0.500" "12.500" "1,234"
"1,234.56" "1.234.567" "7" "-3,5" "+3" ".5" "5." "" "x" "0" "-0,0" "-" "1,2,3" "1e3" "0.00004" "0,00006"
"999999999,9999" "1\u0030" 1. .5 - +1 01 99999999999999999999999999999999999999999999999999 1e999 -1e-999
"NaN" NaN
""",
)
_NUMBERS += ['" 7 "', '" "', "9" * 400]
# Longer than a number in text may be, by one character.
LONG_NUMBERS = [f'"{"0" * 100}1"', f'"{"0" * 101}"', f'"-{"0" * 99}1"']
_NUMBERS += LONG_NUMBERS
_TEXTS = ["null", "7", "-7", "7.5", "7.0", "1e5", "true", "{}", "[]", "123456789012345678", "1234567890123456789", "-0"]
_TEXTS += ['"a"', '""', '"  b\\t"', '"\u00e7\u00e3o"', '"\\u00e7"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\ude00x"']
_TEXTS += [
    '"\\ud83dx"',
    '"\\ud83d\\u0041"',
    '"a\\u0000"',
    '"q\\"q"',
    '"back\\\\"',
    '"\\\\N"',
    '"\\/"',
    '"\\b\\f\\n\\r\\t"',
]
_TEXTS += ['"NULL"', '"{1}"', '"\\u007f"', '"%s"', '"\u2028"', '"\\x"', '" "', '"\\u0020"', '"\u00a0x"', '"\x7f"']
_TEXTS += [
    '"\\u00"',
    '"null"',
    '"a}, {b"',
    '"},{"',
    '"[{"',
    '"INDICE"',
    '"\\"INDICE\\":5"',
    '"\U0001f600"',
    f'"{"n" * 300}"',
]
_DATES = re.findall(
    r"\S+",
    r"""
2024-07-05T13:21:11.991 2020-02-07T00:00:00 2024-02-29T23:59:59.123456 2023-02-29T00:00:00
2024-07-05T13:21:11Z 2024-07-05 0001-01-01T00:00:00 9999-12-31T23:59:59 0000-01-01T00:00:00
2024-07-05T24:00:00 2024-07-05T13:21:60 2024-W27-5T13:21:11 2024-07-05T13:21:11,991 1900-02-28T00:00:00
1900-02-29T00:00:00 2000-02-29T00:00:00 2024-07-05T13:21+03 20240705T132111.991 2024-13-01T00:00:00
2024-00-01T00:00:00 2024-04-31T00:00:00 1999-12-31T23:59:59.999 2024-07-05T13:21:11.99 2024-07-0aT13:21:11
""",
)
_DATES = [f'"{text}"' for text in _DATES] + ['""', "null", '" 2024-07-05T13:21:11"', "5", '"2024-07-05 13:21:11"']
_DATES += ['"2024-07-05T13:21:11\\u0030"', '"2024-07-05t13:21:11"']
_IDS = ["9" * 19, "9223372036854775807", "9223372036854775808", '"12"', '"007"', "0", "-4", "1.0", '""', "null"]
_IDS += ['" 5 "', "1e2", "true", '"x"', '"1\\u0030"', "9" * 18, f'"{"9" * 18}"', "12345678901234567890"]
_CNPJS = ['""', "null", '"05.927.228/0001-45"', "5927228000145", '"05927228000146"', "0", '"0592722800014\\u0035"']
_ODD_KEYS = [
    "X",
    "IMAGE",
    "title",
    "productId",
    "Productid",
    "indice",
    "TITLE",
    "COLOR",
    "a\\u0042",
    "NAME",
    "",
    "TITLE ",
]
_ODD_KEYS += ["PRODUCTID", "INDICE", "CNPJ", "\u017fize", "\u0131ndice", "PRODUCTI\\u0044", 'a\\"INDICE']
_BLANKS = ["", "", "", "", "", " ", "\n", "\t \r\n"]
_SAMPLE = load_sample()


def record(draw: random.Random, number: int, oddity: float) -> str:
    """Return the text of one record; with `oddity` 0 a plain one, with 1 about every second is unusual."""

    def pick(odd: list[str], plain: str) -> str:
        return draw.choice(odd) if draw.random() < 0.1 * oddity else plain

    pairs = [("PRODUCTID", pick(_IDS, str(1000 + number)))]
    if draw.random() > 0.05 * oddity:
        pairs.append(("TITLE", pick(_TEXTS, f'"TITLE {number}"')))
    for key in _TEXT_KEYS:
        if draw.random() < 0.8:
            pairs.append((key, pick(_TEXTS, draw.choice(['"x y"', '""', '"a\u00e7\u00e3o"', "3", '"a\\nb"']))))
    for key in NUMBER_KEYS:
        if draw.random() < 0.8:
            plain = str(number) if key == "INDICE" else draw.choice(["0", "13.42", "7", "1999.9", '"12,5"'])
            pairs.append((key, pick(_NUMBERS, plain)))
    for key in _DATE_KEYS:
        if draw.random() < 0.8:
            pairs.append((key, pick(_DATES, draw.choice(_DATES[:3]))))
    if draw.random() < 0.5:
        pairs.append(("CNPJ", pick(_CNPJS, f'"{CNPJ}"')))
    if draw.random() < 0.06 * oddity:
        pairs.append((draw.choice(_ODD_KEYS), draw.choice(_TEXTS + _NUMBERS)))
    if draw.random() < 0.3:
        draw.shuffle(pairs)
    return _joined(draw, pairs)


def _joined(draw: random.Random, pairs: list[tuple[str, str]]) -> str:
    """Return an object, in one of three records with blanks."""
    blanks = _BLANKS if draw.random() < 0.3 else [""]
    members = [
        f'{draw.choice(blanks)}"{key}"{draw.choice(blanks)}:{draw.choice(blanks)}{value}{draw.choice(blanks)}'
        for key, value in pairs
    ]
    return "{" + ",".join(members) + "}"


def body(draw: random.Random, count: int, oddity: float, *, repeats: bool = True) -> bytes:
    """Return a JSON array of records; some bodies have bytes changed, deleted or inserted."""
    numbers = [draw.randrange(count) if repeats and draw.random() < 0.02 else n for n in range(count)]
    records = [record(draw, number, oddity) for number in numbers]
    blank = draw.choice(_BLANKS)
    text = "[" + blank + f",{blank}".join(records) + blank + "]"
    return text.encode("utf-8", "surrogatepass")


def mutated(draw: random.Random, sent: bytes) -> bytes:
    """Return the body with a few bytes changed, deleted or inserted."""
    changed = bytearray(sent)
    for _ in range(draw.choice((1, 1, 4))):
        at, kind = draw.randrange(len(changed)), draw.randrange(3)
        if kind == 0:
            changed[at] = draw.choice(b'{}[]",:\\\x00\n 09aZ\xc3\xff')
        elif kind == 1 and len(changed) > 1:
            del changed[at]
        else:
            changed.insert(at, draw.choice(b'{}[]",:\\1 \xe7'))
    return bytes(changed)


def real_body(draw: random.Random, count: int) -> bytes:
    """Return records of the real catalogue, as JSON without ASCII escapes or with them."""
    first = draw.randrange(len(_SAMPLE) - count)
    ascii_only, compact = draw.random() < 0.5, draw.random() < 0.8
    separators = (",", ":") if compact else None
    return json.dumps(_SAMPLE[first : first + count], ensure_ascii=ascii_only, separators=separators).encode()
