"""How many transactions lie between two positions of a replica, in the words of either server."""


def behind(received: str, applied: str) -> int:
    """Received and not applied yet."""
    if ":" in received + applied:
        return _missing(_intervals(received), _intervals(applied))
    have = _sequences(applied)
    return sum(max(number - have.get(domain, 0), 0) for domain, number in _sequences(received).items())


def _sequences(position: str) -> dict[str, int]:
    """MariaDB: `0-1-100,1-2-7`, domain, server and number."""
    found = [part.strip().split("-") for part in position.split(",") if part.strip()]
    return {domain: int(number) for domain, _, number in found}


Intervals = dict[str, list[tuple[int, int]]]


def _intervals(position: str) -> Intervals:
    """MySQL: `uuid:1-5:8,uuid:tag:1-3`."""
    found: Intervals = {}
    for part in "".join(position.split()).split(","):
        source, *pieces = part.split(":")
        for piece in pieces:
            if not piece[:1].isdigit():
                source = f"{source.partition(':')[0]}:{piece}"
                continue
            first, _, last = piece.partition("-")
            found.setdefault(source, []).append((int(first), int(last or first)))
    return found


def _missing(wanted: Intervals, have: Intervals) -> int:
    return sum(
        last - first + 1 - sum(_overlap(first, last, *one) for one in have.get(source, ()))
        for source, intervals in wanted.items()
        for first, last in intervals
    )


def _overlap(first: int, last: int, from_: int, to: int) -> int:
    return max(min(last, to) - max(first, from_) + 1, 0)
