"""How an S3 client reads answers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.utils import parse_timestamp
from s3_contents.parsing import SLOW, client_session, timestamp


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-21T13:35:39Z", datetime(2026, 11, 21, 13, 35, 39, tzinfo=UTC)),
        ("2026-11-21T13:35:39.123Z", datetime(2026, 11, 21, 13, 35, 39, 123_000, tzinfo=UTC)),
        ("2026-11-21T13:35:39+02:00", datetime(2026, 11, 21, 13, 35, 39, tzinfo=timezone(timedelta(hours=2)))),
        ("Sat, 21 Nov 2026 13:35:39 GMT", datetime(2026, 11, 21, 13, 35, 39, tzinfo=UTC)),
        (1_795_268_139, datetime.fromtimestamp(1_795_268_139, UTC)),
        ("1795268139.5", datetime.fromtimestamp(1_795_268_139.5, UTC)),
    ],
)
def test_times_are_those_of_the_clients_own_parser(text: object, time: datetime) -> None:
    assert timestamp(text) == time == parse_timestamp(text)
    assert timestamp(text).tzinfo is not None


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        timestamp("yesterday, about noon")


@pytest.mark.parametrize(("padding", "status"), [(0, 500), (SLOW, 200)], ids=["short", "long"])
async def test_an_error_that_comes_with_status_200_is_found(padding: int, status: int) -> None:
    """As S3 answers copies that failed late; what is long is no error, and is not read twice."""
    session = client_session()
    body = b'<?xml version="1.0"?><Error><Code>InternalError</Code></Error>' + b" " * padding
    answer = {"status_code": 200, "headers": {}, "body": body}
    async with session.create_client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b") as client:
        model = client.meta.service_model.operation_model("CopyObject")
        event = "before-parse.s3.CopyObject"
        await client.meta.events.emit(event, operation_model=model, response_dict=answer, customized_response_dict={})
    assert answer["status_code"] == status
