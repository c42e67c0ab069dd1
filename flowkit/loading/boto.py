"""boto3's clients, imported when first needed, and AWS's refusals as one sentence each.

Credentials, region, profile, endpoint (``AWS_ENDPOINT_URL``) and retries are boto3's own: the whole chain of
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html and nothing beside it.
"""

import os
from contextlib import contextmanager

from flowkit.loading.errors import SourceError

#: What AWS's error codes and botocore's exceptions mean for a place, and what to do.
_MEANING = {
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError":
        "No AWS credentials for {place}: run `aws configure` or `aws sso login`, or set AWS_PROFILE.",
    "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired TokenRetrievalError"
    " UnauthorizedSSOTokenError SSOTokenLoadError":
        "The AWS session is over, so {place} cannot be read: sign in again (`aws sso login`).",
    "AuthFailure IncompleteSignature InvalidAccessKeyId InvalidClientTokenId InvalidToken SignatureDoesNotMatch"
    " UnrecognizedClientException":
        "AWS does not accept these credentials for {place} ({code}): check key and profile.",
    "403 AccessDenied AccessDeniedException AllAccessDisabled UnauthorizedOperation":
        "AWS denies access to {place}: these credentials need the permission {permission}{hint}.",
    "NoSuchBucket": "There is no such bucket: {place}.",
    "NoSuchKey": "{place} was listed but is gone: it was deleted or moved while it was being read.",
    "404": "There is nothing at {place}.",
    "ResourceNotFoundException": "There is no such log group here: {place}; check its name and the region.",
    "InvalidObjectState": "{place} is archived (S3 Glacier): restore it, or narrow the window with --start.",
    "ConnectionClosedError ConnectionError ConnectTimeoutError EndpointConnectionError HTTPClientError"
    " ProxyConnectionError ReadTimeoutError SSLError":
        "AWS cannot be reached for {place}: check network, region, AWS_ENDPOINT_URL ({error}).",
    "500 502 503 504 InternalError RequestLimitExceeded ServiceUnavailable SlowDown Throttling ThrottlingException":
        "AWS keeps failing on {place} ({code}, also after retries): try again later.",
    "NoRegionError": "No AWS region is set: give --region, or set AWS_REGION.",
}  # fmt: skip
_SENTENCES = {code: sentence for codes, sentence in _MEANING.items() for code in codes.split()}
#: The permission that an operation needs, where it is not the service's prefix and the operation's name.
_PERMISSIONS = {"ListObjectsV2": "s3:ListBucket", "HeadObject": "s3:GetObject"}


def configure(region: str | None = None, profile: str | None = None) -> None:
    """Choose region and profile for this process and those that it starts, notebooks' kernels among them."""
    chosen = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_PROFILE": profile}
    os.environ.update({name: value for name, value in chosen.items() if value})


def client(service: str, profile: str | None = None, region: str | None = None):
    """Return a boto3 client of `service`; raises SourceError where boto3, the profile or a region is missing.

    The region is the one given or chosen, else AWS_REGION's (as other tools read it), else boto3's own choice.
    """
    region = region or os.environ.get("AWS_REGION")
    try:
        import boto3  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ImportError:
        raise SourceError("AWS needs boto3, which is not installed: pip install boto3") from None
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


def code_of(error: Exception) -> str:
    """Return AWS's code of an error, or the name of botocore's exception."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", type(error).__name__))


def refusal(error: Exception, place: str) -> SourceError:
    """Return the SourceError that says what `error` (of botocore) means for `place`, and what to do."""
    code, operation = code_of(error), getattr(error, "operation_name", "")
    service = {"s3:": "s3", "cloudwatch:": "logs"}.get(place.partition("//")[0], "ec2")
    hint = "; a requester-pays bucket also needs AWS_REQUEST_PAYER=requester" if service == "s3" else ""
    asked = "AWS refused {operation} for {place}: {error}" if operation else "AWS cannot be asked for {place}: {error}"
    permission = _PERMISSIONS.get(operation, f"{service}:{operation}")
    names = {"place": place, "code": code, "error": error, "hint": hint, "operation": operation}
    return SourceError(_SENTENCES.get(code, asked).format(permission=permission, **names))
