"""Streams on their way to S3: cut into parts of bounded memory, one filling while the one before travels."""

import base64
import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

from tasks.errors import OpsError
from tasks.storage.s3_wire import LONG, Wire
from tasks.texts import t

MIB = 2**20
# S3's own limits.
PARTS, LARGEST_PART = 10_000, 5 * 2**30
# From the 2000th on parts double with every thousand: from 16 MiB on, 10,000 of them hold 7.8 TiB, and an
# object ends at 5.
GROWS_FROM, GROWS_EVERY = 1000, 1000
# What a part holds beyond this waits in an unnamed file; two parts are held at a time.
IN_MEMORY = 32 * MIB


def size_of(number: int, first: int) -> int:
    return min(first << max(0, (number - GROWS_FROM) // GROWS_EVERY), LARGEST_PART)


class Part:
    def __init__(self, number: int, room: int, folder: Path) -> None:
        self.number, self.room, self.size = number, room, 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115 - closed when sent

    @property
    def full(self) -> bool:
        return self.size == self.room

    def fill(self, data: memoryview) -> memoryview:
        """What did not fit is given back."""
        taken = data[: self.room - self.size]
        self.file.write(taken)
        self._md5.update(taken)
        self.size += len(taken)
        return data[len(taken) :]

    @property
    def md5(self) -> bytes:
        return self._md5.digest()


def cut(chunks: Iterable[bytes], first: int, folder: Path) -> Generator[Part, None, None]:
    """Full parts and a last one that may not be; nothing at all is one empty part."""
    part = Part(1, size_of(1, first), folder)
    for chunk in chunks:
        left = memoryview(chunk)
        while left:
            left = part.fill(left)
            if part.full:
                yield part
                part = Part(part.number + 1, size_of(part.number + 1, first), folder)
    if part.size or part.number == 1:
        yield part


class Upload:
    """One object at `path` in the bucket; `key` is its name to people."""

    def __init__(self, wire: Wire, path: str, key: str) -> None:
        self._wire, self._path, self._key = wire, path, key
        self._over = Event()
        self.size = 0
        # What the store should call the whole.
        self.etag = ""

    def send(self, parts: Iterator[Part]) -> None:
        first = next(parts)
        if first.full:
            self._multipart(chain([first], parts))
        else:
            self._send("put_object", first)
            self.etag = first.md5.hex()

    def _multipart(self, parts: Iterator[Part]) -> None:
        upload = self._ask("create_multipart_upload", patience=LONG)["UploadId"]
        try:
            sums = self._all(parts, upload)
            self.etag = f"{md5(b''.join(sums))}-{len(sums)}"
            self._complete(upload, sums)
        except BaseException:
            with suppress(OpsError):  # what cannot be removed now, `sweep` will
                self._ask("abort_multipart_upload", UploadId=upload)
            raise

    def _all(self, parts: Iterator[Part], upload: str) -> list[bytes]:
        sums: list[bytes] = []
        with ThreadPoolExecutor(1) as sender:
            try:
                flying: Future[bytes] | None = None
                for part in parts:
                    if part.number > PARTS:
                        raise OpsError(t("s3.too_large", key=self._key, parts=PARTS))
                    if flying:
                        sums.append(flying.result())
                    given = {"UploadId": upload, "PartNumber": part.number}
                    flying = sender.submit(self._send, "upload_part", part, **given)
                assert flying
                sums.append(flying.result())
            except BaseException:
                self._over.set()
                raise
        return sums

    def _send(self, operation: str, part: Part, **given: Any) -> bytes:
        with part.file as file:
            said = base64.b64encode(part.md5).decode()
            answer = self._ask(operation, patience=LONG, over=self._over, Body=file, ContentMD5=said, **given)
        self.size += part.size
        compare(self._key, answer, part.md5.hex())
        return part.md5

    def _complete(self, upload: str, sums: list[bytes]) -> None:
        parts = [{"PartNumber": number, "ETag": f'"{one.hex()}"'} for number, one in enumerate(sums, 1)]
        try:
            self._ask(
                "complete_multipart_upload", patience=LONG, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except OpsError:
            # It may be only the answer that was lost: the object itself tells.
            if not self._there():
                raise

    def _there(self) -> bool:
        with suppress(OpsError):
            found = self._ask("head_object")
            return bool(found["ContentLength"] == self.size and found["ETag"].strip('"') == self.etag)
        return False

    def _ask(self, operation: str, **given: Any) -> Any:
        return self._wire.ask(operation, self._key, Key=self._path, **given)


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def compare(
    key: str, answer: dict[str, Any], expected: str, refuse: Callable[[], None] = lambda: None
) -> None:
    """A store that encrypts with keys of its own, or counts otherwise, has sums that are no MD5."""
    found = str(answer.get("ETag", "")).strip('"')
    ours = answer.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in answer
    if ours and len(found) == len(expected) and found != expected:
        refuse()
        raise OpsError(t("s3.altered", key=key, found=found, expected=expected))
