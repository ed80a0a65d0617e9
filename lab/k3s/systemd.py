"""Tells systemd that the unit is up (sd_notify)."""

import os
import socket


def notify(state):
    """Sends one state line, such as READY=1; does nothing without a service manager."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(address)
        connection.sendall(state.encode())
