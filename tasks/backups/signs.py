"""Signs that what was backed up is no longer what it was: encrypted, emptied, rewritten. A backup is held
against the band of its own item's history, so that growth and the week's rhythm are nothing new.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from tasks.backups.catalogue import Backup
from tasks.backups.chains import order
from tasks.backups.manifest import Kind
from tasks.model import Finding, Number, Status
from tasks.texts import t

CHECK = "backup-signs"
FEWEST = 5
# A week's rhythm has to have been seen once.
LEAST_SPAN = timedelta(days=6)
LOOK_BACK = timedelta(days=60)
WIDTH = 6.0
MAD_TO_SIGMA = 1.4826
# So many are enough that one odd value on either side stands for nothing.
TRIMMED_FROM = 10


@dataclass(frozen=True, slots=True)
class Measure:
    """`floor`: a smaller step is never a sign; `logarithmic`: steps are factors, beside so much that is too
    little to count (`least`). `growing`: only upwards."""

    value: Callable[[Backup, Sequence[Backup]], float | None]
    floor: float
    unit: str
    logarithmic: bool = False
    least: float = 0.0
    growing: bool = False
    kinds: frozenset[Kind] = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Sign:
    """One number outside its band."""

    name: str
    value: float
    usual: float
    low: float
    high: float
    unit: str

    @property
    def text(self) -> str:
        shown = {key: amount(getattr(self, key), self.unit) for key in ("value", "usual", "low", "high")}
        return t(f"signs.{self.name}", **shown)


@dataclass(frozen=True, slots=True)
class Judged:
    """`enough`: whether there was a history to hold it against."""

    signs: tuple[Sign, ...]
    enough: bool


def size(one: Backup, before: Sequence[Backup]) -> float | None:
    return float(one.manifest.size)


def ratio(one: Backup, before: Sequence[Backup]) -> float | None:
    """Stored to plain: what is encrypted does not compress. Too small to tell below 64 KiB."""
    return one.manifest.stored_size / one.manifest.size if one.manifest.size >= 2**16 else None


def change(one: Backup, before: Sequence[Backup]) -> float | None:
    """What came since, to the whole of it."""
    full = next((link for link in reversed(before) if link.manifest.kind is Kind.FULL), None)
    return one.manifest.size / full.manifest.size if full and full.manifest.size else None


def rows_of(one: Backup) -> dict[str, tuple[int, str]]:
    return {each.name: (each.count, each.digest) for each in one.manifest.digests if each.what == "rows"}


def tables(one: Backup, before: Sequence[Backup]) -> float | None:
    return float(len(rows_of(one))) if one.manifest.digests else None


def gone(one: Backup, before: Sequence[Backup]) -> float | None:
    """The share of the last backup's tables that are no more."""
    last = next((rows_of(link) for link in reversed(before) if rows_of(link)), None)
    return len(last.keys() - rows_of(one).keys()) / len(last) if last and one.manifest.digests else None


def rows(one: Backup, before: Sequence[Backup]) -> float | None:
    return float(sum(count for count, _ in rows_of(one).values())) if rows_of(one) else None


def rewritten(one: Backup, before: Sequence[Backup]) -> float | None:
    """The share of rows in tables that are no more what they were in the last backup with digests."""
    last = next((rows_of(link) for link in reversed(before) if rows_of(link)), None)
    now = rows_of(one)
    total = sum(count for count, _ in now.values())
    if not last or not total:
        return None
    return sum(found[0] for name, found in now.items() if last.get(name, found) != found) / total


MEASURES = {
    "size": Measure(size, math.log(1.5), "GiB", logarithmic=True, kinds=frozenset({Kind.FULL})),
    "ratio": Measure(ratio, 0.06, "%"),
    "change": Measure(
        change,
        math.log(4),
        "%",
        logarithmic=True,
        growing=True,
        kinds=frozenset({Kind.INCREMENTAL, Kind.LOG}),
    ),
    "tables": Measure(tables, 4.5, ""),
    "gone": Measure(gone, 0.15, "%", growing=True),
    "rows": Measure(rows, math.log(1.5), "", logarithmic=True, least=5000),
    "rewritten": Measure(rewritten, 0.45, "%", growing=True),
}


def judge(backup: Backup, history: Sequence[Backup]) -> Judged:
    """`history`: of the same item; what came after `backup` does not count."""
    before = sorted((one for one in history if order(one) < order(backup)), key=order)
    signs, enough = [], False
    for name, measure in MEASURES.items():
        if backup.manifest.kind not in measure.kinds:
            continue
        values = series(measure, backup, before)
        value = measure.value(backup, before)
        if value is None or values is None:
            continue
        enough = True
        low, usual, high = band(measure, values)
        if value > high or (value < low and not measure.growing):
            signs.append(Sign(name, value, usual, low, high, measure.unit))
    return Judged(tuple(signs), enough)


def series(measure: Measure, backup: Backup, before: Sequence[Backup]) -> list[float] | None:
    """What it was in the backups before of the same kind; None: they are too few, or all of one week."""
    begun = backup.manifest.started_at
    places = [
        place
        for place, one in enumerate(before)
        if one.manifest.kind is backup.manifest.kind
        and timedelta(0) <= begun - one.manifest.started_at <= LOOK_BACK
    ]
    if not places or begun - before[places[0]].manifest.started_at < LEAST_SPAN:
        return None
    measured = [measure.value(before[place], before[:place]) for place in places]
    values = [value for value in measured if value is not None]
    return values if len(values) >= FEWEST else None


def band(measure: Measure, values: Sequence[float]) -> tuple[float, float, float]:
    """Median ± MAD, and never narrower than what was there already and a step more."""
    least = max(measure.least, 1e-9)
    scaled = sorted(math.log(value + least) if measure.logarithmic else value for value in values)
    middle = median(scaled)
    spread = WIDTH * MAD_TO_SIGMA * median(abs(value - middle) for value in scaled)
    cut = 1 if len(scaled) >= TRIMMED_FROM else 0
    step = max(spread, measure.floor)
    low = min(middle - step, scaled[cut] - measure.floor)
    high = max(middle + step, scaled[-1 - cut] + measure.floor)
    if not measure.logarithmic:
        return max(low, 0.0), middle, high
    return math.exp(low) - least, math.exp(middle) - least, math.exp(high) - least


def amount(value: float, unit: str) -> str:
    match unit:
        case "GiB":
            return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.2f} MiB"
        case "%":
            return f"{value * 100:.0f}%"
        case _:
            return f"{value:.0f}"


def number(sign: Sign) -> Number:
    scale = {"GiB": 2**-30, "%": 100.0}.get(sign.unit, 1.0)
    beyond = sign.high if sign.value > sign.high else sign.low
    return Number(sign.name, round(sign.value * scale, 3), sign.unit, round(beyond * scale, 3))


def findings(backup: Backup, history: Sequence[Backup]) -> list[Finding]:
    """One finding: what jumped, with its numbers; ok where nothing did, and where it is too early to say."""
    judged, subject = judge(backup, history), backup.manifest.job
    if judged.signs:
        said = t("signs.found", name=backup.name, signs=t("signs.and").join(one.text for one in judged.signs))
        numbers = tuple(map(number, judged.signs))
        return [
            Finding(
                CHECK, backup.manifest.target, subject, Status.WARN, said, numbers, advice=t("signs.advice")
            )
        ]
    text = t("signs.none" if judged.enough else "signs.too_early", name=backup.name, fewest=FEWEST)
    return [Finding(CHECK, backup.manifest.target, subject, Status.OK, text)]
