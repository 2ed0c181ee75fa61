"""The query protocol of AWS STS: a form in, XML out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from .credentials import Credentials
from .errors import StsError, invalid_request

VERSION: Final = "2011-06-15"
NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"
# Kubernetes' tokens have 1 to 2 KB; STS takes 20,000 characters, an API server would be asked about all of them.
MOST_TOKEN: Final = 8192
MOST_FIELDS: Final = 32
SHORTEST_SECONDS: Final = 900
LONGEST_SECONDS: Final = 43200
# As SDKs need one: our service decides by the token alone.
ACCOUNT: Final = "000000000000"


@dataclass(frozen=True)
class AssumeRoleWithWebIdentity:
    """The call: token is the service account's, role_arn what the SDK was told to ask for, session_name what it calls itself."""

    token: str
    role_arn: str
    session_name: str


@dataclass(frozen=True)
class GetCallerIdentity:
    """The call, which has no fields: who signed it is asked."""


Call = AssumeRoleWithWebIdentity | GetCallerIdentity


def read_call(body: bytes) -> Call:
    """The call in a form. Raises StsError with what is wrong with it."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
            strict_parsing=True,
        )
    except ValueError:
        raise invalid_request("The request is no form of STS's query protocol.", "MalformedInput") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise invalid_request("A field of the request is there twice.")
    if fields.get("Version", VERSION) != VERSION:
        raise invalid_request(f"Only version {VERSION} of the STS API is spoken here.", "InvalidParameterValue")
    match fields.get("Action"):
        case "AssumeRoleWithWebIdentity":
            return _assume_role(fields)
        case "GetCallerIdentity":
            return GetCallerIdentity()
        case _:
            raise invalid_request(
                "Only the actions AssumeRoleWithWebIdentity and GetCallerIdentity are known here.", "InvalidAction"
            )


def _assume_role(fields: Mapping[str, str]) -> AssumeRoleWithWebIdentity:
    for name in ("WebIdentityToken", "RoleArn", "RoleSessionName"):
        if not fields.get(name):
            raise invalid_request(f"{name} is missing.", "MissingParameter")
    # To pass over a narrower policy would be to give more than was asked for.
    if any(name == "Policy" or name.startswith("PolicyArns") for name in fields):
        raise invalid_request("Policies of the caller are not applied here. Leave Policy and PolicyArns out.")
    seconds = fields.get("DurationSeconds", "3600")
    if not (seconds.isascii() and seconds.isdigit() and SHORTEST_SECONDS <= int(seconds[:6]) <= LONGEST_SECONDS):
        raise invalid_request(f"DurationSeconds must be between {SHORTEST_SECONDS} and {LONGEST_SECONDS}.")
    token = fields["WebIdentityToken"]
    if len(token) > MOST_TOKEN:
        raise invalid_request(f"WebIdentityToken has more than {MOST_TOKEN} characters.")
    return AssumeRoleWithWebIdentity(token, fields["RoleArn"][:2048], fields["RoleSessionName"][:64])


def role_arn(name: str) -> str:
    """The ARN of what a workspace's holder of keys is called."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/spark-notebooks/{name}"


def assumed_role(credentials: Credentials, name: str, subject: str, audience: str, request_id: str) -> bytes:
    """The answer with keys; name is the workspace's, subject and audience are the token's."""
    root = ElementTree.Element("AssumeRoleWithWebIdentityResponse", xmlns=NAMESPACE)
    result = ElementTree.SubElement(root, "AssumeRoleWithWebIdentityResult")
    keys = ElementTree.SubElement(result, "Credentials")
    _texts(
        keys,
        AccessKeyId=credentials.access_key,
        SecretAccessKey=credentials.secret_key,
        # The SDKs want the element even where there is no such token.
        SessionToken=credentials.session_token,
        Expiration=timestamp(credentials.expiration),
    )
    user = ElementTree.SubElement(result, "AssumedRoleUser")
    _texts(user, AssumedRoleId=f"{credentials.access_key}:{name}", Arn=role_arn(name))
    _texts(result, SubjectFromWebIdentityToken=subject, Audience=audience, Provider="kubernetes")
    return _with_metadata(root, request_id)


def caller_identity(access_key: str, name: str, request_id: str) -> bytes:
    """The answer to GetCallerIdentity."""
    root = ElementTree.Element("GetCallerIdentityResponse", xmlns=NAMESPACE)
    result = ElementTree.SubElement(root, "GetCallerIdentityResult")
    _texts(result, Arn=role_arn(name), UserId=f"{access_key}:{name}", Account=ACCOUNT)
    return _with_metadata(root, request_id)


def refusal(error: StsError, request_id: str) -> bytes:
    """The answer to a call that is refused."""
    root = ElementTree.Element("ErrorResponse", xmlns=NAMESPACE)
    inner = ElementTree.SubElement(root, "Error")
    _texts(inner, Type="Receiver" if error.ours else "Sender", Code=error.code, Message=error.message)
    _texts(root, RequestId=request_id)
    return _text(root)


def timestamp(moment: float) -> str:
    """Seconds since 1970 as STS writes them."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_metadata(root: ElementTree.Element, request_id: str) -> bytes:
    _texts(ElementTree.SubElement(root, "ResponseMetadata"), RequestId=request_id)
    return _text(root)


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text


def _text(root: ElementTree.Element) -> bytes:
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
