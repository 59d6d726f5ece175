"""Reading on in a log file from where the last record left off: shell, for the probes that do, and what it
tells.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# `place FILE` finds where to read on, from $was_inode, $was_size (bytes read), $was_span and $was_sum (a
# checksum of the file's first bytes: one that was emptied and has grown again has the same inode).
# `fresh FILE` gives the new bytes: what was still written into the rotated file first (and those in
# between, after two rotations), whole lines only, and of too much the end: at most 4 MiB of a file.
# `placed` tells all of it.
READ_ON = r"""
most=4194304
sum_of() { head -c "$2" "$1" | cksum; }
place() {
  [ -r "$1" ] || return 1
  set -- "$1" $(stat -L -c '%i %s' "$1")
  inode=$2 size=$3 from=0 how=same old= old_from=0 skipped=0
  if [ "$size" -gt 0 ] && [ "$(tail -c +"$size" "$1" | head -c 1 | tr '\n.' .x)" != . ]; then
    end=$((size > 65536 ? size - 65535 : 1))
    size=$((size - $(tail -c +$end "$1" | head -c $((size - end + 1)) | awk 'END { print length($0) }')))
  fi
  if [ -z "$was_inode" ]; then
    how=first
    [ "$size" -le 1048576 ] || from=$((size - 1048576))
  elif [ "$inode" = "$was_inode" ] && [ "$size" -ge "$was_size" ] &&
    [ "$(sum_of "$1" "$was_span")" = "$was_sum" ]; then
    from=$was_size
  else
    how=lost
    [ "$was_size" -gt 0 ] || how=rotated
    for one in "$1".[0-9]* "$1"-[0-9]* "$1".old; do
      case $one in *.gz|*.xz|*.bz2|*.zst|*'*') continue;; esac
      [ -r "$one" ] || continue
      set -- "$1" $(stat -L -c '%i %s' "$one")
      if [ "$3" -ge "$was_size" ] && [ "$was_span" -gt 0 ] &&
        [ "$(sum_of "$one" "$was_span")" = "$was_sum" ]; then
        how=rotated old=$one old_from=$was_size
        [ $(($3 - old_from)) -le $most ] || { skipped=$(($3 - most - old_from)); old_from=$(($3 - most)); }
        break
      fi
    done
    [ "$how" = rotated ] || [ "$inode" != "$was_inode" ] || how=emptied
  fi
  [ $((size - from)) -le $most ] || { skipped=$((skipped + size - most - from)); from=$((size - most)); }
  span=$((size < 256 ? size : 256))
}
fresh() {
  if [ -n "$old" ]; then
    tail -c +$((old_from + 1)) "$old"
    for one in "$1".[0-9]* "$1"-[0-9]*; do
      case $one in *.gz|*.xz|*.bz2|*.zst|*'*') continue;; esac
      ! [ "$one" -nt "$old" ] || tail -c $most "$one"
    done
  fi
  tail -c +$((from + 1)) "$1" | head -c $((size - from))
}
# `opened FILE` begins an answer about it, or ends the probe; `followed FILE` does so for a log that goes on
# under new names in its folder: `fresh_of_all FILE` then gives what the others got before it, at most 4 MiB.
opened() {
  [ "$1" = "$was_file" ] || was_inode=
  place "$1" || { echo "denied $1"; exit; }
  echo "file $1"; placed "$1"
}
followed() {
  moved=
  if [ -n "$was_file" ] && [ "$was_file" != "$1" ]; then
    moved="$was_inode $was_size $was_span $was_sum"; was_inode=none was_size=0 was_span=0 was_sum=
  fi
  place "$1" || { echo "denied $1"; exit; }
  [ -z "$moved" ] || [ -r "$was_file" ] || how=lost
  echo "file $1"; placed "$1"
}
others() {
  set -- "$1" $moved
  was_inode=$2 was_size=$3 was_span=$4 was_sum="$5 $6"
  ! place "$was_file" || fresh "$was_file"
  for one in "${1%/*}"/*."${1##*.}"; do
    [ "$one" = "$1" ] || ! [ "$one" -nt "$was_file" ] || tail -c $most "$one"
  done
}
fresh_of_all() {
  [ -z "$moved" ] || (others "$1") | tail -c $most
  fresh "$1"
}
placed() { echo "placed $how $skipped $inode $size $span $(sum_of "$1" $span)"; }
"""

# (how the file went on, what that means for the count)
HOW = {
    "same": "",
    "first": "（首次，只读最后 1 MiB）",
    "rotated": "（日志已轮转，旧文件余下部分已计入）",
    "emptied": "（日志被清空过，清空前未读部分无法计入）",
    "lost": "（日志已轮转且旧文件已不在，其未读部分无法计入）",
}
PLACED = re.compile(r"placed (\w+) (\d{1,15}) (\d{1,20}) (\d{1,15}) (\d{1,3}) (\d+ \d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file was read to, as marks; and what there is to say of how it went on."""

    note: str
    marks: Mapping[str, str]


def read_place(text: str) -> tuple[Place, str]:
    """The line that `placed` gives, and what follows it."""
    line, _, rest = text.partition("\n")
    placed = PLACED.fullmatch(line)
    if placed is None or placed[1] not in HOW:
        raise ValueError(text)
    skipped = f"（另有 {int(placed[2]) / 1024**2:.0f} MiB 过大未读）" if int(placed[2]) else ""
    names = ("inode", "size", "span", "sum")
    return Place(HOW[placed[1]] + skipped, dict(zip(names, placed.groups()[2:], strict=True))), rest
