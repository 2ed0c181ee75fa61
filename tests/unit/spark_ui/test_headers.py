"""Headers on their way to Spark and back."""

from spark_ui.headers import content_security_policy, to_browser, to_spark
from spark_ui.paths import Prefix

PREFIX = Prefix("/user/ada/", "0a1b2c3d")
FRAMED = Prefix("/user/ada/", "0a1b2c3d", "key")
ORIGIN = "http://127.0.0.1:4040"
POLICY = "default-src 'self'; script-src 'self' 'nonce-1'; frame-ancestors 'self';"


def test_spark_sees_neither_credentials_nor_what_is_about_the_connection() -> None:
    given = [
        ("Host", "hub.example.org"),
        ("Cookie", "jupyterhub-user-ada=secret; _xsrf=secret"),
        ("Authorization", "token secret"),
        ("X-XSRFToken", "secret"),
        ("Connection", "keep-alive, X-Extra"),
        ("Keep-Alive", "5"),
        ("X-Extra", "1"),
        ("Upgrade", "h2c"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("X-Forwarded-Context", "/elsewhere"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Accept", "text/html"),
        ("Accept-Encoding", "gzip"),
    ]
    kept = [("Accept", "text/html"), ("Accept-Encoding", "gzip"), ("X-Forwarded-Context", str(PREFIX))]
    assert to_spark(given, PREFIX, readable=False) == kept
    assert ("Accept-Encoding", "gzip") not in to_spark(given, PREFIX, readable=True)


def test_the_browser_sees_redirects_below_the_prefix_and_no_cookie() -> None:
    given = [
        ("Location", f"{ORIGIN}/jobs/"),
        ("Set-Cookie", "a=b"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Type", "text/html"),
    ]
    seen = dict(to_browser(given, PREFIX, ORIGIN))
    assert seen["Location"] == f"{PREFIX}/jobs/"
    assert seen["Content-Type"] == "text/html"
    assert not {"Set-Cookie", "Transfer-Encoding"} & set(seen)


def test_only_an_address_with_the_key_may_be_framed() -> None:
    given = [("Content-Security-Policy", POLICY), ("X-Frame-Options", "SAMEORIGIN")]
    alone, framed = to_browser(given, PREFIX, ORIGIN), to_browser(given, FRAMED, ORIGIN)
    assert [value for name, value in alone if name == "X-Frame-Options"] == ["DENY"]
    assert [value for name, value in framed if name == "X-Frame-Options"] == ["SAMEORIGIN"]
    assert dict(alone)["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert dict(framed)["Content-Security-Policy"].endswith("frame-ancestors 'self'")


def test_the_rest_of_sparks_policy_stays() -> None:
    assert content_security_policy(POLICY, framed=False) == (
        "default-src 'self'; script-src 'self' 'nonce-1'; frame-ancestors 'none'"
    )
    assert content_security_policy("", framed=False) == "frame-ancestors 'none'"
