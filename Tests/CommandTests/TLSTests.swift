import BackhaulTestKit
import Foundation
import Testing

/// The API by TLS, as clients with OpenSSL (Python's) see it.
@Suite("TLS of the API", .serialized)
struct TLSTests {
    /// Makes an authority, and certificates for 127.0.0.1 and for a client.
    private static let making = """
        set -e; cd "$1"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
            -keyout ca.key -out ca.pem
        for name in one two client; do
          openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
          printf 'subjectAltName=IP:127.0.0.1\\n' > ext
          openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $name.pem
        done
        cp one.pem server.pem; cp one.key server.key; chmod 600 *.key
        """

    /// Prints the names of the server's certificate and the status of a request, or what went wrong.
    private static let asking = """
        import os, socket, ssl, sys, time, warnings
        port, ca, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        warnings.simplefilter("ignore")
        context = ssl.create_default_context(cafile=ca)
        if mode == "old":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        if mode == "client": context.load_cert_chain(sys.argv[4], sys.argv[5])
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
                if mode == "plain": connection = plain
                else: connection = context.wrap_socket(plain, server_hostname="127.0.0.1")
                end = "Connection: close\\r\\n" if mode == "closing" else ""
                connection.sendall(f"GET /livez HTTP/1.1\\r\\nHost: localhost\\r\\n{end}\\r\\n".encode())
                answer = connection.recv(4096)
                if mode == "closing":
                    while connection.recv(4096): pass
                    began = time.monotonic()
                    ended = socket.socket(fileno=os.dup(connection.fileno()))
                    ended.settimeout(60)
                    ended.recv(1)
                    print("late" if time.monotonic() - began > 4 else "closed")
                    sys.exit()
                name = "plain" if mode == "plain" else dict(x[0] for x in connection.getpeercert()["subject"])["commonName"]
                print(name, answer.split()[1].decode() if answer else "closed")
        except (OSError, IndexError) as error: print("refused", type(error).__name__)
        """

    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let process = ChildProcess()
                        process.executableURL = URL(fileURLWithPath: program)
                        process.arguments = arguments
                        let pipe = Pipe()
                        process.standardOutput = pipe
                        process.standardError = FileHandle.nullDevice
                        try process.run()
                        let output = pipe.fileHandleForReading.readDataToEndOfFile()
                        process.waitUntilExit()
                        try #require(
                            process.terminationStatus == 0,
                            "needs openssl and python3: Tests/Tools/setup/debian.sh test")
                        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
                    })
            }
        }
    }

    private func serving(
        _ tls: String, _ body: (_ folder: String, _ ask: (String) async throws -> String, Daemon) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            _ = try await run("/bin/bash", ["-c", Self.making, "making", folder])
            try Data("api: { authentication: none, tls: { \(tls.replacing("DIR", with: folder)) } }\n".utf8)
                .write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            let daemon = try Daemon(data: folder + "/data", config: folder + "/c.yaml", workers: 1)
            let port = String(try #require(daemon.log.firstMatch(of: #/"listen":"[^"]*:([0-9]+)"/#)?.1))
            func ask(_ mode: String) async throws -> String {
                try await run(
                    "/usr/bin/python3",
                    ["-c", Self.asking, port, folder + "/ca.pem", mode, folder + "/client.pem", folder + "/client.key"])
            }
            try await body(folder, ask, daemon)
            #expect(daemon.terminate() == 0)
        }
    }

    private static let files = "certificateFile: DIR/server.pem, keyFile: DIR/server.key"

    /// A renewed certificate is used without a restart; files that cannot be used leave the last one in use.
    @Test func certificateIsRenewedWithoutRestart() async throws {
        try await serving(Self.files) { folder, ask, daemon in
            #expect(try await ask("usual") == "one 200")
            #expect(try await ask("old").hasPrefix("refused"))
            #expect(try await ask("plain") != "plain 200")
            func move(_ name: String) throws {
                for kind in ["key", "pem"] {
                    let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/\(name).\(kind)"))
                    try data.write(to: URL(fileURLWithPath: folder + "/server.\(kind)"), options: .atomic)
                }
            }
            func wait(_ text: String) async throws {
                let end = ContinuousClock.now + .seconds(60)
                while !daemon.log.contains(text) {
                    try #require(ContinuousClock.now < end, "the log has no '\(text)': \(daemon.log)")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try move("two")
            try await wait("the certificate was read")
            #expect(try await ask("usual") == "two 200")
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/server.pem"), options: .atomic)
            try await wait("the last one stays")
            #expect(try await ask("usual") == "two 200")
        }
    }

    /// A client that does not answer the end of TLS (RFC 8446, section 6.1) holds its connection for a moment only; the
    /// library's own limit is 5 s.
    @Test func closingConnectionDoesNotWaitForItsClient() async throws {
        try await serving(Self.files) { _, ask, _ in
            let end = try await ask("closing")
            #expect(end == "closed")
        }
    }

    /// An upload goes only to a server whose certificate an authority of the system vouches for.
    @Test func uploadToAnUnknownAuthorityFails() async throws {
        try await serving(Self.files) { folder, _, daemon in
            let port = try #require(daemon.log.firstMatch(of: #/"listen":"[^"]*:([0-9]+)"/#)?.1)
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
            let outcome = try await Command.result([
                "submit", folder + "/file", "--to", "https://127.0.0.1:\(port)/", "--wait", "--log",
                "embedded://\(folder)/data",
            ])
            #expect(outcome.code == 1, "\(outcome)")
            let results = try await Command.result([
                "results", "--output", "json", "--log", "embedded://\(folder)/data",
            ])
            let failure = try #require(results.objects.first?["failure"] as? [String: Any])
            #expect(failure["kind"] as? String == "permanent", "\(failure)")
            #expect((failure["message"] as? String)?.contains("certificate") == true, "\(failure)")
        }
    }

    /// A private authority counts where the configuration, or SSL_CERT_FILE, names it; the host's name counts always.
    @Test func uploadTrustsANamedAuthority() async throws {
        try await serving(Self.files + ", clientCAFile: DIR/ca.pem") { folder, _, server in
            let port = try #require(server.log.firstMatch(of: #/"listen":"[^"]*:([0-9]+)"/#)?.1)
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
            let client = "clientCertificateFile: \(folder)/client.pem, clientKeyFile: \(folder)/client.key"
            // The server is an API: it answers 404, once the handshake is done.
            for (name, settings, host, environment, text) in [
                ("a", "caFile: \(folder)/ca.pem, \(client)", "127.0.0.1", [:], "answered 404"),
                ("b", client, "127.0.0.1", ["SSL_CERT_FILE": folder + "/ca.pem"], "answered 404"),
                ("c", "caFile: \(folder)/ca.pem, \(client)", "localhost", [:], "certificate is not trusted"),
                ("d", client, "127.0.0.1", [:], "certificate is not trusted"),
                ("e", "caFile: \(folder)/ca.pem", "127.0.0.1", [:], "transient"),
            ] as [(String, String, String, [String: String], String)] {
                let config = folder + "/\(name).yaml"
                let text2 =
                    "destinations: { web: { type: http, url: 'https://\(host):\(port)/', \(settings) } }\n"
                    + "retry: { tiers: [100ms], maxAttempts: 1 }\n"
                try Data(text2.utf8).write(to: URL(fileURLWithPath: config))
                let data = folder + "/data-" + name
                let daemon = try Daemon(data: data, config: config, workers: 1, environment: environment)
                let log = ["--log", "embedded://" + data, "--config", config]
                let outcome = try await Command.result(
                    ["submit", folder + "/file", "--to", "web", "--wait"] + log)
                #expect(outcome.code == 1, "\(outcome)")
                let results = try await Command.result(["results"] + log)
                #expect(results.output.contains(text), "\(name): \(results.output)")
                #expect(daemon.terminate() == 0)
            }
        }
    }

    @Test func clientsNeedACertificateOfTheAuthority() async throws {
        try await serving(Self.files + ", clientCAFile: DIR/ca.pem") { _, ask, _ in
            // By TLS 1.3 the client learns of it with the first answer only.
            let stranger = try await ask("usual")
            #expect(stranger.hasPrefix("refused") || stranger.hasSuffix("closed"), "\(stranger)")
            #expect(try await ask("client") == "one 200")
        }
    }
}
