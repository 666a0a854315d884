import BackhaulTestKit
import Foundation
import Testing

@Suite("Bad input", .serialized)
struct BadInputTests {
    private func expect(_ arguments: [String], code: Int32, says text: String, environment: [String: String] = [:])
        throws
    {
        let outcome = try Command.run(arguments, environment: environment)
        #expect(outcome.code == code, "\(arguments): \(outcome)")
        #expect(outcome.errors.contains(text), "\(arguments): \(outcome.errors)")
        #expect(outcome.output.isEmpty, "\(arguments): stdout is empty on an error")
    }

    @Test func helpAndVersionExitZero() throws {
        for arguments in [["--help"], ["--version"], ["submit", "--help"], ["--generate-completion-script", "bash"]] {
            let outcome = try Command.run(arguments)
            #expect(outcome.code == 0 && !outcome.output.isEmpty, "\(arguments)")
        }
    }

    /// The committed files match the program's output.
    @Test(arguments: [("bash", "backhaul.bash"), ("zsh", "_backhaul"), ("fish", "backhaul.fish")])
    func completionsAreCurrent(_ shell: String, _ file: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let committed = try String(
            contentsOf: root.appendingPathComponent("deploy/completions/" + file), encoding: .utf8)
        let outcome = try Command.run(["--generate-completion-script", shell])
        #expect(outcome.output == committed, "run 'make completions'")
        for command in [
            "standalone", "worker", "acknowledger", "submit", "status", "results", "dead-letters", "replay", "audit",
            "topics", "lag", "config",
        ] {
            let page = root.appendingPathComponent("docs/man/backhaul.\(command).1").path
            #expect(FileManager.default.fileExists(atPath: page), "run 'make man'")
        }
    }

    @Test func usageErrorsExitTwo() async throws {
        try expect(["submit"], code: 2, says: "Missing expected argument")
        try expect(["nonsense"], code: 2, says: "Unexpected argument")
        try expect(["status"], code: 2, says: "no log is named")
        try expect(["status", "--log", "embedded://relative"], code: 2, says: "must be absolute")
        for address in [
            "kafka://", "kafka://user:secret@h:1/", "kafka://h:99999/", "kafka://h:1/path", "kafka://h,,i/",
        ] {
            try expect(["status", "--log", address], code: 2, says: "give hosts and ports")
        }
        try expect(["worker"], code: 2, says: "no log is named")
        try expect(["acknowledger", "--log", "embedded:///tmp/x"], code: 2, says: "needs a Kafka log")
        try expect(
            ["config", "check"], code: 2, says: "'acks' cannot be set",
            environment: ["BACKHAUL_KAFKA_PROPERTIES": "acks=1"])
        try expect(
            ["config", "show"], code: 2, says: "set kafka.passwordFile",
            environment: ["BACKHAUL_KAFKA_PROPERTIES": "sasl.password=canary"])
        try expect(
            ["topics", "check", "--log", "kafka://127.0.0.1:1/"], code: 2, says: "No such configuration property",
            environment: ["BACKHAUL_KAFKA_PROPERTIES": "no.such=1"])
        try expect(["status", "--log", "embedded:///nonexistent/folder"], code: 1, says: "there is no log")
        try expect(["standalone", "--listen", "127.0.0.1:0"], code: 1, says: "/dev/null/none/backhaul")
        try expect(["standalone", "--data", "/tmp/x", "--workers", "0"], code: 2, says: "--workers takes 1 to 64")
        try expect(
            ["config", "check"], code: 2, says: "did you mean BACKHAUL_LOGGING_LEVEL?",
            environment: ["BACKHAUL_LOGGING_LEVL": "x"])
    }

    @Test func invalidSubmitArgumentsExitTwo() async throws {
        try await withTemporaryFolder { folder in
            let log = "embedded://" + folder + "/data"
            let file = folder + "/f"
            try Data("x".utf8).write(to: URL(fileURLWithPath: file))
            func submit(_ to: String, _ code: Int32, _ text: String, _ more: [String] = []) throws {
                try expect(["submit", file, "--to", to, "--log", log] + more, code: code, says: text)
            }
            try submit("nowhere", 2, "destination 'nowhere' is not configured")
            try submit("http://user:canary@h/", 2, "user name or password")
            try submit("http://h/?X-Amz-Signature=canary", 2, "presigned query")
            try submit("ftp://h/", 2, "http:// or https://")
            try submit("http://h/", 2, "tenant", ["--tenant", "a/b"])
            try submit("http://h/", 2, "duration", ["--deadline", "soon"])
            let config = folder + "/c.yaml"
            try Data("retry: {tierz: [1s]}".utf8).write(to: URL(fileURLWithPath: config))
            try submit("http://h/", 2, "did you mean 'retry.tiers'", ["--config", config])
        }
    }

