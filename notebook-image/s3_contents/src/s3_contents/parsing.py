"""How an S3 client reads long answers: a listing of 1,000 keys takes it 50 ms and more by default, in which nobody else is served."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from aiobotocore.parsers import AioResponseParserFactory, AioRestXMLParser
from aiobotocore.session import AioSession
from botocore.handlers import _handle_200_error
from botocore.utils import parse_timestamp

SLOW = 2**14  # bytes of XML that take milliseconds


def client_session() -> AioSession:
    """A session whose clients read dates quickly, and long answers in a thread."""
    session = AioSession()
    factory = _Factory()
    factory.set_parser_defaults(timestamp_parser=timestamp)
    session.register_component("response_parser_factory", factory)
    # An error that comes with status 200 is looked for by parsing the whole answer once more; errors are short.
    session.unregister("before-parse.s3.*", _handle_200_error)
    session.register("before-parse.s3.*", _find_error)
    return session


def timestamp(value: Any) -> datetime:
    """The time in an answer. S3 writes the form that Python reads itself; the client's general parser takes a hundred times as long."""
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time
    except (TypeError, ValueError):
        pass
    general: datetime = parse_timestamp(value)
    return general


def _find_error(response_dict: dict[str, Any], **details: Any) -> None:
    if not _is_long(response_dict["body"]):
        _handle_200_error(response_dict=response_dict, **details)


def _is_long(body: Any) -> bool:
    return isinstance(body, bytes) and len(body) > SLOW


class _Parser(AioRestXMLParser):
    def _do_parse(self, response: dict[str, Any], shape: Any) -> Any:
        if _is_long(response["body"]):
            return asyncio.to_thread(super()._do_parse, response, shape)
        return super()._do_parse(response, shape)


class _Factory(AioResponseParserFactory):
    def create_parser(self, protocol_name: str) -> Any:
        return _Parser(**self._defaults) if protocol_name == "rest-xml" else super().create_parser(protocol_name)
