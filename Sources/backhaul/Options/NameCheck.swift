import BackhaulDomain
import BackhaulSettings
import BackhaulView

/// Checks names that a command was given: a typo must not look like "there is nothing".
enum NameCheck {
    /// - Throws: `CommandError` for a value that is none of the known ones.
    static func choice(_ value: String?, _ option: String, among known: [String]) throws {
        guard let value, !known.contains(value) else { return }
        throw CommandError(
            "\(option) \(value): it is one of \(known.joined(separator: ", "))\(near(value, known))", exit: .usage)
    }

    /// - Throws: `CommandError` for a batch of which the view has no task.
    static func batch(_ batch: ByteText?, _ view: any ViewReader) async throws {
        guard let batch else { return }
        let overview = try await view.overview(batch: batch, tenant: nil, uploads: 0)
        guard overview.counts.accepted == 0 else { return }
        let near = overview.nearestBatch.map { "; did you mean '\($0)'?" } ?? ""
        throw CommandError("--batch \(batch): no task is in it\(near)", exit: .usage)
    }

    /// - Throws: `CommandError` for a batch that is none of the known ones.
    static func batch(_ batch: ByteText, among known: [String]) throws {
        guard !known.contains(where: { ByteText($0) == batch }) else { return }
        throw CommandError("--batch \(batch): no task is in it\(near(batch.text, known))", exit: .usage)
    }

    private static func near(_ name: String, _ known: [String]) -> String {
        NearestName.of(name, among: known).map { "; did you mean '\($0)'?" } ?? ""
    }
}
