package import BackhaulDomain
internal import HTTPTypes

/// What HTTP callers may name. Files on the workers' machines and arbitrary URLs are capabilities that only the
/// operator can grant.
package struct IngestRules: Hashable, Sendable {
    /// The configured destinations.
    package var destinations: Set<ByteText>
    /// Roots below which callers may name files.
    package var fileRoots: Set<ByteText>
    /// Whether a destination may be a URL.
    package var freeURLs: Bool

    package init(destinations: Set<ByteText>, fileRoots: Set<ByteText>, freeURLs: Bool) {
        self.destinations = destinations
        self.fileRoots = fileRoots
        self.freeURLs = freeURLs
    }

    /// Resolves a destination as a caller names it.
    /// - Throws: `Problem`: 403 for a URL when URLs are off, 422 for an unknown destination or a bad URL.
    func target(_ text: ByteText) throws(Problem) -> DestinationReference.Target {
        guard text.utf8.contains(UInt8(ascii: ":")) else {
            guard destinations.contains(text) else {
                throw Problem(
                    .unprocessableContent, "unknown-destination",
                    "destination '\(text.text.bounded(toBytes: 64))' is not configured here")
            }
            return .named(text)
        }
        guard freeURLs else {
            throw Problem(
                .forbidden, "free-urls-off", "URLs as destinations are off for callers; name a configured destination")
        }
        do {
            try TaskRules.checkURL(text)
        } catch {
            throw Problem(.unprocessableContent, error.code, error.message)
        }
        return .url(text)
    }

    /// - Throws: `Problem`: 403.
    func check(root: ByteText) throws(Problem) {
        guard fileRoots.contains(root) else {
            throw Problem(
                .forbidden, "file-source-off",
                "callers may not name files below root '\(root.text.bounded(toBytes: 64))'; "
                    + "the operator lists the allowed roots in api.fileRoots")
        }
    }
}
