"""What is asked of an S3 store, again while its reason may pass, and its refusals in the user's words."""

import os
import random
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache, cached_property
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from tasks import clock
from tasks.errors import OpsError
from tasks.storage import Full, Missing, Site
from tasks.texts import t, why

if TYPE_CHECKING:
    from tasks.storage.s3 import S3Settings

CONNECT_SECONDS = 10
# For how long a reason that may pass is waited for: shortly before anything was done, longer where all the
# bytes of a backup would have been sent for nothing (a gateway takes a minute to start again).
SHORT, LONG = 10.0, 120.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
# These may pass; so may whatever is the server's fault (5xx) and every broken connection.
PASSING = {"RequestTimeout", "SlowDown", "BadDigest", "XAmzContentSHA256Mismatch", "OperationAborted"}
# AWS has no quota: what Ceph, MinIO and Huawei's OBS say.
NO_ROOM = {
    "QuotaExceeded",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "InsufficientStorageSpace",
    "InsufficientCapacity",
}
TOO_MANY, FAULT, NOT_IMPLEMENTED, INSUFFICIENT_STORAGE = 429, 500, 501, 507
ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}
# RGW says the last of an object without retention, AWS of a bucket without.
UNLOCKED = {"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"}
# Of the next page: what is asked → what the last page said.
PAGES = {
    "list_objects_v2": {"ContinuationToken": "NextContinuationToken"},
    "list_object_versions": {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"},
    "list_multipart_uploads": {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
}
# What is never left out: to the driver a page for people, or of a proxy, is an answer that says nothing.
ALWAYS = {
    **dict.fromkeys(PAGES, "IsTruncated"),
    **dict.fromkeys(("put_object", "upload_part", "head_object", "get_object"), "ETag"),
    "create_multipart_upload": "UploadId",
}
KNOWN = {
    "SignatureDoesNotMatch": "bad_secret",
    "InvalidAccessKeyId": "bad_key",
    "NoSuchBucket": "no_bucket",
    "AccessDenied": "denied",
    "403": "denied",
    "RequestTimeTooSkewed": "skewed",
}


class Refusal(OpsError):
    """The store's own answer to what was asked."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Passing(OpsError):
    """Not now: no connection, or a fault of the server's."""


# Clients may be used by many threads, and are made by one at a time.
MAKING = Lock()


@cache
def driver() -> Any:
    """It reads what S3 is from its own files: a fifth of a second, for the first store alone."""
    # Half a second of imports that most commands never need.
    import boto3.session
    import botocore.session

    # Nothing of this machine's own AWS settings.
    nowhere = (None, None, os.devnull, None)
    own = {"profile": (None,) * 4, "config_file": nowhere, "credentials_file": nowhere}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=own))


