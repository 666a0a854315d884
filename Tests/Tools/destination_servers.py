"""What destinations-test.py uploads to: servers of S3, WebDAV, SFTP and tus that others wrote, an S3 server of its own that
fails on demand, and a proxy that breaks, slows and counts connections. All listen on 127.0.0.1, on free ports.
"""
import base64
import collections
import contextlib
import getpass
import hashlib
import http.server
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

import asyncssh
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


def descendants(pid):
    """The processes that a process has started, and theirs."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        found = [int(child) for child in children.read().split()]
    return found + [one for child in found for one in descendants(child)]


def s3_client(endpoint, access, secret):
    """boto3 with path style and without checksums of its own, as an independent reader."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=access, aws_secret_access_key=secret,
        config=botocore.config.Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 3},
            request_checksum_calculation="when_required", response_checksum_validation="when_required"))


class Server:
    """A server that others wrote. It keeps its ports when it is started again."""

    name = ""
    # The type of destination.
    kind = ""
    # What it needs from PyPI.
    packages = ()
    # What Debian calls the program and its package, where it does not come from PyPI.
    program = package = ""
    # Whether objects outlive its processes, whether it checks credentials, and whether it refuses a request that ends
    # within its headers. One that does not stores an empty object.
    is_durable = checks_credentials = refuses_cut_headers = True
    # Whether what is stored can be read through the server, for an audit.
    gives_back = True
    access = "me"

    def __init__(self, tools, folder):
        self.tools, self.folder, self.processes, self.port = tools, folder, [], free_port()
        self.secret = secrets.token_hex(20)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True)
        self.prepare()

    @classmethod
    def is_missing(cls):
        """Whether it needs a program that is not installed."""
        return bool(cls.program) and not shutil.which(cls.program)

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

    def run(self, *words, **more):
        """Runs a program of the tools, and returns what it prints."""
        return subprocess.run(
            [self.tools / words[0], *words[1:]], check=True, capture_output=True, text=True, **more).stdout


class S3Login:
    """How Backhaul reaches an S3 server."""

    kind = "s3"

    def make_folder(self, prefix):
        """Nothing: a bucket has no folders."""

    def credentials(self, secret):
        """The content of Backhaul's file of credentials."""
        return f"[default]\naws_access_key_id = {self.access}\naws_secret_access_key = {secret}\n"

    @staticmethod
    def destination(endpoint, prefix, credentials):
        """The fields of Backhaul's destination."""
        return {
            "type": "s3", "endpoint": endpoint, "region": REGION, "bucket": BUCKET, "prefix": prefix,
            "addressing": "path", "credentialsFile": str(credentials), "profile": "default", "partSize": "5MiB",
            "parallelParts": 1, "checksum": "sha256", "verify": "head"}


class S3Server(S3Login, Server):
    """An S3 server with a bucket."""

    access = "AKIDBACKHAULTEST"

    def __init__(self, tools, folder):
        super().__init__(tools, folder)
        self.client = s3_client(self.endpoint, self.access, self.secret)

    def start(self):
        super().start()
        errors = self.client.exceptions
        with contextlib.suppress(errors.BucketAlreadyOwnedByYou, errors.BucketAlreadyExists):
            self.client.create_bucket(Bucket=BUCKET)

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


class OpenStack(S3Server):
    """OpenStack Swift with its S3 API: verifies signatures, hashes, checksums and conditions."""

    name, packages = "openstack", ("swift==2.38.3",)
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


class Rclone(S3Server):
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


class Moto(S3Server):
    """moto, in memory: checks conditions and the sizes of parts, no signatures and no checksums."""

    name, packages = "moto", ("moto[server]==5.2.1",)
    is_durable = checks_credentials = refuses_cut_headers = False

    def commands(self):
        return {self.port: [self.tools / "moto_server", "-H", "127.0.0.1", "-p", self.port]}


