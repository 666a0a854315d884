"""A destination that reads a part of each body, and then neither reads more nor answers until it is released."""
import asyncio
import re
import resource
import threading

from processes import Failure

READ = 256 << 10
"""Bytes read of each body: more than the sender's kernel buffers, so that the upload is in progress."""


class HoldingServer:
    def __init__(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._changed = threading.Condition()
        self._held = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        with self._changed:
            if not self._changed.wait_for(lambda: hasattr(self, "url"), 10):
                raise Failure("the holding server did not start within 10 s")

    async def _serve(self):
        self._released, self._stopped = asyncio.Event(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=4096)
        with self._changed:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            self._changed.notify_all()
        await self._stopped.wait()
        server.close()

    async def _connection(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if re.search(rb"^Expect: *100-continue", head, re.MULTILINE | re.IGNORECASE):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                size = int(re.search(rb"^Content-Length: *(\d+)", head, re.MULTILINE | re.IGNORECASE)[1])
                left = await self._read(reader, size, READ)
                if not self._released.is_set():
                    self._count(1)
                    await self._released.wait()
                    self._count(-1)
                await self._read(reader, left, left)
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The sender closed the connection.
        finally:
            writer.close()

    @staticmethod
    async def _read(reader, size, most):
        """Reads up to `most` of the `size` bytes left of a body, and returns how many are left then."""
        taken = 0
        while taken < min(size, most):
            data = await reader.read(min(size, most) - taken)
            if not data:
                raise asyncio.IncompleteReadError(b"", size)
            taken += len(data)
        return size - taken

    def _count(self, more):
        with self._changed:
            self._held += more
            self._changed.notify_all()

    def wait_held(self, count, seconds):
        with self._changed:
            if not self._changed.wait_for(lambda: self._held >= count, seconds):
                raise Failure(f"{self._held} of {count} uploads were in flight after {seconds} s")

    def release(self):
        self._loop.call_soon_threadsafe(self._released.set)

    def close(self):
        self.release()
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)
