import BackhaulDestinations
import BackhaulDomain
import BackhaulSettings
import BackhaulTransfer

/// The value of `--to`: a URL, or the name of a configured destination.
enum DestinationArgument {
    /// - Throws: `CommandError` for a URL that is not valid in a task, and for a name that is not configured.
    static func target(_ to: String, _ settings: Settings) throws -> DestinationReference.Target {
        if to.contains("://") {
            do {
                try TaskRules.checkURL(ByteText(to))
                _ = try ParsedURL(to)
            } catch {
                throw CommandError("--to: \(Explanation.of(error))", exit: .usage)
            }
            return .url(ByteText(to))
        }
        do {
            _ = try settings.destinationTable.resolve(.named(ByteText(to)))
        } catch {
            let known = settings.destinations.keys.sorted().map(\.text)
            let near = NearestName.of(to, among: known).map { "; did you mean '\($0)'?" } ?? ""
            throw CommandError("--to \(to): \(error.message)\(near)", exit: .usage)
        }
        return .named(ByteText(to))
    }
}