class DiskServer(Server):
    """A server of a folder on disk, which the test reads without the server."""

    # Where Backhaul's destination types keep unfinished files.
    TEMPORARY = ".backhaul-tmp"
    TEMPORARY_NAME = re.compile("[0-9a-f]{32}")

    def prepare(self):
        self.root = self.folder / "served/dav"
        self.root.mkdir(parents=True)

    def credentials(self, secret):
        """The content of Backhaul's file of credentials."""
        return secret

    def keys(self, prefix):
        """The files below a prefix, without those that are unfinished."""
        found = (self.root / prefix).rglob("*")
        return {str(path.relative_to(self.root)) for path in found
                if path.is_file() and self.TEMPORARY not in path.parts}

    def folders(self, prefix):
        """The folders below a prefix."""
        return {str(path.relative_to(self.root / prefix)) for path in (self.root / prefix).rglob("*") if path.is_dir()}

    def unfinished(self, prefix):
        """The files in the folder of temporary names: Backhaul's, and those of others, such as the server."""
        folder = self.root / prefix / self.TEMPORARY
        names = set(os.listdir(folder)) if folder.exists() else set()
        own = {name for name in names if self.TEMPORARY_NAME.fullmatch(name)}
        return own, names - own

    def sha256(self, key):
        with open(self.root / key, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class WebDAVServer(DiskServer):
    """A WebDAV server with basic or digest authentication."""

    tells_forms_apart = True
    kind = "webdav"
    authentication = "basic"

    def destination(self, endpoint, prefix, credentials):
        """The fields of Backhaul's destination."""
        return {
            "type": "webdav", "url": f"{endpoint}/dav/{urllib.parse.quote(prefix)}", "username": self.access,
            "passwordFile": str(credentials), "authentication": self.authentication, "verify": "size"}

    def url(self, key):
        return f"{self.endpoint}/dav/{urllib.parse.quote(key)}"

    def request(self, method, key, body=None, **headers):
        """A request of urllib, and the body of its answer."""
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, self.endpoint, self.access, self.secret)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(passwords),
            urllib.request.HTTPDigestAuthHandler(passwords))
        with opener.open(urllib.request.Request(self.url(key), body, headers, method=method), timeout=60) as answer:
            return answer.read()

    def make_folder(self, prefix):
        # Not on disk: rclone would not see it.
        names = prefix.split("/")
        for path in ("/".join(names[:count]) for count in range(1, len(names) + 1)):
            if not (self.root / path).exists():
                self.request("MKCOL", f"{path}/")

    def put(self, key, body):
        self.make_folder(key.rpartition("/")[0])
        self.request("PUT", key, body)

    def holds(self, key):
        """Whether the server takes and returns a file of this name by a plain PUT. The file is deleted again."""
        try:
            self.put(key, b"held")
            is_held = self.request("GET", key) == b"held" == (self.root / key).read_bytes()
            self.request("DELETE", key)
            return is_held
        except OSError:
            return False

    def moves(self, name):
        """Whether the server gives a file this name when it is to. It is tried in a folder of its own."""
        source, key = "moves/source", f"moves/to/{name}"
        try:
            self.put(source, b"moved")
            self.make_folder(key.rpartition("/")[0])
            self.request("MOVE", source, Destination=self.url(key), Overwrite="T")
            return (self.root / key).read_bytes() == b"moved"
        except OSError:
            return False

    def read_by_client(self, prefix):
        """The SHA-256 of each file below a prefix, as rclone reads it through the server; None where rclone cannot."""
        if self.authentication != "basic":
            return None
        found = self.run("rclone", "hashsum", "sha256", "--download", "--config", "none.conf", "dav:", env={
            "PATH": os.environ["PATH"], "RCLONE_CONFIG_DAV_TYPE": "webdav", "RCLONE_CONFIG_DAV_VENDOR": "other",
            "RCLONE_CONFIG_DAV_ENCODING": "None", "RCLONE_CONFIG_DAV_URL": self.url(prefix),
            "RCLONE_CONFIG_DAV_USER": self.access,
            "RCLONE_CONFIG_DAV_PASS": self.run("rclone", "obscure", "-", input=self.secret).strip()}, cwd=self.folder)
        return {f"{prefix}/{line[66:]}": line[:64] for line in found.splitlines()}

    def write_htpasswd(self):
        digest = base64.b64encode(hashlib.sha1(self.secret.encode()).digest()).decode()
        (self.folder / "htpasswd").write_text(f"{self.access}:{{SHA}}{digest}\n")


