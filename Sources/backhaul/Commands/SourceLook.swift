import BackhaulDomain
import BackhaulFiles
import BackhaulWeb
import HTTPTypes

/// Looks at a file that a task names.
enum SourceLook {
    /// The file's size and time. Blocks.
    /// - Throws: `Problem`, without a path of this machine.
    static func facts(of source: SourceReference, in roots: SourceRoots) throws -> IngestAPI.FileFacts {
        let root: OpenRoot
        do {
            root = try roots.open(source.root)
        } catch RootFailure.unknown {
            throw Problem(
                .unprocessableContent, "unknown-root", "source root '\(source.root)' is not among sources.roots here")
        } catch {
            throw Problem(
                .serviceUnavailable, "root-unavailable", "source root '\(source.root)' is not there now", retryAfter: 30
            )
        }
        do {
            let fingerprint = try SourceFile(path: source.path.text, below: root.descriptor).fingerprint
            return IngestAPI.FileFacts(size: fingerprint.size, modifiedAt: fingerprint.modifiedAt)
        } catch let error as SourceFile.OpenError {
            switch error {
            case .missing: throw Problem(.unprocessableContent, "source-missing", "there is no such file in the root")
            case .notAFile: throw Problem(.unprocessableContent, "source-no-file", "the source is no regular file")
            case .unreadable: throw Problem(.unprocessableContent, "source-unreadable", "the file cannot be read")
            case .unavailable, .stale:
                throw Problem(
                    .serviceUnavailable, "root-unavailable", "the source's medium does not answer", retryAfter: 30)
            }
        }
    }
}
