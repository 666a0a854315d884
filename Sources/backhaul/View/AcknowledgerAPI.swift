import BackhaulDestinations
import BackhaulRecords
import BackhaulSettings
import BackhaulTransfer
import BackhaulUnits
import BackhaulWeb
import Foundation

/// The API of an acknowledger, for commands.
struct AcknowledgerAPI: Sendable {
    let url: String
    let view: RemoteView
    private let client: OperatorClient

    /// The longest answer: a page of tasks with long names, or the names of all tenants.
    private static let largest = ByteCount(16 << 20)

    /// - Parameters:
    ///   - url: without a trailing slash.
    ///   - isFound: whether the address is from the log. It then gets the token only over TLS, or on this machine: who
    ///     may write to the log must not learn it.
    /// - Throws: `TransferError` when libcurl cannot be initialized.
    init(_ url: String, _ settings: Settings, isFound: Bool) throws {
        self.url = url
        let client = try OperatorClient(authorities: settings.transfers.authorities)
        self.client = client
        let isSafe = !isFound || url.hasPrefix("https://") || APIRecord.isLoopback(url)
        let file = isSafe ? settings.api.viewTokenFile : ""
        let isWithheld = !isSafe && !settings.api.viewTokenFile.isEmpty
        view = RemoteView(base: url) { method, address, body in
            var headers = [(name: "Content-Type", value: "application/json")]
            if !file.isEmpty {
                do {
                    headers.append(("Authorization", "Bearer " + (try SecretFile.secret(file)).value))
                } catch {
                    throw CommandError("api.viewTokenFile \(file) \(error)", exit: .usage)
                }
            }
            do {
                return try await client.send(method, address, body: body, headers: headers, largest: Self.largest)
            } catch let error as OperatorClient.RequestError {
                throw Self.explain(error, hasToken: !file.isEmpty, isWithheld: isWithheld)
            }
        }
    }

    private static func explain(
        _ error: OperatorClient.RequestError, hasToken: Bool, isWithheld: Bool
    ) -> CommandError {
        switch error.status {
        case 401:
            let hint =
                isWithheld
                ? "an address from the log gets the token over TLS only: give --api, or let it speak TLS"
                : hasToken
                    ? "the token in api.viewTokenFile is not one of its callers'"
                    : "name the file of a token with the scope read in api.viewTokenFile"
            return CommandError("the acknowledger's API refuses the caller: \(error); \(hint)", exit: .usage)
        case 403: return CommandError("the acknowledger's API refuses the caller: \(error)", exit: .usage)
        case 404:
            return CommandError(
                "\(error); is it the API of an acknowledger with --data, of this version?", exit: .failed)
        case let status? where status < 500 && status != 429:
            return CommandError("the acknowledger's API refuses the question: \(error)", exit: .failed)
        default:
            return CommandError("the acknowledger's API does not answer: \(error)", exit: .temporary)
        }
    }

    func close() async { await client.close() }
}
