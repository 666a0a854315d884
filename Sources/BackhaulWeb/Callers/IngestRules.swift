package import BackhaulDomain
internal import HTTPTypes

/// What HTTP callers may name. Files of the workers' machines and URLs of their own choice are capabilities that they do
/// not have unless the operator gives them.
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

    /// Where a text of a caller leads.
    /// - Throws: `Problem`: 403 for what callers may not name, 422 for what nobody may.
    func place(_ text: ByteText) throws(Problem) -> DestinationReference.Target {
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
                .forbidden, "free-urls-off", "callers name configured destinations here; URLs of their own are off")
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
                "callers may not name files below root '\(root.text.bounded(toBytes: 64))'; the operator lists the roots that they may "
                    + "in api.fileRoots")
        }
    }
}
