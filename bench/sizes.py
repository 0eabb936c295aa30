"""Sizes of the benchmarks: full, and small ones to check that everything runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Products, posts and runs of each scenario."""

    runs: int = 3  # of the FULL loads
    products: int = 300_000  # of a FULL
    batch: int = 10_000
    pharmacies: int = 100
    catalogue: int = 16_349  # of each of those
    million: int = 1_000_000
    tenth: int = 100_000
    table: int = 10_000_000  # products in the table before
    slow: int = 30_000  # for slow peers
    mega: int = 50_000  # posts
    requests: int = 100_000
    at_once: int = 20_000
    many: int = 1_000  # pharmacies
    body: int = 200_000_000  # bytes
    streams: int = 8
    readers: int = 20
    read_rounds: int = 30  # of each reader: every kind of read once
    upload: int = 1_000_000_000  # bytes, by the client library


QUICK = Sizes(
    runs=1,
    products=30_000,
    pharmacies=5,
    catalogue=4_000,
    million=60_000,
    tenth=20_000,
    table=200_000,
    slow=2_000,
    mega=1_000,
    requests=1_500,
    at_once=1_000,
    many=50,
    body=20_000_000,
    streams=3,
    read_rounds=3,
    upload=50_000_000,
)
