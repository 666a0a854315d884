import BackhaulDomain
import BackhaulFiles
import BackhaulWeb
import HTTPTypes

/// Reads the facts of a file that a task names.
enum SourceFacts {
    /// Returns the file's size and modification time. Blocks.
    /// - Throws: `Problem`, without a path of this machine.
    static func facts(of source: SourceReference, in roots: SourceRoots) throws -> IngestAPI.FileFacts {
        let root: OpenRoot
        do {
            root = try roots.open(source.root)
        } catch RootError.unknown {
            throw Problem(
                .unprocessableContent, "unknown-root", "source root '\(source.root)' is not in sources.roots here")
        } catch {
            throw Problem(
                .serviceUnavailable, "root-unavailable", "source root '\(source.root)' is unavailable",
                retryAfter: .seconds(30)
            )
        }
        do {
            let fingerprint = try SourceFile(path: source.path.text, below: root.descriptor).fingerprint
            return IngestAPI.FileFacts(size: fingerprint.size, modifiedAt: fingerprint.modifiedAt)
        } catch let error as SourceFile.OpenError {
            switch error {
            case .missing: throw Problem(.unprocessableContent, "source-missing", "the file does not exist in the root")
            case .notAFile: throw Problem(.unprocessableContent, "source-no-file", "the source is not a regular file")
            case .unreadable: throw Problem(.unprocessableContent, "source-unreadable", "the file cannot be read")
            case .unavailable, .stale:
                throw Problem(
                    .serviceUnavailable, "root-unavailable", "the source's storage does not answer",
                    retryAfter: .seconds(30))
            }
        }
    }
}
