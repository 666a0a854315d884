"""The destination: nginx, which stores in memory, or answers as a row requires."""
import os
import shutil
import socket
from pathlib import Path

import machine
from processes import Failure, poll

MODULES = Path("/usr/lib/nginx/modules")

STORE = """
    location / { dav_methods PUT DELETE MKCOL MOVE COPY; dav_ext_methods PROPFIND OPTIONS;
      create_full_put_path on; dav_access user:rw; }"""
"""WebDAV: keeps every PUT."""

SLOW = """
    location / { echo_read_request_body; echo_sleep 0.05; echo ok; }
    location /broken/ { return 503; }"""
"""Answers after 50 ms and keeps nothing; requests to /broken/ fail with 503 and may be retried."""


class Nginx:
    def __init__(self, bench, locations):
        self.folder = bench.memory / "nginx"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.www, self.log = self.folder / "www", self.folder / "access.log"
        self.www.mkdir(parents=True)
        (self.folder / "tmp").mkdir()
        port = bench.options.port
        modules = ["ngx_http_dav_ext_module.so"] if locations is STORE else ["ngx_http_echo_module.so"]
        for module in modules:
            if not (MODULES / module).exists():
                raise Failure(
                    f"{MODULES / module} is missing: install libnginx-mod-http-dav-ext and libnginx-mod-http-echo")
        log = "off" if locations is STORE else f"{self.log} times"
        (self.folder / "nginx.conf").write_text(f"""
            {"user root;" if os.geteuid() == 0 else ""}
            {"".join(f"load_module {MODULES / module};" for module in modules)}
            daemon off; worker_processes auto; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 4096; }}
            http {{
              log_format times '$msec $request_time $status $uri'; access_log {log};
              keepalive_requests 100000000; client_body_temp_path {self.folder}/tmp;
              server {{
                listen 127.0.0.1:{port} backlog=4096; root {self.www}; client_max_body_size 0;
                client_body_buffer_size 64k; {locations}
              }}
            }}""")
        with socket.socket() as probe:
            # Otherwise the row would measure another server.
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise Failure(f"port {port} is taken; choose another with --port")
        self.child = bench.children.start(
            "nginx", "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf")
        poll("nginx", 10, lambda: self.child.is_over() or self._answers(port), 0.01)
        if self.child.is_over():
            self.child.finish(1)
            raise Failure("nginx ended")
        self.url = f"http://127.0.0.1:{port}"

    @staticmethod
    def _answers(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def cpu(self):
        """CPU seconds of its workers."""
        return sum(map(machine.cpu_of, machine.children_of(self.child.pid)))

    def clear(self):
        shutil.rmtree(self.www)
        self.www.mkdir()
        os.chmod(self.www, 0o777)

    def requests(self):
        """Of each finished request: its start and end in seconds since 1970, status and path."""
        for line in self.log.read_text().splitlines():
            end, took, status, path = line.split(" ", 3)
            yield float(end) - float(took), float(end), int(status), path

    def stop(self):
        self.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
