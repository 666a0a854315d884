import BackhaulDestinations
import BackhaulWeb
import Foundation

/// The keys of JWTs, from a file.
struct KeySetFile: KeySetSource {
    let path: String

    func fetch() async throws -> String { try SecretFile.read(path) }
}
