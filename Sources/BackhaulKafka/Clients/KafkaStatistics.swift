internal import Foundation
internal import Synchronization

/// librdkafka's statistics of its clients (`statistics.interval.ms`, off unless the operator sets it).
package final class KafkaStatistics: Sendable {
    /// The fields of a client's report that an operator acts on, named as in librdkafka's STATISTICS.md.
    package struct Client: Hashable, Sendable, Codable {
        /// Events that wait to be served.
        package var replyq: Int
        /// Messages that wait to be delivered.
        package var msgCnt: Int
        /// Bytes sent to and received from brokers.
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

    func record(_ json: String, of client: String) {
        guard let report = try? JSONDecoder().decode(Client.self, from: Data(json.utf8)) else { return }
        state.withLock { $0[client] = report }
    }
}
