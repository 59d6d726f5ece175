"""What the server counted since the last look; it may have been restarted in between."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tasks.checks.answers import Answers, Row
from tasks.checks.judging import Before

NOW = "\n-- now\nSELECT UNIX_TIMESTAMP() AS now\n"
MARK = "counters"
# A clock that is set, and the second in which a counter was read.
SLACK_SECONDS = 60


def status(*names: str) -> str:
    listed = ", ".join(f"'{name}'" for name in ("Uptime", *names))
    return f"{NOW}-- status\nSHOW GLOBAL STATUS WHERE variable_name IN ({listed})\n"


def variables(*names: str) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    return f"\n-- variables\nSHOW GLOBAL VARIABLES WHERE variable_name IN ({listed})\n"


def named(rows: Iterable[Row]) -> dict[str, str]:
    return {str(row["variable_name"]).lower(): str(row["value"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Counted:
    """`how`: since the last look, or since the server's start, because there was no last look (`first`)
    or the counters began anew (`restarted`)."""

    now: Mapping[str, int]
    was: Mapping[str, int]
    how: str

    @property
    def seconds(self) -> int:
        if self.how == "same":
            return max(self.now["at"] - self.was["at"], 1)
        return max(self.now["uptime"], 1)

    def since(self, name: str) -> int:
        """FLUSH STATUS lets a counter begin anew."""
        if self.how != "same" or self.now[name] < self.was.get(name, 0):
            return self.now[name]
        return self.now[name] - self.was.get(name, self.now[name])

    def hourly(self, name: str) -> float:
        return self.rate(self.since(name))

    def rate(self, new: int) -> float:
        """By the hour; of less than an hour no rate is made."""
        return 3600 * new / max(self.seconds, 3600)

    @property
    def period(self) -> str:
        words = {"same": "自上次检查以来", "restarted": "自重启以来", "first": "首次，自启动以来"}
        return words[self.how]

    @property
    def marks(self) -> dict[str, str]:
        return {MARK: " ".join(f"{name}={value}" for name, value in self.now.items())}


def counted(answers: Answers, before: Before, more: Mapping[str, int] = MappingProxyType({})) -> Counted:
    """Of everything that was asked as `status`, in small letters, and what was counted elsewhere."""
    at = int(answers.row("now")["now"])
    said = named(answers.rows("status"))
    now = {"at": at, **{name: int(value) for name, value in said.items()}, **more}
    pairs = (pair.partition("=") for pair in before.marks.get(MARK, "").split())
    was = {name: int(value) for name, _, value in pairs}
    if not was:
        return Counted(now, {}, "first")
    moved = abs((at - now["uptime"]) - (was["at"] - was["uptime"]))
    restarted = moved > SLACK_SECONDS or now["uptime"] < was["uptime"]
    return Counted(now, was, "restarted" if restarted else "same")
