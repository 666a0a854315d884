"""What destinations-test.py uploads to: three S3 servers that others wrote, one of its own that fails on demand, and a
proxy that breaks, slows and counts connections. All listen on 127.0.0.1, on free ports.
"""
import collections
import contextlib
import getpass
import hashlib
import http.server
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import uuid
from xml.sax.saxutils import escape

import boto3
import botocore.config
import botocore.exceptions

BUCKET, REGION = "photos", "us-east-1"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def s3_client(endpoint, access, secret):
    """boto3 with path style and without checksums of its own, as an independent reader."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=access, aws_secret_access_key=secret,
        config=botocore.config.Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 3},
            request_checksum_calculation="when_required", response_checksum_validation="when_required"))


class Server:
    """An S3 server that others wrote, with a bucket. It keeps its ports when it is started again."""

    name = ""
    # Whether objects outlive its processes, whether it checks signatures, and whether it refuses a request that ends
    # within its headers. One that does not stores an empty object.
    is_durable = checks_signatures = refuses_cut_headers = True
    access = "AKIDBACKHAULTEST"

    def __init__(self, tools, folder):
        self.tools, self.folder, self.processes, self.port = tools, folder, [], free_port()
        self.secret = secrets.token_hex(20)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True)
        self.prepare()
        self.client = s3_client(self.endpoint, self.access, self.secret)

    def prepare(self):
        """Writes what the processes need before their first start."""

    def commands(self):
        """The command of each process, by the port on which it listens."""
        raise NotImplementedError

    def start(self):
        for port, command in self.commands().items():
            with open(self.folder / "server.log", "ab") as log:
                process = subprocess.Popen(
                    [str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, start_new_session=True)
            self.processes.append((port, process))
        for port, process in self.processes:
            self.wait(port, process)
        errors = self.client.exceptions
        with contextlib.suppress(errors.BucketAlreadyOwnedByYou, errors.BucketAlreadyExists):
            self.client.create_bucket(Bucket=BUCKET)

    def wait(self, port, process):
        end = time.monotonic() + 60
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                log = (self.folder / "server.log").read_text(errors="replace")[-1500:]
                raise SystemExit(f"destinations-test: {self.name} does not start: {log}")
            time.sleep(0.1)

    def stop(self):
        """Kills the processes, as a crash would."""
        for _, process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes = []

    def restart(self):
        self.stop()
        # Long enough for an attempt to find nobody.
        time.sleep(1)
        self.start()

    def keys(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def put(self, key, body):
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def sha256(self, key):
        """The SHA-256 of the object's bytes, read to their end."""
        digest = hashlib.sha256()
        for chunk in self.client.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()

    def holds(self, key):
        """Whether the server takes, lists and returns an object of this name. The object is deleted again."""
        try:
            self.put(key, b"held")
            is_held = self.keys(key) == {key} and self.sha256(key) == hashlib.sha256(b"held").hexdigest()
            self.client.delete_object(Bucket=BUCKET, Key=key)
            return is_held
        except botocore.exceptions.ClientError:
            return False

    def uploads(self):
        """The keys of unfinished multi-part uploads."""
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET)
        return [upload["Key"] for page in pages for upload in page.get("Uploads", [])]


class OpenStack(Server):
    """OpenStack Swift with its S3 API: verifies signatures, hashes, checksums and conditions."""

    name = "openstack"
    access = "test:tester"
    PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
workers = 0
user = {user}
[pipeline:main]
pipeline = catch_errors proxy-logging cache s3api tempauth slo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
# A busy machine is not a broken disk.
conn_timeout = 10
node_timeout = 60
error_suppression_limit = 1000000
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
check_bucket_owner = false
[filter:slo]
use = egg:swift#slo
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
"""
    STORAGE = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/srv
mount_check = false
workers = 0
user = {user}
disable_fallocate = true
conn_timeout = 10
node_timeout = 60
# Without updaters, a listing shows only what the object's server reports in time.
container_update_timeout = 60
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
    HASHES = """[swift-hash]
