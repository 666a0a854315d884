import BackhaulWeb
import Foundation

/// The keys of JWTs, from a URL.
struct RemoteKeySet: KeySetSource {
    let url: String
    let client: OperatorClient

    func fetch() async throws -> String { String(decoding: try await client.send("GET", url), as: UTF8.self) }
}
