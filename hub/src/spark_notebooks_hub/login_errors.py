"""Why somebody does not get in, said on the login page."""

from tornado.web import HTTPError

from .login_limit import spoken


class NotAllowedError(HTTPError):
    """The password is right, and the person does not get in all the same; the message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(403, message)


class TooManyAttemptsError(HTTPError):
    """There were too many wrong passwords; the message says how long to wait, and so does Retry-After."""

    def __init__(self, seconds: float) -> None:
        super().__init__(429, f"Too many wrong passwords. Wait {spoken(seconds)}, and then try again.")
        # JupyterHub sends them with the page.
        self.headers = {"Retry-After": str(int(-(-seconds // 1)))}
