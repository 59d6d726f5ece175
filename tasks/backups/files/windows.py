"""What is asked of a Windows host over its PowerShell session: lists and sums, and contents block by block in
base64, of which this machine makes the archive. Each question is a session of its own.

SYNTHETIC: it has only met the stand-in of the tests, never a Windows.
"""

import base64
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tasks.backups import Order
from tasks.backups.files.entries import Entry
from tasks.backups.files.host import Listing, unreadable
from tasks.backups.road import Chunks
from tasks.checks.powershell import quoted
from tasks.errors import OpsError
from tasks.model import Host
from tasks.texts import t
from tasks.transports import Access, open_transport

LIMIT = timedelta(hours=6)
# Of one answer, which is kept in memory: far below what a transport takes for a flood.
BATCH = 8 * 2**20
NAMES = 500
COMMON = r"""
$ErrorActionPreference='Stop'
function B($s){[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([string]$s))}
function P($s){[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($s))}
function Why($e){B ($e.Exception.GetBaseException().Message)}
function Opened($p){
  $share=[IO.FileShare]'ReadWrite,Delete'
  New-Object IO.FileStream($p,[IO.FileMode]::Open,[IO.FileAccess]::Read,$share)}
"""
LIST = r"""
$epoch=([datetime]'1970-01-01').Ticks
Write-Output ('now '+([datetime]::UtcNow.Ticks-$epoch))
function Tell($i){
  $a=[int]$i.Attributes; $k='f'; $size=0; $to=''
  if($a -band 1024){$k='l'; try{$to=[string]@($i.Target)[0]}catch{$to=''}}
  elseif($a -band 16){$k='d'}else{$size=$i.Length}
  Write-Output ($k+' '+$a+' '+$size+' '+($i.LastWriteTimeUtc.Ticks-$epoch)+' '+(B $i.FullName)+' '+(B $to))}
function Out($i){
  foreach($p in $exclude){
    if($p.Contains('\')){if($i.FullName -like $p){return $true}}elseif($i.Name -like $p){return $true}}
  return $false}
$left=New-Object Collections.Stack
foreach($p in $paths){
  if([IO.Directory]::Exists($p)){$i=New-Object IO.DirectoryInfo $p; Tell $i; $left.Push($i)}
  elseif([IO.File]::Exists($p)){Tell (New-Object IO.FileInfo $p)}
  else{Write-Output ('e '+(B $p)+' '+(B 'not there'))}}
while($left.Count){
  $d=$left.Pop()
  try{$all=$d.GetFileSystemInfos()}catch{Write-Output ('e '+(B $d.FullName)+' '+(Why $_)); continue}
  foreach($i in $all){
    if(Out $i){continue}
    Tell $i
    if(([int]$i.Attributes -band 1040) -eq 16){$left.Push($i)}}}
Write-Output 'end'
"""
SUMS = r"""
foreach($n in $names){
  try{
    $s=Opened (P $n)
    try{$h=[Security.Cryptography.SHA256]::Create().ComputeHash($s)}finally{$s.Dispose()}
    $h=[BitConverter]::ToString($h).Replace('-','')
    Write-Output ('s '+$n+' '+$h)
  }catch{Write-Output ('e '+$n+' '+(Why $_))}}
Write-Output 'end'
"""
# No more of a file than the list told.
READ = r"""
foreach($one in $names){
  $n,$from,$size=$one.Split(' ')
  try{
    $s=Opened (P $n)
    try{
      [void]$s.Seek([long]$from,[IO.SeekOrigin]::Begin)
      $b=New-Object byte[] ([int]$size); $got=0
      while($got -lt $b.Length){$r=$s.Read($b,$got,$b.Length-$got); if($r -le 0){break}; $got+=$r}
    }finally{$s.Dispose()}
    Write-Output ('b '+$n+' '+[Convert]::ToBase64String($b,0,$got))
  }catch{Write-Output ('e '+$n+' '+(Why $_))}}
Write-Output 'end'
"""