class Apache(WebDAVServer):
    """Apache with mod_dav: PUT is atomic."""

    name, program, package = "apache", "/usr/sbin/apache2", "apache2-bin"
    MODULES = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs")
    CONFIGURATION = """ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/server.log
{modules}
DocumentRoot {folder}/served
DavLockDB {folder}/locks
<Directory {root}>
Dav On
AuthType Basic
AuthName test
AuthUserFile {folder}/htpasswd
Require valid-user
</Directory>
"""

    def prepare(self):
        super().prepare()
        self.write_htpasswd()
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in self.MODULES)
        (self.folder / "apache.conf").write_text(self.CONFIGURATION.format(
            port=self.port, folder=self.folder, root=self.root, modules=modules))

    def commands(self):
        # One process, which does not change its user.
        return {self.port: [self.program, "-X", "-d", self.folder, "-f", self.folder / "apache.conf"]}


class Nginx(WebDAVServer):
    """nginx with its two WebDAV modules: PUT is atomic, If-None-Match is ignored."""

    name, program, package = "nginx", "/usr/sbin/nginx", "nginx-light and libnginx-mod-http-dav-ext"
    CONFIGURATION = """load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
user {user};
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/unused;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    dav_ext_lock_zone zone=locks:1m;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/served;
        location /dav/ {{
            auth_basic test;
            auth_basic_user_file {folder}/htpasswd;
            dav_methods PUT DELETE MKCOL COPY MOVE;
            dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
            dav_ext_lock zone=locks;
        }}
    }}
}}
"""

    def prepare(self):
        super().prepare()
        self.write_htpasswd()
        (self.folder / "nginx.conf").write_text(self.CONFIGURATION.format(
            port=self.port, folder=self.folder, user=getpass.getuser()))

    def commands(self):
        return {self.port: [self.program, "-p", self.folder, "-e", "stderr", "-c", self.folder / "nginx.conf"]}


class WsgiDAV(WebDAVServer):
    """WsgiDAV on cheroot: a PUT that is cut leaves a part, and has destroyed what was there."""

    name, packages = "wsgidav", ("wsgidav==4.4.0", "cheroot==11.1.2")

    def prepare(self):
        super().prepare()
        is_digest = self.authentication == "digest"
        (self.folder / "wsgidav.yaml").write_text(json.dumps({
            "host": "127.0.0.1", "port": self.port, "server": "cheroot", "provider_mapping": {"/dav": str(self.root)},
            "http_authenticator": {
                "accept_basic": not is_digest, "accept_digest": is_digest, "default_to_digest": is_digest},
            "simple_dc": {"user_mapping": {"*": {self.access: {"password": self.secret}}}}}))

    def commands(self):
        return {self.port: [self.tools / "wsgidav", "--config", self.folder / "wsgidav.yaml"]}


class WsgiDAVDigest(WsgiDAV):
    """The same with digest authentication."""

    name, authentication = "wsgidav-digest", "digest"


class RcloneWebDAV(WebDAVServer):
    """'rclone serve webdav': a PUT that is cut leaves a part, and has destroyed what was there."""

    name = "rclone-webdav"
    # One of two files whose names are the same text in two forms replaces the other.
    tells_forms_apart = False

    def prepare(self):
        super().prepare()
        self.write_htpasswd()

    def commands(self):
        return {self.port: [
            self.tools / "rclone", "serve", "webdav", "--config", self.folder / "none.conf", "--addr",
            f"127.0.0.1:{self.port}", "--baseurl", "dav", "--htpasswd", self.folder / "htpasswd", self.root]}


