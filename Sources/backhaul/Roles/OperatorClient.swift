import BackhaulFiles
import BackhaulTransfer
import BackhaulUnits
import BackhaulWeb
import Foundation

/// Sends small requests to addresses that the operator configured: keys of JWTs, another role's API, a trace collector.
struct OperatorClient: Sendable {
    struct RequestError: Error, CustomStringConvertible {
        var description: String
        /// nil without an answer.
        var status: Int?
    }

    private struct ProblemDocument: Decodable {
        var detail: String
    }

    private let engine: TransferEngine

    /// - Parameter authorities: the path of a file with authorities to trust besides the system's; nil for none.
    /// - Throws: `TransferError` when libcurl cannot be initialized.
    init(authorities: String? = nil) throws {
        // Any address is allowed: the operator chooses it, not a caller.
        engine = try TransferEngine(
            limits: TransferLimits(
                transfers: 8, transfersPerHost: 4, connectTimeout: .seconds(5), stallBytesPerSecond: ByteCount(1),
                stallTimeout: .seconds(10), authorities: authorities),
            egress: EgressPolicy(allow: ["0.0.0.0/0", "::/0"].compactMap(AddressRange.init)), pool: ReaderPool())
    }

    /// - Parameter more: statuses that are answers, too.
    /// - Returns: the whole body of a 2xx response.
    /// - Throws: `RequestError`.
    func send(
        _ method: String, _ url: String, body: Data? = nil, headers: [(name: String, value: String)] = [],
        largest: ByteCount = ByteCount(1 << 20), accepting more: Set<Int> = []
    ) async throws -> Data {
        var request = TransferRequest(method: method, url: url, headers: headers, sink: .keep(largest))
        if let body { request.body = .bytes(LoadedBytes(bytes: Array(body), sha256: "")) }
        let report = try await engine.run(request)
        if let failure = report.failure { throw RequestError(description: "\(method) \(url): \(failure)") }
        guard let status = report.status, (200..<300).contains(status) || more.contains(status) else {
            let problem = try? JSONDecoder().decode(ProblemDocument.self, from: Data(report.body))
            let detail = problem.map { ", \($0.detail.prefix(300))" } ?? ""
            throw RequestError(
                description: "\(method) \(url): status \(report.status.map(String.init) ?? "none")\(detail)",
                status: report.status)
        }
        guard report.bytesReceived <= largest else {
            throw RequestError(description: "\(method) \(url): the response has more than \(largest) bytes")
        }
        return Data(report.body)
    }

    func close() async { await engine.close() }
}
