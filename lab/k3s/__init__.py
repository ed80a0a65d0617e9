"""A stand-in for K3s: its command line, files, ports and physics, without its containers. See ../README.md."""
