import BackhaulDomain
import BackhaulRecords
import BackhaulSettings
import Foundation

/// One submission as an act, for `submit` and `upload`.
extension Submission {
    /// What is submitted.
    enum Sources: Sendable {
        case paths([String])
        /// Paths from standard input, each before this byte.
        case list(separator: UInt8)
    }

    /// - Throws: `TaskRules.InvalidTaskError` for a prefix that no key can have.
    static func check(prefix: String) throws(TaskRules.InvalidTaskError) {
        if !prefix.isEmpty { try TaskRules.checkKey(ByteText(prefix.hasSuffix("/") ? prefix + "x" : prefix)) }
    }

    /// Submits everything, and records that as an act with its end.
    func submit(_ sources: Sources, to destination: String, _ settings: Settings) async throws {
        let act = await CommandAct(
            .submit, settings, log, tenant: tenant, batch: summary.batch, detail: "to \(destination)")
        do {
            switch sources {
            case .paths(let paths): for path in paths { try await submit(path) }
            case .list(let separator): try await submit(listFrom: FileHandle.standardInput, separator: separator)
            }
            try await finish()
        } catch {
            await act.fail(error)
            throw error
        }
        let taken = summary.accepted + summary.known
        await act.end(
            summary.rejectedCount == 0 ? .done : taken == 0 ? .refused : .partly,
            tasks: taken + summary.rejectedCount,
            counts: [
                "accepted": summary.accepted, "again": summary.again, "known": summary.known,
                "rejected": summary.rejectedCount,
            ])
    }
}
