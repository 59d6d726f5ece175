"""Lines of a log grouped where they lie: what a probe sends, and how it is read again.

Whatever a log holds, no more than 300 lines of 500 bytes are sent; what was left out is counted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# `grouped` reads lines and tells each kind of them once: how many, when first and last, and the last one.
# `wanted` (lower case; empty: all) says which. Kinds are told apart roughly, by codes and words; shapes
# proper are made of it later. A line with a code finds room when others do not. `apart`: times stand on
# lines of their own, before what they are about, in whatever language (Oracle's alert log). `journal`:
# lines of journalctl's own are about its cursor, or that it failed.
GROUPED = r"""
grouped() {
  awk -v wanted="$1" -v apart="$2" -v journal="$3" '
    function taken(from, to) {
      at = substr(text, from, to); text = substr(text, 1, from - 1) substr(text, from + to)
    }
    function timed(head) {
      head = substr(text, 1, 60)
      if (match(head, /^[0-9][0-9][0-9][0-9][0-9][0-9] +[0-9]+:[0-9]+:[0-9]+/) ||
        match(head, /[0-9]+-[0-9]+-[0-9]+[T ]+[0-9]+:[0-9]+:[0-9]+[.0-9]*/) ||
        match(head, /[A-Z][a-z][a-z] +[0-9]+ [0-9]+:[0-9]+:[0-9]+/)) taken(RSTART, RLENGTH)
    }
    function only_a_time() {
      return /^[0-9-]+T[0-9:.]+([+-][0-9:]+|Z)?\r?$/ ||
        /[0-9]:[0-9][0-9]:[0-9][0-9] ([A-Z]+ )?[0-9][0-9][0-9][0-9]\r?$/
    }
    function coded(rest, codes) {
      while (match(rest, /[A-Z][A-Z]+-[0-9]+|[Ee][Rr][Rr][A-Za-z_]*[^0-9A-Za-z]*[0-9]+/)) {
        codes = codes substr(rest, RSTART, RLENGTH) " "; rest = substr(rest, RSTART + RLENGTH)
      }
      return codes
    }
    /^$/ { next }
    journal && /^-- / {
      if ($2 == "cursor:") cursor = $3
      if ($2 == "failed") print "failed"
      next
    }
    apart && length($0) < 60 && only_a_time() { at = $0; sub(/\r$/, "", at); next }
    wanted == "" || tolower($0) ~ wanted {
      n++; text = line = substr($0, 1, 500); gsub(/[\t\r]/, " ", line)
      if (!apart) timed()
      codes = coded(text)
      gsub(/\/[^ ,:;()"]+/, "/", text); gsub(/[a-fA-F]*[0-9][0-9a-fA-F]*/, "0", text)
      kind = codes text
      if (!(kind in times)) {
        if (kinds >= 200 + (codes == "" ? 0 : 100)) { left++; next }
        order[++kinds] = kind; first[kind] = at
      }
      times[kind]++; last[kind] = at; shown[kind] = line
    }
    END {
      print "count " n + 0 " left " left + 0
      for (i = 1; i <= kinds; i++) {
        kind = order[i]; print "group " times[kind] "\t" first[kind] "\t" last[kind] "\t" shown[kind]
      }
      if (cursor != "") print "cursor " cursor
    }'
}
"""
BLOCK = re.compile(
    r"count (\d{1,12}) left (\d{1,12})\n"
    r"((?:group \d{1,12}\t[^\t\n]*\t[^\t\n]*\t[^\n]*\n)*)(?:cursor (\S+)\n)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that say the same: how many, when, and the last of them."""

    count: int
    first: str
    last: str
    line: str


@dataclass(frozen=True, slots=True)
class Grouped:
    """`left`: lines for which there was no room. `cursor`: where the journal was read to."""

    groups: Sequence[Group]
    left: int = 0
    cursor: str = ""


def read_groups(text: str) -> Grouped:
    found = BLOCK.fullmatch(text)
    if found is None:
        raise ValueError(text)
    groups = [group(line.removeprefix("group ")) for line in found[3].split("\n")[:-1]]
    if sum(one.count for one in groups) + int(found[2]) != int(found[1]):
        raise ValueError(text)
    return Grouped(groups, int(found[2]), found[4] or "")


def group(line: str) -> Group:
    count, first, last, text = line.split("\t", 3)
    return Group(int(count), first, last, text)
