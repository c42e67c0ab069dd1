"""boto3's clients, imported when first needed, and AWS's refusals as one sentence each.

Credentials, region, profile, endpoint (``AWS_ENDPOINT_URL``) and retries are boto3's own: the whole chain of
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html and nothing beside it.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

from flowkit.loading.errors import SourceError

_EXPIRED = {
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired",
    "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError",
}  # fmt: skip
#: Codes that mean a missing permission.
DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation"}
_UNKNOWN_KEY = {
    "AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken",
    "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
_UNREACHABLE = {
    "ConnectionClosedError", "ConnectionError", "ConnectTimeoutError", "EndpointConnectionError",
    "HTTPClientError", "ProxyConnectionError", "ReadTimeoutError", "SSLError",
}  # fmt: skip
_MISSING = {
    "NoSuchBucket": "There is no such bucket: {place}.",
    "NoSuchKey": "{place} was listed but is gone: it was deleted or moved while it was being read.",
    "404": "There is nothing at {place}.",
    "ResourceNotFoundException": "There is no such log group here: {place}; check its name and the region.",
    "InvalidObjectState": "{place} is archived (S3 Glacier): restore it, or narrow the window with --start.",
}
_BUSY = {
    "500", "502", "503", "504", "InternalError", "RequestLimitExceeded", "ServiceUnavailable", "SlowDown",
    "Throttling", "ThrottlingException",
}  # fmt: skip

#: The permission that an operation needs, where it is not the service's prefix and the operation's name.
_PERMISSIONS = {"ListObjectsV2": "s3:ListBucket", "HeadObject": "s3:GetObject"}


def configure(region: str | None = None, profile: str | None = None) -> None:
    """Choose region and profile for this process and those that it starts, notebooks' kernels among them."""
    for value, names in ((region, ("AWS_REGION", "AWS_DEFAULT_REGION")), (profile, ("AWS_PROFILE",))):
        for name in names if value else ():
            os.environ[name] = value


def client(service: str, profile: str | None = None, region: str | None = None):
    """Return a boto3 client of `service`; raises SourceError where boto3, the profile or a region is missing.

    The region is the one given or chosen, else AWS_REGION's (as other tools read it), else boto3's own choice.
    """
    region = region or os.environ.get("AWS_REGION")
    try:
        import boto3  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ImportError:
        raise SourceError("AWS needs boto3, which is not installed: pip install 'vpc-flowkit[aws]'") from None
    try:
        return boto3.Session(profile_name=profile, region_name=region).client(service)
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise refusal(error, service) from error


@contextmanager
def sentences(place: str):
    """Turns what boto3 raises while `place` is used into a SourceError."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise refusal(error, place) from error


def at_once(work: Callable, items: Iterable, workers: int) -> Iterator:
    """What `work` gives for each of `items`, in order, `workers` at a time and only a few ahead."""
    rest = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(work, item) for item in islice(rest, 2 * workers))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(rest, 1))


def refusal(error: Exception, place: str) -> SourceError:
    """The SourceError that says what `error` (of botocore) means for `place`, and what to do."""
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", type(error).__name__))
    operation = getattr(error, "operation_name", "")
    if code in _NO_CREDENTIALS:
        return SourceError(
            f"No AWS credentials for {place}: run `aws configure` or `aws sso login`, or set AWS_PROFILE."
        )
    if code in _EXPIRED:
        return SourceError(f"The AWS session is over, so {place} cannot be read: sign in again (`aws sso login`).")
    if code in _UNKNOWN_KEY:
        return SourceError(f"AWS does not accept these credentials for {place} ({code}): check key and profile.")
    if code in DENIED:
        return SourceError(_denied(operation, place))
    if code in _MISSING:
        return SourceError(_MISSING[code].format(place=place))
    if code in _UNREACHABLE:
        return SourceError(f"AWS cannot be reached for {place}: check network, region, AWS_ENDPOINT_URL ({error}).")
    if code in _BUSY:
        return SourceError(f"AWS keeps failing on {place} ({code}, also after retries): try again later.")
    if code == "NoRegionError":
        return SourceError("No AWS region is set: give --region, or set AWS_REGION.")
    if not operation:
        return SourceError(f"AWS cannot be asked for {place}: {error}")
    return SourceError(f"AWS refused {operation} for {place}: {error}")


def _denied(operation: str, place: str) -> str:
    service = "s3" if place.startswith("s3:") else "logs" if place.startswith("cloudwatch:") else "ec2"
    permission = _PERMISSIONS.get(operation, f"{service}:{operation}")
    hint = "; a requester-pays bucket also needs AWS_REQUEST_PAYER=requester" if service == "s3" else ""
    return f"AWS denies access to {place}: these credentials need the permission {permission}{hint}."
