"""What S3 fails with, as the OSError that `storage/checked.py` knows, with a sentence that says what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from botocore import exceptions as boto
from urllib3.exceptions import HTTPError

from storage.errors import Explained

MISSING = frozenset({"NoSuchKey", "NoSuchUpload", "NoSuchVersion", "404", "NotFound"})
STALE_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
"""Parts are not those that were uploaded: another process has written to the same upload."""

_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "EntityTooLarge", "507"})
_BUSY = frozenset(
    {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded", "503"}
)
_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity"})
_TOKEN = frozenset({"InvalidToken", "InvalidTokenId", "ExpiredToken", "ExpiredTokenException"})
_ROLES = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials"})
"""Operations by which boto3 fetches the keys of a role, before it asks S3."""
_REGION = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException", "301"})


@contextlib.contextmanager
def calling(bucket: str) -> Iterator[None]:
    """Within it, what botocore raises is an OSError that says nothing of whether a file is there, but for S3's own."""
    try:
        yield
    except (boto.ClientError, boto.BotoCoreError) as error:
        raise os_error(error, bucket) from error
    except OSError as error:  # the file of a token or of certificates, or the program that is to say the keys
        raise Explained(errno.EIO, f"what S3 is to be asked with cannot be read ({error})") from error
    except RuntimeError as error:  # keys that are handed out have ended already
        raise Explained(
            errno.EACCES, f"there are no S3 credentials that last, is the clock right? ({error})"
        ) from error
    except HTTPError as error:  # botocore lets it pass when the text of a refusal breaks off
        raise Explained(errno.EIO, f"the S3 server broke off its answer ({error})") from error


def os_error(error: boto.ClientError | boto.BotoCoreError, bucket: str) -> OSError:
    """The OSError for what botocore raised."""
    if isinstance(error, boto.ClientError):
        return _refused(error, bucket)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError):
        return Explained(errno.EACCES, "no S3 credentials were found, set s3.access_key and s3.secret_key or a role")
    if isinstance(error, boto.ProfileNotFound | boto.InvalidConfigError | boto.ConfigParseError):
        return Explained(errno.EACCES, f"AWS's own files do not say the S3 credentials ({error})")
    if isinstance(error, boto.SSLError):
        return Explained(errno.EIO, f"the S3 server's certificate is not trusted, set s3.ca_bundle ({error})")
    if isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError):
        return Explained(errno.ETIMEDOUT, "the S3 server does not answer in time, is it up and s3.timeout long enough")
    if isinstance(error, boto.EndpointConnectionError | boto.ProxyConnectionError):
        return Explained(errno.ECONNREFUSED, f"the S3 server cannot be reached, check s3.endpoint ({error})")
    return Explained(errno.EIO, f"the S3 server cannot be used ({error})")


def code(error: BaseException | None) -> str:
    """What S3 calls the error, or that of the OSError it became; "" for anything else."""
    if isinstance(error, OSError):
        error = error.__cause__
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def _refused(error: boto.ClientError, bucket: str) -> OSError:
    answer: dict[str, Any] = error.response
    name = code(error)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if error.operation_name in _ROLES and status < 500 and name not in _BUSY:
        return Explained(errno.EACCES, f"a role that S3 is to be asked as is not given ({name}: {_message(answer)})")
    if name == "NoSuchBucket":
        # No answer about a file, as ENOENT would be: nothing may be taken for lost because of it.
        return Explained(errno.EIO, f"bucket {bucket} is not there, create it or correct s3.bucket")
    if name in MISSING or name in STALE_PARTS:
        return FileNotFoundError(errno.ENOENT, f"S3 says {name}")
    if name in _REGION:
        return Explained(errno.EIO, f"bucket {bucket} is in another region, correct s3.region ({_message(answer)})")
    if name in _KEYS:
        return Explained(errno.EACCES, f"S3 does not know the keys ({name}), correct s3.access_key and s3.secret_key")
    if name in _TOKEN:
        return Explained(
            errno.EACCES, f"S3 does not take the session token ({name}), give new session credentials or use a role"
        )
    if name == "RequestTimeTooSkewed":
        return Explained(errno.EACCES, "this machine's clock is not the S3 server's, correct it")
    if status == 403:
        return Explained(errno.EACCES, f"S3 denies the access ({name}), see the bucket's policy and that of the keys")
    if name in _FULL:
        return Explained(errno.ENOSPC, f"S3 has no room ({name}), raise the quota or delete something")
    if name in _BUSY:
        return Explained(errno.EAGAIN, f"S3 is busy ({name}), try again")
    return Explained(errno.EIO, f"S3 failed with {name} ({_message(answer)}), look at the S3 server's log")


def _message(answer: dict[str, Any]) -> str:
    return str(answer.get("Error", {}).get("Message", "no reason given"))[:200]
