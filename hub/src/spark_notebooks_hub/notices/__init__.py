"""Tells of the end of jobs: one message for each, by a webhook, by mail, or both. A process of its own, in the hub's image.

Imports point one way: `app` > `web`, `service` > `channels`, `kubernetes` > `message`, `ledger` > `ending` > `errors`. From `ending` to `message` nothing talks to anybody.
Delivery is at least once: what was sent is written down after it was sent.
"""
