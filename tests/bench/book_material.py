"""Books to measure and to damage, and the records in them."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tasks.clock import ZONE
from tasks.model import Evidence, Outcome, Record, Tier
from tasks.records import Book

CONTRACTS = ("approval-platform", "local", "office-oa")
START = datetime(2026, 3, 2, 8, 0, tzinfo=ZONE)


def record(
    number: int,
    contract: str = "local",
    evidence: Sequence[Evidence] = (),
    plan_id: str | None = None,
) -> Record:
    begun = START + timedelta(hours=number)
    return Record(
        contract=contract,
        routine=("inspection.daily", "backup.check", "reporting.weekly")[number % 3],
        title=f"日巡检记录 第 {number} 次",
        started_at=begun,
        ended_at=begun + timedelta(seconds=40 + number % 20),
        started_by="schedule",
        outcome=(Outcome.OK, Outcome.FINDINGS)[number % 2],
        topics=("disk", "memory", "load"),
        plan_id=f"{contract}/inspection/{number}" if plan_id is None else plan_id,
        planned_at=begun,
        expected=116,
        reached=115,
        not_reached=("oa-web-03",),
        summary="115 台正常，1 台未连上",
        facts={"worst": "findings", "findings": {"ok": 1100 + number, "warn": 3}, "percent": 89.5},
        evidence=tuple(evidence),
    )


def build(path: Path, count: int, rng: random.Random) -> Book:
    """`count` records over three contracts in batches, each with a piece of evidence of its own."""
    book = Book(path)
    batch = []
    for number in range(count):
        contract = CONTRACTS[0] if number % 2 else rng.choice(CONTRACTS)
        raw = "\n".join(f"/dev/sd{i} {rng.randrange(10**9)} {number}" for i in range(rng.randrange(5, 60)))
        evidence = book.keep(raw.encode(), f"raw-{number}.txt", "text/plain", Tier.FAIR)
        batch.append(record(number, contract, [evidence]))
        if len(batch) == 50:
            book.append_all(batch)
            batch = []
    book.append_all(batch)
    return book


def host_output(rng: random.Random, hosts: int = 100) -> bytes:
    """What an inspection of this many hosts brings back: about 3 kB each, as `df`, `free`, `ps`
    print it; it compresses like the real thing (some 5 : 1)."""
    lines = []
    for host in range(hosts):
        lines.append(f"=== oa-app-{host:03} {START.isoformat()} uptime {rng.randrange(10**7)}")
        for mount in ("/", "/boot", "/data", "/var", "/u01", "/u01/app", "/backup"):
            total, used = rng.randrange(10**8, 10**9), rng.randrange(10**8)
            lines.append(
                f"/dev/mapper/vg00-lv{mount[1:4]:8} {total:>12} {used:>12} {100 * used // total}% {mount}"
            )
        for _ in range(40):
            pid, cpu, rss = rng.randrange(65536), rng.random() * 5, rng.randrange(10**6)
            lines.append(
                f"oracle {pid:>6} {cpu:5.1f} {rss:>9} ora_{rng.choice('pmwdls')}{rng.randrange(999):03}_oa"
            )
    return "\n".join(lines).encode()
