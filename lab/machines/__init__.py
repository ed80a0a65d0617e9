"""Nodes as systemd-nspawn machines in network namespaces of the lab's own."""
