"""What a session brings along: packages, jars, a packed environment and a person's own code, alike for the driver and its executors.

`items` tells the entries of a call apart, `look` finds out where they are, and `bring` fetches and installs them before there is an executor.
"""
