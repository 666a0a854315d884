import BackhaulTestKit
import Foundation
import Testing

@Suite("Destinations command")
struct DestinationsTests {
    private static let key = "SHA256:LxpzqoqNLm9Zq5UeFziBqlpP9jNWRCiNFgMknIPGjnc"

    private func withConfig(_ text: (String) -> String, _ body: (String, String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let config = folder + "/c.yaml"
            try Data(text(folder).utf8).write(to: URL(fileURLWithPath: config))
            try await body(folder, config)
        }
    }

    @Test func destinationsAreListedWithoutSecrets() async throws {
        try await withConfig({ folder in
            """
            destinations:
              disk: { type: folder, path: \(folder)/out, overwrite: fail }
              photos: { type: s3, bucket: b, credentialsFile: \(folder)/keys }
              nas: { type: http, url: "http://nas/", username: me, passwordFile: \(folder)/password }
              box:
                type: sftp
                host: 127.0.0.1
                port: 1
                path: /srv
                username: me
                passwordFile: \(folder)/password
                hostKey: "\(Self.key)"
            """
        }) { folder, config in
            let keys = "[default]\naws_access_key_id = CANARY1\naws_secret_access_key = CANARY2\n"
            try Data(keys.utf8).write(to: URL(fileURLWithPath: folder + "/keys"))
            try Data("CANARY3".utf8).write(to: URL(fileURLWithPath: folder + "/password"))
            let text = try await Command.result(["destinations", "--config", config])
            #expect(text.code == 0, "\(text)")
            // Nothing listens there: the message of the failure has no secret either.
            let checked = try await Command.result(["destinations", "check", "box", "--config", config])
            #expect(checked.code == 1, "\(checked)")
            for outcome in [text, checked] {
                #expect(!(outcome.output + outcome.errors).contains("CANARY"), "\(outcome)")
            }
            let list = try await Command.result(["destinations", "list", "--output", "json", "--config", config])
            #expect(list.objects.map { $0["name"] as? String } == ["box", "disk", "nas", "photos"])
            #expect(list.objects.map { $0["type"] as? String } == ["sftp", "folder", "http", "s3"])
            #expect(list.objects.dropFirst().first?["overwrite"] as? String == "fail")
        }
    }

    @Test func roundTripIsTried() async throws {
        let server = try StubServer { request in
            switch request.method {
            case "PUT": .store()
            case "DELETE": .status(204)
            default: .fetch
            }
        }
        defer { server.close() }
        try await withConfig({ folder in
            """
            destinations:
              disk: { type: folder, path: \(folder)/out, verify: read-back }
              gone: { type: folder, path: \(folder)/gone }
              nowhere: { type: drop }
              server: { type: http, url: "\(server.url)" }
            """
        }) { folder, config in
            try FileManager.default.createDirectory(atPath: folder + "/out", withIntermediateDirectories: true)
            func check(_ name: String) async throws -> Command.Outcome {
                try await Command.result(["destinations", "check", name, "--output", "json", "--config", config])
            }
            for name in ["disk", "server"] {
                let found = try await check(name)
                #expect(found.code == 0, "\(found)")
                #expect(found.objects.map { $0["finding"] as? String } == ["ok", "ok", "ok", "-", "ok"], "\(found)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/out/backhaul-check").isEmpty)
            let nowhere = try await check("nowhere")
            #expect(nowhere.code == 0, "\(nowhere)")
            let gone = try await check("gone")
            #expect(gone.code == 1 && gone.errors.contains("does not work"), "\(gone)")
            #expect((gone.objects.first?["message"] as? String)?.contains("cannot be opened") == true)
            let unknown = try await check("dsk")
            #expect(unknown.code == 2 && unknown.errors.contains("did you mean 'disk'?"), "\(unknown)")
        }
    }

    @Test func leftoversAreSwept() async throws {
        try await withConfig({ folder in
            """
            destinations:
              disk: { type: folder, path: \(folder)/out }
              nowhere: { type: drop }
            """
        }) { folder, config in
            let shelf = folder + "/out/.backhaul-tmp"
            try FileManager.default.createDirectory(atPath: shelf, withIntermediateDirectories: true)
            try Data([1]).write(to: URL(fileURLWithPath: "\(shelf)/\(UUID().uuidString)"))
            try Data([1]).write(to: URL(fileURLWithPath: shelf + "/not-ours"))
            let swept = try await Command.result(["destinations", "sweep", "--config", config])
            #expect(swept.code == 0 && swept.output.contains("disk: 1 removed"), "\(swept)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: shelf) == ["not-ours"])
            let wrong = try await Command.result(["destinations", "sweep", "--older-than", "x", "--config", config])
            #expect(wrong.code == 2, "\(wrong)")
        }
    }
}
