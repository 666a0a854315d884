internal import Foundation
internal import Synchronization

/// What librdkafka says about its clients (`statistics.interval.ms`, off unless the operator sets it).
package final class KafkaStatistics: Sendable {
    /// The part of a client's report that an operator acts on; fields after STATISTICS.md.
    package struct Client: Hashable, Sendable, Codable {
        /// Requests waiting to be sent or answered, and messages waiting to be delivered.
        package var replyq: Int
        package var msgCnt: Int
        package var txBytes: Int
        package var rxBytes: Int

        enum CodingKeys: String, CodingKey {
            case replyq
            case msgCnt = "msg_cnt"
            case txBytes = "tx_bytes"
            case rxBytes = "rx_bytes"
        }
    }

    private let state = Mutex<[String: Client]>([:])

    package init() {}

    /// The last report of each client.
    package var clients: [String: Client] { state.withLock { $0 } }

    func take(_ json: String, of client: String) {
        guard let report = try? JSONDecoder().decode(Client.self, from: Data(json.utf8)) else { return }
        state.withLock { $0[client] = report }
    }
}