@dataclass
class Windows:
    """The same questions as `host.Source` answers."""

    host: Host
    access: Access
    paths: Sequence[str]
    exclude: Sequence[str]
    one_file_system: bool = False
    # What others hold open: told, and not there.
    left_out: dict[bytes, str] = field(default_factory=dict)
    _names: dict[bytes, str] = field(default_factory=dict)
    _entries: dict[bytes, Entry] = field(default_factory=dict)

    @contextmanager
    def look(self) -> Iterator[Listing]:
        script = f"$paths={words(self.paths)}\n$exclude={words(self.exclude)}\n{LIST}"
        begun, troubled = 0, []
        found: dict[bytes, Entry] = {}
        for kind, *said in self._ask(script):
            if kind == "now":
                begun = int(said[0]) * 100
            elif kind == "e":
                troubled.append(f"{decoded(said[0])}: {decoded(said[1])}".encode())
            else:
                entry = self._entry(kind, said)
                found[entry.path] = entry
        if troubled:
            raise unreadable(self.host, troubled)
        self._entries = found
        yield Listing(begun, iter(found.values()))

    def _entry(self, kind: str, said: Sequence[str]) -> Entry:
        """`D:\\docs\\a.txt` is kept as `/D/docs/a.txt`. Of the attributes only read-only has a place."""
        flags, size, ticks, name, target = int(said[0]), said[1], int(said[2]), decoded(said[3]), said[4]
        kept = name.replace(":", "", 1).replace("\\", "/").strip("/")
        path = f"/{kept}".encode("utf-8", "backslashreplace")
        self._names[path] = name
        mode = "755" if kind == "d" else "444" if flags & 1 else "644"
        at = f"{ticks // 10**7}.{ticks % 10**7:07}"
        link = decoded(target).encode() or b"?" if kind == "l" else b""
        return Entry(path, f"{kind} {mode} 0 0 {size} {at} {at} 0 0 1", link)

    def sums(self, paths: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
        for batch in batches(paths, NAMES):
            known = {encoded(self._names[path]): path for path in batch}
            for kind, name, said in self._ask(f"$names={words(list(known))}\n{SUMS}"):
                if kind == "s":
                    yield known[name], said.lower()
                else:
                    self.left_out[known[name]] = t("files.locked", reason=decoded(said))

    def cannot_read(self, paths: Iterable[bytes]) -> list[bytes]:
        """Others may hold a file open at any time: that is told, and no reason to have no backup."""
        return []

    @contextmanager
    def pack(self, paths: Iterable[bytes]) -> Iterator[Chunks]:
        yield Chunks(self._archive(path for path in paths if path not in self.left_out))

    def _archive(self, paths: Iterable[bytes]) -> Iterator[bytes]:
        for batch in self._batches(paths):
            content = self._contents([path for path in batch if self._entries[path].type == "f"])
            for path in batch:
                if path not in self.left_out:
                    yield from self._member(path, content)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _batches(self, paths: Iterable[bytes]) -> Iterator[list[bytes]]:
        """So many that their contents are one answer; what is larger than that alone."""
        batch: list[bytes] = []
        size = 0
        for path in paths:
            own = self._entries[path].size
            if batch and (size + own > BATCH or len(batch) >= NAMES):
                yield batch
                batch, size = [], 0
            batch.append(path)
            size += own
        if batch:
            yield batch

    def _contents(self, paths: Sequence[bytes]) -> dict[bytes, bytes]:
        """The first block of each."""
        wanted = [(path, 0, min(self._entries[path].size, BATCH)) for path in paths]
        return {path: said for path, said in self._blocks(wanted) if said is not None}

    def _blocks(self, wanted: Sequence[tuple[bytes, int, int]]) -> Iterator[tuple[bytes, bytes | None]]:
        known = {encoded(self._names[path]): path for path, _, _ in wanted}
        lines = [f"{encoded(self._names[path])} {start} {size}" for path, start, size in wanted]
        for kind, name, *said in self._ask(f"$names={words(lines)}\n{READ}") if lines else ():
            if kind == "e":
                self.left_out[known[name]] = t("files.locked", reason=decoded(said[0]))
            yield known[name], None if kind == "e" else base64.b64decode(said[0] if said else "")

    def _member(self, path: bytes, content: dict[bytes, bytes]) -> Iterator[bytes]:
        entry = self._entries[path]
        kind, mode, _, _, size, mtime = entry.restored.split("\0")
        one = tarfile.TarInfo("." + path.decode())
        one.type = {"d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE}.get(kind, tarfile.REGTYPE)
        one.mode, one.size, one.linkname = int(mode, 8), int(size), entry.link.decode()
        one.mode = 0o777 if kind == "l" else one.mode
        one.pax_headers = {"mtime": f"{int(mtime) // 10**9}.{int(mtime) % 10**9:09}"}
        yield one.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        if kind == "f":
            yield from self._padded(path, content.get(path, b""), int(size))

    def _padded(self, path: bytes, first: bytes, size: int) -> Iterator[bytes]:
        """One that became shorter meanwhile is filled up, as tar does: the lists tell that it changed."""
        done = 0
        while done < size:
            wanted = min(size - done, BATCH)
            said = first if not done else next(self._blocks([(path, done, wanted)]))[1] or b""
            said = said[:wanted].ljust(wanted, b"\0")
            yield said
            done += len(said)
        yield bytes(-size % tarfile.BLOCKSIZE)

    def _ask(self, script: str) -> Iterator[list[str]]:
        """Its lines, each in words; one that is cut has no last line."""
        answer = open_transport(self.host, self.access).run(COMMON + script, LIMIT)
        lines = answer.text.split("\n")
        if answer.failure or answer.exit_code != 0 or lines[-2:] != ["end", ""]:
            reason = answer.failure or answer.stderr[-300:] or "?"
            raise OpsError(t("files.windows_failed", host=self.host.name, reason=reason))
        return (line.split(" ") for line in lines[:-2])

    def plant(self, name: str, value: str) -> None:
        path = quoted(f"{self.paths[0]}\\{name}")
        list(self._ask(f"[IO.File]::WriteAllText({path},{quoted(value)})\nWrite-Output 'end'\n"))

    def unreadable(self, what: Sequence[bytes]) -> OpsError:
        return unreadable(self.host, what)


def words(texts: Sequence[str]) -> str:
    return "@(" + ",".join(quoted(text) for text in texts) + ")"


def encoded(name: str) -> str:
    return base64.b64encode(name.encode("utf-8", "surrogatepass")).decode()


def decoded(word: str) -> str:
    return base64.b64decode(word).decode("utf-8", "replace")


def batches(paths: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    left = list(paths)
    for start in range(0, len(left), size):
        yield left[start : start + size]


def windows_of(order: Order) -> Windows:
    host = order.target
    assert isinstance(host, Host)
    if not order.job.paths:
        raise OpsError(t("files.no_paths", job=order.job.name))
    login = replace(host, credential=order.job.credential) if order.job.credential else host
    return Windows(login, order.access, order.job.paths, order.job.exclude)