class SFTPServer(DiskServer):
    """An SFTP server that takes one key of a client and shows one of its own, both ed25519."""

    kind = "sftp"
    access = getpass.getuser()
    # Whether it writes behind what a file has.
    appends = True

    def prepare(self):
        super().prepare()
        # The client's private key is a secret as well, which no log may have.
        self.client_key, self.secret = self.make_key("client")
        self.host_key, _ = self.make_key("host")
        self.known_hosts = self.folder / "known_hosts"
        name, public = self.public(self.host_key).split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {name} {public}\n")

    def make_key(self, name):
        """A new key in OpenSSH's format: its file, with the public one beside it, and its content."""
        key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        path = self.folder / name
        key.write_private_key(path)
        path.chmod(0o600)
        key.write_public_key(f"{path}.pub")
        return path, path.read_text()

    @staticmethod
    def public(key):
        return key.with_suffix(".pub").read_text()

    def destination(self, endpoint, prefix, credentials):
        """The fields of Backhaul's destination."""
        return {
            "type": "sftp", "host": "127.0.0.1", "port": int(endpoint.rpartition(":")[2]), "path": self.path(prefix),
            "username": self.access, "keyFile": str(credentials), "hostKey": self.host_fingerprint(), "verify": "size"}

    def holds(self, key):
        """Whether the file system has such names; the protocol takes all."""
        try:
            self.put(key, b"held")
            (self.root / key).unlink()
            return True
        except OSError:
            return False

    def host_fingerprint(self):
        """The SHA-256 of the server's key as 'ssh-keygen -l' shows it."""
        return asyncssh.read_public_key(self.host_key.with_suffix(".pub")).get_fingerprint()

    def path(self, name):
        """The path of a file or folder as a client names it."""
        return f"{self.root}/{name}"

    def make_folder(self, prefix):
        (self.root / prefix).mkdir(parents=True, exist_ok=True)

    def put(self, key, body):
        self.make_folder(key.rpartition("/")[0])
        (self.root / key).write_bytes(body)

    def read_by_client(self, prefix):
        """The SHA-256 of each file below a prefix, as rclone reads it through the server."""
        found = self.run("rclone", "hashsum", "sha256", "--download", "--config", "none.conf",
                         f"sftp:{self.path(prefix)}", env={
            "PATH": os.environ["PATH"], "RCLONE_CONFIG_SFTP_TYPE": "sftp", "RCLONE_CONFIG_SFTP_HOST": "127.0.0.1",
            "RCLONE_CONFIG_SFTP_PORT": str(self.port), "RCLONE_CONFIG_SFTP_USER": self.access,
            "RCLONE_CONFIG_SFTP_KEY_FILE": str(self.client_key), "RCLONE_CONFIG_SFTP_SHELL_TYPE": "none",
            "RCLONE_CONFIG_SFTP_KNOWN_HOSTS_FILE": str(self.known_hosts)}, cwd=self.folder)
        return {f"{prefix}/{line[66:]}": line[:64] for line in found.splitlines()}


class OpenSSH(SFTPServer):
    """OpenSSH's sshd with a configuration of its own. It needs the user sshd, whom its package makes."""

    name, program, package = "openssh", "/usr/sbin/sshd", "openssh-server"
    CONFIGURATION = """ListenAddress 127.0.0.1
Port {port}
HostKey {host_key}
AuthorizedKeysFile {client_key}.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""

    def prepare(self):
        super().prepare()
        (self.folder / "sshd.conf").write_text(self.CONFIGURATION.format(
            port=self.port, host_key=self.host_key, client_key=self.client_key))

    def commands(self):
        if os.getuid() == 0:
            # Where it separates its privileges; a service would make it.
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        return {self.port: [self.program, "-D", "-e", "-f", self.folder / "sshd.conf"]}

    def stop(self):
        """Kills the processes, and those of connections, which lead groups of their own."""
        for _, process in self.processes:
            for session in descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(session, signal.SIGKILL)
        super().stop()


class RcloneSFTP(SFTPServer):
    """'rclone serve sftp'. Its root is the served folder."""

    name, appends = "rclone-sftp", False

    def commands(self):
        return {self.port: [
            self.tools / "rclone", "serve", "sftp", "--config", self.folder / "none.conf", "--addr",
            f"127.0.0.1:{self.port}", "--key", self.host_key, "--authorized-keys", f"{self.client_key}.pub", "--user",
            self.access, "--dir-cache-time", "100ms", self.root]}

    def path(self, name):
        return f"/{name}"


class AsyncSSH(SFTPServer):
    """asyncssh's server of SFTP, in a process of its own."""

    name = "asyncssh"
    PROGRAM = """import asyncio
import sys
import asyncssh

async def serve(port, host_key, client_keys):
    await asyncssh.listen(
        "127.0.0.1", int(port), server_host_keys=[host_key], authorized_client_keys=client_keys, sftp_factory=True)
    await asyncio.Event().wait()

asyncio.run(serve(*sys.argv[1:]))
"""

    def prepare(self):
        super().prepare()
        (self.folder / "serve.py").write_text(self.PROGRAM)

    def commands(self):
        return {self.port: [
            self.tools / "python", self.folder / "serve.py", self.port, self.host_key, f"{self.client_key}.pub"]}


