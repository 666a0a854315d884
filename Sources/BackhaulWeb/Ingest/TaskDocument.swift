internal import BackhaulDomain
internal import BackhaulIngest
internal import BackhaulRecords
internal import Foundation
internal import HTTPTypes

/// A task as an HTTP caller describes it, with the field names of the result document.
struct TaskDocument: Decodable, Sendable {
    struct Source: Decodable, Sendable {
        var root: ByteText
        var path: ByteText

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            try AnyKey.check(container, ["root", "path"], in: "source")
            root = try container.decode(ByteText.self, forKey: AnyKey("root"))
            path = try container.decode(ByteText.self, forKey: AnyKey("path"))
        }
    }

    /// Defaults to the caller's tenant.
    var tenant: ByteText?
    var taskId: ByteText?
    var batch: ByteText
    var source: Source
    var destination: ByteText
    /// Defaults to the source's path, below the tenant's prefix.
    var key: ByteText?
    /// Without `size` and `modifiedAt`, the service reads them from the file.
    var size: UInt64?
    var modifiedAt: String?
    var contentType: String
    var deadline: String?

    private static let known = [
        "tenant", "taskId", "batch", "source", "destination", "key", "size", "modifiedAt", "contentType", "deadline",
    ]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        try AnyKey.check(container, Self.known, in: "the task")
        tenant = try container.decodeIfPresent(ByteText.self, forKey: AnyKey("tenant"))
        taskId = try container.decodeIfPresent(ByteText.self, forKey: AnyKey("taskId"))
        batch = try container.decodeIfPresent(ByteText.self, forKey: AnyKey("batch")) ?? ""
        source = try container.decode(Source.self, forKey: AnyKey("source"))
        destination = try container.decode(ByteText.self, forKey: AnyKey("destination"))
        key = try container.decodeIfPresent(ByteText.self, forKey: AnyKey("key"))
        size = try container.decodeIfPresent(UInt64.self, forKey: AnyKey("size"))
        modifiedAt = try container.decodeIfPresent(String.self, forKey: AnyKey("modifiedAt"))
        contentType = try container.decodeIfPresent(String.self, forKey: AnyKey("contentType")) ?? ""
        deadline = try container.decodeIfPresent(String.self, forKey: AnyKey("deadline"))
    }

    /// - Throws: `Problem` with 400 when the bytes are not a task document.
    static func read(_ bytes: Data) throws -> TaskDocument {
        do {
            return try JSONDecoder().decode(Self.self, from: bytes)
        } catch let error as DecodingError {
            throw Problem(.badRequest, "bad-json", Self.text(error))
        }
    }

    static func text(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the wrong type"
        case .dataCorrupted(let context) where context.underlyingError is AnyKey.Unknown:
            context.debugDescription
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))': \(context.debugDescription)"
        default: "not a JSON object"
        }
    }
}
