"""The agent's client load balancer: 127.0.0.1:6444 reaches a living server."""

import asyncio
import json
import threading

from . import log, paths

_STATE = paths.AGENT + "/etc/k3s-agent-load-balancer.json"


class LoadBalancer:
    """Forwards connections to the first server that accepts; the one that worked last is tried first."""

    def __init__(self, first, port=paths.LOCAL_PORT, address="127.0.0.1", remember=True):
        """`first` is (host, port) of `server:`; servers learned earlier are remembered across restarts."""
        self.address, self.port, self.first = address, port, first
        self.servers = [first]
        self.loop = self.task = None
        try:
            known = json.loads(remember and paths.read(_STATE) or "[]")
        except ValueError:
            known = []
        self.servers += [tuple(server) for server in known if tuple(server) != first]

    def learn(self, addresses):
        """The control plane's own addresses; `server:` stays as the last resort."""
        servers = [(address, paths.API_PORT) for address in addresses]
        servers += [] if self.first in servers else [self.first]
        if set(servers) != set(self.servers):
            log.info(f"Updated load balancer k3s-agent-load-balancer server addresses -> {servers}")
            self.servers = servers
            paths.write(_STATE, json.dumps(servers), 0o600)

    def start(self):
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), name="load balancer", daemon=True).start()
        if not started.wait(10):
            raise log.Fatal(f"failed to listen on {self.address}:{self.port}")

    def _run(self, started):
        try:
            asyncio.run(self._serve(started))
        except asyncio.CancelledError:
            pass
        except OSError as error:
            log.error(f"load balancer on {self.address}:{self.port}: {error}")

    def close(self):
        self.loop.call_soon_threadsafe(self.task.cancel)

    async def _serve(self, started):
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        server = await asyncio.start_server(self._connection, self.address, self.port)
        log.info(f"Running load balancer {self.address}:{self.port} -> {self.servers}")
        started.set()
        async with server:
            await server.serve_forever()

    async def _connection(self, reader, writer):
        for server in list(self.servers):
            try:
                upstream = await asyncio.wait_for(asyncio.open_connection(*server), 2)
            except (OSError, asyncio.TimeoutError):
                continue
            if server in self.servers and self.servers[0] != server:
                self.servers = [server] + [other for other in self.servers if other != server]
            await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))
            return
        writer.close()


async def pump(reader, writer):
    """Passes on what comes until there is no more."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