    @Test func pathsOutsideRootsAreRejected() async throws {
        try await withTemporaryFolder { folder in
            for name in ["in", "out"] {
                try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
                try Data(name.utf8).write(to: URL(fileURLWithPath: folder + "/" + name + "/f"))
            }
            try Data("a\nb".utf8).write(to: URL(fileURLWithPath: folder + "/in/new\nline"))
            let config = folder + "/c.yaml"
            try Data("sources: {roots: {in: \(folder)/in}}".utf8).write(to: URL(fileURLWithPath: config))
            let outcome = try Command.run([
                "submit", folder + "/in", folder + "/out", folder + "/missing", folder + "/in/f", "--to",
                "http://127.0.0.1:1/",
                "--log", "embedded://" + folder + "/data", "--config", config, "--output", "json",
            ])
            #expect(outcome.code == 1)
            let answer = try #require(outcome.objects.first)
            #expect(answer["accepted"] as? Int == 1)
            let codes = (answer["rejected"] as? [[String: String]])?.compactMap { $0["code"] }
            #expect(codes.map(Set.init) == ["outside-roots", "missing", "bad-path", "same-key"], "\(answer)")
        }
    }

    @Test func daemonStartErrorsAreExplained() async throws {
        try await withTemporaryFolder { folder in
            let data = folder + "/data"
            let server = try StubServer { _ in .store() }
            defer { server.close() }
            try expect(
                ["standalone", "--data", data, "--listen", "127.0.0.1:\(server.port)"], code: 1,
                says: "is the port taken?")
            let daemon = try Daemon(data: data)
            try expect(
                ["standalone", "--data", data, "--listen", "127.0.0.1:0"], code: 1, says: "is in use by process")
            #expect(daemon.terminate() == 0)
            try Data().write(to: URL(fileURLWithPath: folder + "/file"))
            try expect(
                ["standalone", "--data", folder + "/file/data", "--listen", "127.0.0.1:0"], code: 1,
                says: "cannot be created")
            try expect(["standalone", "--data", data, "--listen", "here"], code: 2, says: "address and a port")
            // A host name that starts like a loopback address.
            try expect(
                ["standalone", "--data", data, "--listen", "127.example:0"], code: 2, says: "is not an IPv4 address")
            try expect(
                ["ingest", "--log", "kafka://127.0.0.1:9/", "--listen", "0.0.0.0:0"], code: 2,
                says: "no caller of the ingest API is configured")
            try expect(
                ["standalone", "--data", data, "--listen", "0.0.0.0:0"], code: 2, says: "is not a loopback address",
                environment: ["BACKHAUL_API_AUTHENTICATION": "none"])
        }
    }

    /// Properties that would leave brokers unverified, run a program or load a library.
    @Test(arguments: [
        ("enable.ssl.certificate.verification", "false", false), ("enable.ssl.certificate.verification", "0", false),
        ("enable.ssl.certificate.verification", "true", true), ("ssl.endpoint.identification.algorithm", "none", false),
        ("ssl.endpoint.identification.algorithm", "https", true), ("sasl.kerberos.kinit.cmd", "touch /tmp/x", false),
        ("ssl.engine.location", "/tmp/x.so", false), ("ssl.providers", "x", false),
        ("plugin.library.paths", "/tmp/x.so", false), ("sasl.password", "x", false), ("acks", "0", false),
        ("session.timeout.ms", "9000", true),
    ])
    func dangerousKafkaPropertiesAreRefused(_ name: String, _ value: String, _ isAllowed: Bool) throws {
        let outcome = try Command.run(
            ["config", "check"], environment: ["BACKHAUL_KAFKA_PROPERTIES": "\(name)=\(value)"])
        #expect(outcome.code == (isAllowed ? 0 : 2), "\(outcome)")
        #expect(isAllowed || outcome.errors.contains("'\(name)' cannot be set"))
    }