class Wire:
    """One store's connections. They are opened when something is asked, and the secret is looked up then."""

    def __init__(self, settings: "S3Settings", site: Site) -> None:
        self._settings, self._site = settings, site
        self._place = f"{settings.endpoint}/{settings.bucket}"

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config

        said = self._settings
        login = self._site.keyring(said.credential)
        if not login.user or not login.password:
            raise OpsError(t("s3.no_secret", credential=said.credential))
        trusted = self._site.home.inventories / said.ca
        if said.ca and not trusted.is_file():
            raise OpsError(t("s3.no_ca", path=trusted))
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=said.seconds,
            retries={"total_max_attempts": 1},
            # The address is the one in backups.yml.
            proxies={},
            signature_version="s3v4",
            s3={"addressing_style": said.addressing},
            # Newer sums that few stores but Amazon's know; every part has its MD5.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with MAKING:
            return driver().client(
                "s3",
                endpoint_url=said.endpoint,
                region_name=said.region,
                aws_access_key_id=login.user,
                aws_secret_access_key=login.password,
                verify=str(trusted) if said.ca else True,
                config=config,
            )

    def ask(
        self, operation: str, key: str = "", patience: float = SHORT, over: Event | None = None, **given: Any
    ) -> Any:
        """Again and again while it may pass, for `patience` seconds or until it is `over`."""
        over = over or Event()
        end, pause = time.monotonic() + patience, FIRST_PAUSE
        while True:
            if "Body" in given:
                given["Body"].seek(0)
            try:
                with self.troubles(key):
                    answer = getattr(self._client, operation)(Bucket=self._settings.bucket, **given)
                break
            except Passing:
                # Not all that wait for one server come back at once.
                if time.monotonic() + pause > end or over.wait(pause * random.uniform(0.5, 1)):  # noqa: S311
                    raise
            pause = min(2 * pause, LONGEST_PAUSE)
        if ALWAYS.get(operation, "ResponseMetadata") not in answer:
            raise Refusal(t("s3.not_s3", place=self._place), "NotS3")
        return answer

    def pages(self, operation: str, key: str = "", **given: Any) -> Iterator[Any]:
        """Of a listing, each tried again by itself."""
        tokens = PAGES[operation]
        while True:
            page = self.ask(operation, key, **given)
            yield page
            if not page.get("IsTruncated"):
                return
            following = {asked: page[answered] for asked, answered in tokens.items() if page.get(answered)}
            if not following:
                raise Refusal(t("s3.not_s3", place=self._place), "NotS3")
            given |= following

    @contextmanager
    def troubles(self, key: str = "") -> Iterator[None]:
        """`key`: what it is about, as the store's user knows it."""
        from botocore.exceptions import BotoCoreError, ClientError, SSLError
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ClientError as problem:
            raise self._refused(problem.response, key) from problem
        except SSLError as problem:
            raise Refusal(t("s3.tls", place=self._place, reason=reason(problem)), "TLS") from problem
        except ResponseParserError as problem:
            raise Refusal(t("s3.not_s3", place=self._place), "NotS3") from problem
        except (BotoCoreError, HTTPError) as problem:
            raise Passing(t("s3.no_answer", place=self._place, reason=reason(problem))) from problem

    def _refused(self, response: Mapping[str, Any], key: str) -> OpsError:
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in NO_ROOM or status == INSUFFICIENT_STORAGE:
            return Full(t("s3.full", place=self._place, code=code))
        if code in ABSENT:
            return Missing(t("storage.missing", key=key))
        if code in PASSING or status == TOO_MANY or (status >= FAULT and status != NOT_IMPLEMENTED):
            return Passing(t("s3.fault", place=self._place, code=code, status=status))
        if code in KNOWN:
            words = {"credential": self._settings.credential, "code": code, "skew": skew(response)}
            return Refusal(t(f"s3.{KNOWN[code]}", place=self._place, key=key, **words), code)
        said = response.get("Error", {}).get("Message") or ""
        return Refusal(t("s3.refused", place=self._place, code=code, reason=said), code)


def server_time(response: Mapping[str, Any]) -> datetime | None:
    said = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(said)
    except ValueError:
        return None


def skew(response: Mapping[str, Any]) -> str:
    """How far this machine's clock is from the store's."""
    theirs = server_time(response)
    if theirs is None:
        return t("s3.skew_unknown")
    ahead = (clock.now() - theirs).total_seconds()
    return t("s3.ahead" if ahead > 0 else "s3.behind", minutes=abs(ahead) / 60)


def reason(problem: Exception) -> str:
    """The innermost: what wraps it repeats the address."""
    inner: BaseException = problem
    while deeper := getattr(inner, "kwargs", {}).get("error") or inner.__cause__ or inner.__context__:
        inner = deeper
    if isinstance(inner, ssl.SSLError):  # its number is OpenSSL's
        return str(getattr(inner, "verify_message", "") or inner.reason or inner)
    if isinstance(inner, TimeoutError):
        return t("s3.timed_out")
    return why(inner) if isinstance(inner, OSError) and inner.errno else str(inner) or type(inner).__name__
