import BackhaulDestinations
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
