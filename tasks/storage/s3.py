"""S3 by boto3: Ceph, MinIO, what the clouds of this country call object storage."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.inventory.schema import FilePath
from tasks.storage import STORES, Kept, Site, Stored, sound
from tasks.storage.s3_upload import MIB, Upload, compare, cut
from tasks.storage.s3_wire import LONG, SHORT, UNLOCKED, Passing, Refusal, Wire, server_time
from tasks.strict import Name, Shape
from tasks.texts import t

CHUNK = MIB
ENDPOINT = re.compile(r"^https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:[1-9]\d{0,4})?$", re.ASCII)
SECOND = timedelta(seconds=1)
# What stores without a function answer when asked for it.
NOT_OFFERED = {"NotImplemented", "MethodNotAllowed", "501", "405"}


def an_endpoint(value: str) -> str:
    if not ENDPOINT.match(value):
        raise PydanticCustomError("endpoint", t("s3.bad_endpoint"))
    return value


def a_prefix(value: str) -> str:
    if value and (value != value.strip("/ ") or any(part in ("", ".", "..") for part in value.split("/"))):
        raise PydanticCustomError("prefix", t("s3.bad_prefix"))
    return value


class S3Settings(Shape):
    kind: Literal["s3"]
    endpoint: Annotated[str, Field(max_length=300), AfterValidator(an_endpoint)]
    bucket: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$")]
    prefix: Annotated[str, Field(max_length=200), AfterValidator(a_prefix)] = ""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")] = "us-east-1"
    # Its user is the access key, its password the secret key.
    credential: Name
    # Who signed the server's certificate: a file beside the inventories.
    ca: FilePath = ""
    # `virtual`: the bucket is part of the host name, as Aliyun's OSS wants it.
    addressing: Literal["path", "virtual"] = "path"
    # Nobody deletes a complete backup before so many days; `governance`: but those with a special right.
    lock_days: Annotated[int, Field(ge=0, le=3650, strict=True)] = 0
    lock: Literal["compliance", "governance"] = "compliance"
    # Of an upload: what is held in memory, twice.
    part_mib: Annotated[int, Field(ge=5, le=1024, strict=True)] = 16
    # Without a byte of an answer.
    seconds: Annotated[int, Field(ge=1, le=600, strict=True)] = 60


@STORES.add("s3")
class S3:
    Settings = S3Settings
    # A server takes no request whose signature is older.
    late = timedelta(minutes=15)

    def __init__(self, settings: S3Settings, site: Site) -> None:
        self._settings, self._site = settings, site
        self._base = f"{settings.prefix}/" if settings.prefix else ""
        self._wire = Wire(settings, site)
        self.lock_days = settings.lock_days

    @cached_property
    def locks(self) -> bool:
        answer = self._asked_if_offered("get_object_lock_configuration")
        return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    @cached_property
    def _versioned(self) -> bool:
        return "Status" in self._asked_if_offered("get_bucket_versioning")

    def _asked_if_offered(self, operation: str) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = self._wire.ask(operation)
        except Refusal as problem:
            if problem.code in UNLOCKED | NOT_OFFERED:
                return {}
            raise
        return answer

    def put(self, key: str, chunks: Iterable[bytes]) -> Stored:
        upload = Upload(self._wire, self._path(key), key)
        spill = self._site.home.ready(self._site.home.run)
        with closing(cut(chunks, self._settings.part_mib * MIB, spill)) as parts:
            upload.send(parts)
        found = self._ask("head_object", key, patience=LONG)
        compare(key, found, upload.etag, lambda: self.delete(key))
        if found["ContentLength"] != upload.size:
            self.delete(key)
            raise OpsError(t("s3.altered_size", key=key, found=found["ContentLength"], expected=upload.size))
        return self._stored(key, found["ContentLength"], found)

    def read(self, key: str) -> Iterator[bytes]:
        """A connection that breaks is taken up where it broke, on the same object."""
        at = since = 0
        same: dict[str, str] = {}
        while True:
            answer = self._ask("get_object", key, patience=LONG if at else SHORT, **same)
            try:
                with self._wire.troubles(key), closing(answer["Body"]) as body:
                    for chunk in body.iter_chunks(CHUNK):
                        at += len(chunk)
                        yield chunk
                return
            except Passing:
                if at == since:
                    raise
            since, same = at, {"Range": f"bytes={at}-", "IfMatch": answer["ETag"]}

    def stat(self, key: str) -> Stored | None:
        """From the list: the answer to HEAD has no room for a reason."""
        path = self._path(key)
        listed = self._wire.ask("list_objects_v2", key, Prefix=path, MaxKeys=1).get("Contents", [])
        return next((self._stored(key, one["Size"], one) for one in listed if one["Key"] == path), None)

    def objects(self, prefix: str) -> Iterator[Stored]:
        for page in self._wire.pages("list_objects_v2", Prefix=self._base + prefix):
            for one in page.get("Contents", []):
                yield self._stored(one["Key"].removeprefix(self._base), one["Size"], one)

    def delete(self, key: str) -> None:
        """In a bucket with versions all of them, the oldest first: one that fails hides nothing."""
        if not self._versioned:
            self._ask("delete_object", key)
            return
        versions = list(self._versions(key))
        for one in [one for one, mark in versions if not mark] if self.locks else []:
            until = self._kept(key, one)[1]
            if until and until > clock.now():
                raise Kept(t("s3.kept_until", key=key, until=until))
        for one, _ in reversed(versions):
            try:
                self._ask("delete_object", key, VersionId=one)
            except Refusal as problem:
                if problem.code == "AccessDenied" and self.locks:
                    raise Kept(t("s3.kept", key=key)) from problem
                raise

    def keep(self, key: str, until: datetime) -> None:
        """Read back: a store that does not know the request may well answer that all is well."""
        if not self.locks:
            raise Refused(t("storage.no_lock"))
        wanted = self._settings.lock.upper(), until.replace(microsecond=0) + SECOND
        mode, found = self._kept(key)
        if mode != wanted[0] or not found or found < until:
            retention = dict(zip(("Mode", "RetainUntilDate"), wanted, strict=True))
            self._ask("put_object_retention", key, Retention=retention)
            mode, found = self._kept(key)
        if mode != wanted[0] or not found or found < until:
            raise Refused(t("s3.lock_ignored", place=self._settings.endpoint, key=key, until=until))

    def free(self) -> int | None:
        return None

    def sweep(self, older_than: timedelta, prefix: str = "") -> list[str]:
        """By the store's clock, which says since when: an answer's date is in whole seconds, so all is."""
        swept = []
        for page in self._wire.pages("list_multipart_uploads", Prefix=self._base + prefix):
            now = server_time(page) or clock.now()
            for one in page.get("Uploads", []):
                if now - one["Initiated"].replace(microsecond=0) >= older_than:
                    key = one["Key"].removeprefix(self._base)
                    self._ask("abort_multipart_upload", key, UploadId=one["UploadId"])
                    swept.append(key)
        return swept

    def _versions(self, key: str) -> Iterator[tuple[str, bool]]:
        """Newest first; and whether it is only a mark that says it was deleted."""
        path = self._path(key)
        for page in self._wire.pages("list_object_versions", key, Prefix=path):
            marks = [{**one, "mark": True} for one in page.get("DeleteMarkers", [])]
            found = [*page.get("Versions", []), *marks]
            found.sort(key=lambda one: one["LastModified"], reverse=True)
            yield from ((one["VersionId"], "mark" in one) for one in found if one["Key"] == path)
            if any(one["Key"] != path for one in found):
                return

    def _kept(self, key: str, version: str = "") -> tuple[str, datetime | None]:
        given = {"VersionId": version} if version else {}
        try:
            retention = self._ask("get_object_retention", key, **given).get("Retention", {})
        except Refusal as problem:
            if problem.code in UNLOCKED:
                return "", None
            raise
        return str(retention.get("Mode", "")), retention.get("RetainUntilDate")

    def _path(self, key: str) -> str:
        return self._base + sound(key)

    def _ask(self, operation: str, key: str, **given: Any) -> Any:
        return self._wire.ask(operation, key, Key=self._path(key), **given)

    def _stored(self, key: str, size: int, found: Mapping[str, Any]) -> Stored:
        """In whole seconds: HEAD has no others, a list may."""
        modified: datetime = found["LastModified"].astimezone(clock.ZONE).replace(microsecond=0)
        return Stored(key, int(size), modified, found["ETag"].strip('"'))
