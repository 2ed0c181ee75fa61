"""What may go wrong between this service and others."""


class AwayError(Exception):
    """Somebody does not answer, or not now: worth another try."""


class RefusedError(Exception):
    """Somebody does not take a message, and never will."""


class OutdatedError(Exception):
    """What is to be watched from there, or written over, is not there any more: look again."""
