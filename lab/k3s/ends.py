"""How a container's run may end, other than by returning its exit status."""


class Crash(Exception):
    """The container's process ended with an error; the message is what its status shows."""


class Stopped(Exception):
    """The container is told to stop."""