class TusServer(Server):
    """A server of tus, which names what it stores. The test reads the disk."""

    kind = "tus"
    checks_credentials = gives_back = False
    # Whether it tells files of one name in several folders apart, and whether what it says of an upload after SIGKILL
    # is what it has.
    keeps_paths = keeps_its_offset = True
    fields = {}

    def prepare(self):
        (self.folder / "served").mkdir()

    def commands(self):
        return {self.port: [
            self.tools / "python", Path(__file__).parent / "tus_server.py", self.name, self.port,
            self.folder / "served"]}

    def credentials(self, secret):
        """The content of Backhaul's file of credentials."""
        return secret

    def destination(self, endpoint, prefix, credentials):
        """The fields of Backhaul's destination."""
        return {"type": "tus", "url": f"{endpoint}/{prefix.replace('/', '_')}/{self.path}",
                "bearerTokenFile": str(credentials), **self.fields}

    def make_folder(self, prefix):
        """Nothing: the first upload makes it."""

    def files(self, prefix):
        """The file of each complete upload below a prefix, by its key."""
        raise NotImplementedError

    def keys(self, prefix):
        return set(self.files(prefix))

    def sha256(self, key):
        with open(self.files(key.split("/deep/")[0] + "/deep")[key], "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def holds(self, key):
        """Whether it can have the name."""
        return True


class TusPyServer(TusServer):
    """tuspyserver (FastAPI): creation with upload, expiration, termination."""

    name, packages, path = "tuspyserver", ("tuspyserver==4.4.3", "uvicorn==0.38.0"), "files/"
    keeps_its_offset = False

    def files(self, prefix):
        prefix, found = prefix.rstrip("/"), {}
        for path in (self.folder / "served" / prefix.replace("/", "_")).glob("*.info"):
            with contextlib.suppress(json.JSONDecodeError, FileNotFoundError):
                info = json.loads(path.read_text())
                if info["offset"] == info["size"]:
                    found[f"{prefix}/{info['metadata']['path']}"] = path.with_suffix("")
        return found


class AiohttpTus(TusServer):
    """aiohttp-tus: creation and termination; moves what is complete to its last name."""

    name, packages, path = "aiohttp-tus", ("aiohttp-tus==1.1.0",), "files"
    keeps_paths = False
    # It keeps nothing of a request that breaks.
    fields = {"partSize": "5MiB"}

    def files(self, prefix):
        prefix = prefix.rstrip("/")
        folder = self.folder / "served" / prefix.replace("/", "_")
        return {f"{prefix}/{path.name}": path for path in folder.glob("*") if path.is_file()}


SERVERS = {kind.name: kind for kind in (
    OpenStack, Rclone, Moto, Apache, Nginx, WsgiDAV, WsgiDAVDigest, RcloneWebDAV, OpenSSH, RcloneSFTP, AsyncSSH,
    TusPyServer, AiohttpTus)}


class Link:
    """One connection through the proxy."""

    def __init__(self, client, server, left):
        self.client, self.server, self.left = client, server, left
        # The answer that is to be lost: whether it begins.
        self.loss = None

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
        self.links, self.cuts, self.limits, self.losses = set(), 0, [], []
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

    def lose_answer(self, method, is_begun):
        """Loses the answer to the next request of this method: all of it, or what follows 10 bytes of its body."""
        self.losses.append((f"{method} ".encode(), is_begun))

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
                    self.choose(link, data)
                elif link.loss is not None:
                    target.sendall(data[:data.find(b"\r\n\r\n") + 14] if link.loss else b"")
                    break
                self.flowing.wait()
                target.sendall(data if link.left is None else data[:link.left])
                if self.is_used_up(link, len(data)):
                    link.cut()
            if link.loss is not None:
                link.cut()
            target.shutdown(socket.SHUT_WR)
            return
        link.cut()

    def choose(self, link, data):
        """Marks a connection whose answer is to be lost."""
        if self.losses and data.startswith(self.losses[0][0]):
            _, link.loss = self.losses.pop(0)

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


class FaultyServer(S3Login):
    """A server of the test's own with enough of S3 for one bucket. It checks no signatures, and fails as it is told."""

    name, kind, access, packages = "faulty", "faulty", "AKIDFAULTY", ()

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