    /// What a command creates, only its user may read.
    @Test func newDataFolderIsPrivate() async throws {
        try await withTemporaryFolder { folder in
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
            let data = folder + "/data"
            let outcome = try Command.run([
                "submit", folder + "/file", "--to", "http://127.0.0.1:9/", "--log", "embedded://" + data,
            ])
            #expect(outcome.code == 0, "\(outcome)")
            let names = try FileManager.default.subpathsOfDirectory(atPath: data)
            #expect(names.contains { $0.hasPrefix("roots/") })
            for name in [""] + names {
                let mode =
                    try FileManager.default.attributesOfItem(atPath: data + "/" + name)[.posixPermissions] as? Int
                #expect(mode.map { $0 & 0o077 == 0 } ?? false, "\(name)")
            }
        }
    }

    @Test func dataFolderOfEveryUserIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let data = folder + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            #expect(chmod(data, 0o777) == 0)
            try expect(["standalone", "--data", data, "--listen", "127.0.0.1:0"], code: 1, says: "chmod o-w")
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
            try expect(
                ["submit", folder + "/file", "--to", "http://127.0.0.1:9/", "--log", "embedded://" + data], code: 1,
                says: "chmod o-w")
            #expect(chmod(data, 0o750) == 0)
            let daemon = try Daemon(data: data)
            for name in try FileManager.default.contentsOfDirectory(atPath: data) {
                let mode =
                    try FileManager.default.attributesOfItem(atPath: data + "/" + name)[.posixPermissions] as? Int
                #expect(mode.map { $0 & 0o077 == 0 } ?? false, "\(name)")
            }
            #expect(daemon.terminate() == 0)
        }
    }

    /// A service's folder stays usable when root submits beside it, and root gives away nothing else.
    @Test(.enabled(if: getuid() == 0, "giving files to another user needs root"))
    func rootLeavesTheFolderToItsOwner() async throws {
        try await withTemporaryFolder { folder in
            let (data, other) = (folder + "/data", folder + "/other")
            try FileManager.default.createDirectory(atPath: data + "/roots", withIntermediateDirectories: true)
            for name in ["file", "other", "linked"] {
                try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            #expect(chown(data, 4_242, 4_242) == 0 && chown(data + "/roots", 4_242, 4_242) == 0)
            try FileManager.default.createSymbolicLink(atPath: data + "/link", withDestinationPath: other)
            try FileManager.default.linkItem(atPath: folder + "/linked", toPath: data + "/hard")
            let outcome = try Command.run([
                "submit", folder + "/file", "--to", "http://127.0.0.1:9/", "--log", "embedded://" + data,
            ])
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try Command.run(["status", "--log", "embedded://" + data]).code == 0)
            let upload = try Command.run([
                "upload", folder + "/file", "--to", "http://127.0.0.1:9/", "--timeout", "1s", "--log",
                "embedded://" + data,
            ])
            #expect(upload.code == 75, "\(upload)")
            func owner(_ path: String) -> UInt32? {
                var status = stat()
                return lstat(path, &status) == 0 ? status.st_uid : nil
            }
            var names = try FileManager.default.contentsOfDirectory(atPath: data).filter {
                $0 != "link" && $0 != "hard"
            }
            names += try FileManager.default.contentsOfDirectory(atPath: data + "/roots").map { "roots/" + $0 }
            #expect(names.contains("log.sqlite") && names.contains { $0.hasPrefix("roots/") })
            for name in names { #expect(owner(data + "/" + name) == 4_242, "\(name)") }
            #expect(owner(other) == 0 && owner(folder + "/linked") == 0)
        }
    }

    @Test func configShowRedactsSecrets() async throws {
        try await withTemporaryFolder { folder in
            try Data("canary\n".utf8).write(to: URL(fileURLWithPath: folder + "/token"))
            let config = folder + "/c.yaml"
            try Data(
                "destinations: {web: {type: http, url: 'http://127.0.0.1:1/', bearerTokenFile: \(folder)/token}}".utf8
            ).write(to: URL(fileURLWithPath: config))
            let outcome = try Command.run(["config", "show", "--config", config])
            #expect(outcome.code == 0 && outcome.output.contains("<redacted>"))
            #expect(!outcome.output.contains("canary"))
        }
    }
}