swift_hash_path_prefix = a
swift_hash_path_suffix = b
[storage-policy:0]
name = Policy-0
default = yes
"""

    def prepare(self):
        self.ports = {"account": free_port(), "container": free_port(), "object": free_port()}
        (self.folder / "srv/sdb1").mkdir(parents=True)
        (self.folder / "swift.conf").write_text(self.HASHES)
        values = {"folder": self.folder, "user": getpass.getuser(), "secret": self.secret}
        (self.folder / "proxy-server.conf").write_text(self.PROXY.format(port=self.port, **values))
        for kind, port in self.ports.items():
            (self.folder / f"{kind}-server.conf").write_text(self.STORAGE.format(kind=kind, port=port, **values))
            for words in ("create 6 1 1", f"add r1z1-127.0.0.1:{port}/sdb1 1", "rebalance"):
                subprocess.run(
                    [self.tools / "swift-ring-builder", self.folder / f"{kind}.builder", *words.split()], check=True,
                    stdout=subprocess.DEVNULL)

    def commands(self):
        return {
            port: [self.tools / f"swift-{kind}-server", self.folder / f"{kind}-server.conf"]
            for kind, port in {**self.ports, "proxy": self.port}.items()}


class Rclone(Server):
    """'rclone serve s3' on a local folder: verifies signatures, ignores If-None-Match and checksums."""

    name = "rclone"

    def prepare(self):
        (self.folder / "buckets").mkdir()

    def commands(self):
        return {self.port: [
            self.tools / "rclone", "serve", "s3", "--config", self.folder / "none.conf", "--addr",
            f"127.0.0.1:{self.port}", "--auth-key", f"{self.access},{self.secret}", self.folder / "buckets"]}

    def uploads(self):
        # It keeps uploads in memory, and answers so for a bucket that had none since it started.
        with contextlib.suppress(self.client.exceptions.NoSuchUpload):
            return super().uploads()
        return []


class Moto(Server):
    """moto, in memory: checks conditions and the sizes of parts, no signatures and no checksums."""

    name = "moto"
    is_durable = checks_signatures = refuses_cut_headers = False

    def commands(self):
        return {self.port: [self.tools / "moto_server", "-H", "127.0.0.1", "-p", self.port]}


SERVERS = {kind.name: kind for kind in (OpenStack, Rclone, Moto)}


class Link:
    """One connection through the proxy."""

    def __init__(self, client, server, left):
        self.client, self.server, self.left = client, server, left

    def cut(self):
        for one in (self.client, self.server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Forwards bytes to a port and counts those that clients send. A test can make it slow, let it hang, refuse
    connections, and cut them.
    """

    CHUNK = 128 * 1024

    def __init__(self, target):
        self.target, self.sent, self.lock = target, 0, threading.Lock()
        # Bytes a second of each connection of a client; None for any number.
        self.pace = None
        self.flowing = threading.Event()
        self.flowing.set()
        self.links, self.cuts, self.limits = set(), 0, []
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.accept()

    def accept(self):
        """Takes connections, as at the beginning and after refuse()."""
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What a client has sent is soon counted, and does not lie in the kernel.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.CHUNK)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(128)
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """Refuses new connections; those that exist go on."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def hang(self):
        """Forwards nothing until resume()."""
        self.flowing.clear()

    def resume(self):
        self.flowing.set()

    def cut(self):
        """Cuts all connections that exist."""
        with self.lock:
            links = list(self.links)
        for link in links:
            link.cut()

    def cut_randomly(self, seed, connections):
        """Cuts each of the next connections after 100 bytes to 10 MB of both directions."""
        chance = random.Random(seed)
        with self.lock:
            self.limits = [int(10 ** chance.uniform(2, 7)) for _ in range(connections)]

    def close(self):
        self.refuse()
        self.cut()
        self.resume()

    def client_ports(self):
        with self.lock:
            return [link.client.getpeername()[1] for link in self.links]

    def serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                link = Link(client, server, self.limits.pop() if self.limits else None)
                self.links.add(link)
            threading.Thread(target=self.carry, args=(link,), daemon=True).start()

    def carry(self, link):
        back = threading.Thread(target=self.pump, args=(link, link.server, link.client), daemon=True)
        back.start()
        self.pump(link, link.client, link.server)
        back.join()
        with self.lock:
            self.links.discard(link)
        link.client.close()
        link.server.close()

    def pump(self, link, source, target):
        """Forwards one direction until its end, or until the connection is cut."""
        with contextlib.suppress(OSError):
            while data := source.recv(self.CHUNK):
                if source is link.client:
                    self.count(len(data))
                self.flowing.wait()
                target.sendall(data if link.left is None else data[:link.left])
                if self.is_used_up(link, len(data)):
                    link.cut()
            target.shutdown(socket.SHUT_WR)
            return
        link.cut()

    def count(self, length):
        with self.lock:
            self.sent += length
        if self.pace:
            time.sleep(length / self.pace)

    def is_used_up(self, link, length):
        with self.lock:
            if link.left is None:
                return False
            link.left = max(link.left - length, 0)
            self.cuts += link.left == 0
            return link.left == 0


class Upload:
    """An unfinished multi-part upload of the faulty server."""

    def __init__(self, key):
        self.key, self.parts = key, {}


class FaultyServer:
    """A server of the test's own with enough of S3 for one bucket. It checks no signatures, and fails as it is told."""

    name, access = "faulty", "AKIDFAULTY"

    def __init__(self):
        self.secret = secrets.token_hex(20)
        self.lock, self.objects, self.uploads = threading.Lock(), {}, {}
        self.failures = collections.Counter()
        # How many PUTs get SlowDown, and how many completions a 200 with an error.
        self.slow_downs = self.broken_completions = 0
        # Whether everything gets AccessDenied; the number of a part that is never accepted.
        self.is_denied, self.bad_part = False, None
        handler = type("Handler", (FaultyHandler,), {"faulty": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, name):
        """Whether a failure of this kind is due; counts it."""
        with self.lock:
            if not getattr(self, name):
                return False
            setattr(self, name, getattr(self, name) - 1)
            self.failures[name] += 1
            return True

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def unchunked(body):
    """The content of a body in aws-chunked encoding, without its signatures and trailer."""
    content, position = b"", 0
    while True:
        end = body.index(b"\r\n", position)
        size = int(body[position:end].split(b";")[0], 16)
        if size == 0:
            return content
        content += body[end + 2:end + 2 + size]
        position = end + 2 + size + 2


class FaultyHandler(http.server.BaseHTTPRequestHandler):
    """The requests of FaultyServer."""

    protocol_version = "HTTP/1.1"
    faulty = None

    def handle_one_request(self):
        # A client may cut its connection.
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def parse_request(self):
        if not super().parse_request():
            return False
        parts = urllib.parse.urlsplit(self.path)
        self.key = urllib.parse.unquote(parts.path.lstrip("/").partition("/")[2])
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        return True

    def body(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return unchunked(body) if "aws-chunked" in self.headers.get("Content-Encoding", "") else body

    def do_PUT(self):
        body = self.body()
        if self.faulty.is_denied:
            self.deny()
        elif self.faulty.take("slow_downs"):
            self.fail(503, "SlowDown", "Please reduce your request rate.")
        elif "partNumber" in self.query:
            self.put_part(int(self.query["partNumber"]), body)
        elif self.headers.get("If-None-Match") == "*" and self.key in self.faulty.objects:
            self.fail(412, "PreconditionFailed", "The object exists.")
        else:
            self.faulty.objects[self.key] = body
            self.answer(200, headers=self.tags(body))

    def put_part(self, number, body):
        upload = self.upload()
        if number == self.faulty.bad_part:
            self.fail(400, "InvalidArgument", f"Part {number} is not accepted.")
        elif upload:
            upload.parts[number] = (body, self.checksums())
            self.answer(200, headers={**self.tags(body), **self.checksums()})

    def do_POST(self):
        body = self.body()
        if self.faulty.is_denied:
            self.deny()
        elif "uploads" in self.query:
            identifier = uuid.uuid4().hex
            self.faulty.uploads[identifier] = Upload(self.key)
            self.answer_xml("InitiateMultipartUploadResult", f"<Bucket>{BUCKET}</Bucket><Key>{escape(self.key)}</Key>"
                            f"<UploadId>{identifier}</UploadId>")
        elif upload := self.upload():
            self.complete(upload, [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)])

    def complete(self, upload, numbers):
        if self.faulty.take("broken_completions"):
            self.fail(200, "InternalError", "We encountered an internal error. Please try again.")
            return
        if not numbers or numbers != sorted(numbers) or not upload.parts.keys() >= set(numbers):
            self.fail(400, "InvalidPart", "One or more of the specified parts could not be found.")
            return
        bodies = [upload.parts[number][0] for number in numbers]
        digests = b"".join(hashlib.md5(body).digest() for body in bodies)
        self.faulty.objects[upload.key] = b"".join(bodies)
        del self.faulty.uploads[self.query["uploadId"]]
        self.answer_xml("CompleteMultipartUploadResult", f"<Bucket>{BUCKET}</Bucket><Key>{escape(upload.key)}</Key>"
                        f'<ETag>"{hashlib.md5(digests).hexdigest()}-{len(bodies)}"</ETag>')

    def do_GET(self):
        if self.faulty.is_denied:
            self.deny()
        elif "uploadId" in self.query:
            self.list_parts()
        elif self.key not in self.faulty.objects:
            self.fail(404, "NoSuchKey", "The key does not exist.")
        else:
            body = self.faulty.objects[self.key]
            self.answer(200, body, self.tags(body))

    do_HEAD = do_GET

    def list_parts(self):
        if upload := self.upload():
            self.answer_xml("ListPartsResult", f"<Bucket>{BUCKET}</Bucket><Key>{escape(upload.key)}</Key>"
                            f"<UploadId>{self.query['uploadId']}</UploadId><IsTruncated>false</IsTruncated>" + "".join(
                                self.part(number, *upload.parts[number]) for number in sorted(upload.parts)))

    @staticmethod
    def part(number, body, checksums):
        elements = {f"Checksum{name.rpartition('-')[2].upper()}": value for name, value in checksums.items()}
        found = "".join(f"<{name}>{value}</{name}>" for name, value in elements.items())
        return (f"<Part><PartNumber>{number}</PartNumber><ETag>\"{hashlib.md5(body).hexdigest()}\"</ETag>"
                f"<Size>{len(body)}</Size>{found}</Part>")

    def do_DELETE(self):
        if self.faulty.is_denied:
            self.deny()
        elif "uploadId" in self.query and self.upload():
            del self.faulty.uploads[self.query["uploadId"]]
            self.answer(204)
        elif "uploadId" not in self.query:
            self.faulty.objects.pop(self.key, None)
            self.answer(204)

    def upload(self):
        """The upload that the request names; answers 404 without one."""
        found = self.faulty.uploads.get(self.query["uploadId"])
        if not found:
            self.fail(404, "NoSuchUpload", "The upload does not exist.")
        return found

    def checksums(self):
        return {name: value for name, value in self.headers.items()
                if re.fullmatch(r"x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)", name.lower())}

    @staticmethod
    def tags(body):
        return {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}

    def deny(self):
        self.faulty.failures["denied"] += 1
        self.fail(403, "AccessDenied", "The test denies everything.")

    def fail(self, status, code, message):
        self.answer(status, f"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}"
                    "</Message><RequestId>1</RequestId></Error>".encode(), {"Content-Type": "application/xml"})

    def answer_xml(self, name, content):
        self.answer(200, f"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name} xmlns=\"http://s3.amazonaws.com/doc/"
                    f"2006-03-01/\">{content}</{name}>".encode(), {"Content-Type": "application/xml"})

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass
