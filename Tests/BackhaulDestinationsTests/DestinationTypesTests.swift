import BackhaulDestinations
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("Destination types")
struct DestinationTypesTests {
    @Test func namesAreUnique() {
        let names = DestinationTypes.all.map { $0.name }
        #expect(Set(names).count == names.count)
        for name in names { #expect(DestinationTypes.named(name)?.name == name) }
    }

    @Test func fieldsAreReadable() {
        for type in DestinationTypes.all {
            let names = type.fields.map(\.name)
            #expect(Set(names).count == names.count && !names.contains("type") && !names.contains("order"))
            for field in type.fields {
                #expect(!field.help.isEmpty, "\(type.name).\(field.name)")
                if case .choice(let all) = field.kind, let standard = field.standard {
                    #expect(all.contains(standard), "\(type.name).\(field.name)")
                }
            }
        }
    }

    @Test func verificationWordsAreExplained() {
        for type in DestinationTypes.all {
            let words = type.verifications.map(\.word)
            #expect(!words.isEmpty && Set(words).count == words.count, "\(type.name)")
        }
    }

    /// The list in the schema is closed: a result with a word that it lacks is not valid.
    @Test func schemaOfResultsHasEveryWord() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("schemas/json/result.v1.schema.json")
        let schema = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any]
        let field = (schema?["properties"] as? [String: Any])?["verification"] as? [String: Any]
        let words = (field?["enum"] as? [Any] ?? []).compactMap { $0 as? String }
        let known = Set(DestinationTypes.all.flatMap { $0.verifications.map(\.word.rawValue) })
        #expect(known == Set(words) && words.count == Set(words).count)
    }

    /// Credentials are read from files, checked, sent with every request and shown by no description.
    @Test func credentialsOfAServerAreRead() throws {
        let folder = NSTemporaryDirectory() + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func file(_ name: String, _ text: String) throws -> String {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            #expect(chmod(folder + "/" + name, 0o600) == 0)
            return folder + "/" + name
        }
        func read(_ texts: [String: String]) throws -> HTTPDestination {
            try HTTPDestination(
                DestinationFields(texts.merging(["url": "https://h/"]) { $1 }, of: HTTPDestination.self))
        }
        let password = try file("password", "sesame\n")
        let headers = try file("headers", "X-Api-Key: canary\n\nX-Other:  two words \n")
        let pem = try file("pem", "x")
        let destination = try read([
            "username": "me", "passwordFile": password, "headersFile": headers, "caFile": pem,
            "clientCertificateFile": pem, "clientKeyFile": pem,
        ])
        #expect(destination.headers.map(\.name) == ["Authorization", "X-Api-Key", "X-Other"])
        #expect(destination.headers.map(\.value.value) == ["Basic bWU6c2VzYW1l", "canary", "two words"])
        #expect(destination.tls == TransferTLS(authorities: pem, certificate: pem, key: pem))
        #expect(!destination.description.contains("canary") && !destination.description.contains("c2Vz"))
        var readBack = HTTPReadBack(destination: destination, key: "k")
        guard case .request(let request) = readBack.begin(DialectStart(now: .earliest)) else {
            Issue.record("no request")
            return
        }
        #expect(request.headers.count == 3 && request.tls == destination.tls)
        for (texts, text) in [
            (["username": "me"], "go together"), (["passwordFile": password], "go together"),
            (["username": "a:b", "passwordFile": password], "colon"),
            (["bearerTokenFile": password, "username": "me", "passwordFile": password], "exclude"),
            (["passwordFile": try file("empty", " \n"), "username": "me"], "is empty"),
            (["bearerTokenFile": try file("two", "old\nnew\n")], "on one line"),
            (["headersFile": try file("h1", "X-A: 1\nno colon\n")], "line 2"),
            (["headersFile": try file("h2", "Host: x\n")], "line 1"),
            (["headersFile": try file("h3", "X A: 1\n")], "line 1"),
            (["headersFile": try file("h4", "X-A: 1\nx-a: 2\n")], "twice"),
            (["headersFile": try file("h5", "Authorization: x\n"), "bearerTokenFile": password], "another field"),
            (["caFile": "relative"], "absolute"),
            (["caFile": folder + "/none"], "No such file"), (["clientCertificateFile": pem], "go together"),
            (["clientKeyFile": pem], "go together"),
        ] {
            #expect { _ = try read(texts) } throws: { error in
                "\(error)".contains(text) && !"\(error)".contains("canary")
            }
        }
    }

    @Test func mistakesNameTheirField() {
        func mistake(_ texts: [String: String], of type: any DestinationType.Type) -> String? {
            do {
                _ = try DestinationFields(texts, of: type)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(
            mistake(["url": "http://h/", "path": "/x"], of: HTTPDestination.self) == "path is not used by type http")
        #expect(mistake([:], of: FolderDestination.self) == "path is missing")
        #expect(
            mistake(["url": "http://h/", "method": "GET"], of: HTTPDestination.self)
                == "method must be one of PUT, POST")
        #expect(mistake(["url": "http://h/"], of: HTTPDestination.self) == nil)
        #expect(throws: DestinationFields.InvalidError("path must be absolute")) {
            try FolderDestination(DestinationFields(["path": "x"], of: FolderDestination.self))
        }
    }
}
