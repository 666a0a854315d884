internal import BackhaulLog
internal import BackhaulUnits
internal import CLibrdkafka
internal import Foundation
internal import Logging
internal import Synchronization

/// Handles the events that all clients have: log lines, errors, statistics and expiring tokens.
struct EventBridge: Sendable {
    let handle: KafkaHandle
    let tokens: (any TokenSource)?
    let statistics: KafkaStatistics
    let logger: Logger

    /// - Returns: whether the event was one of these.
    func handleEvent(_ event: KafkaLoop.Event) -> Bool {
        switch rd_kafka_event_type(event.pointer) {
        case RD_KAFKA_EVENT_LOG:
            log(event.pointer)
        case RD_KAFKA_EVENT_ERROR:
            let failure = KafkaError(
                rd_kafka_event_error(event.pointer), String(cString: rd_kafka_event_error_string(event.pointer)))
            if [RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL].contains(failure.code) {
                handle.refusal.withLock { $0 = failure }
            }
            // A log line already reports connection errors. librdkafka retries the others, and the call that they fail
            // reports them again.
            let isKnown = [
                RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            ].contains(failure.code)
            logger.log(
                level: rd_kafka_event_error_is_fatal(event.pointer) != 0 ? .error : isKnown ? .debug : .warning,
                "kafka",
                metadata: ["client": "\(handle.name)", "error": "\(failure)"])
        case RD_KAFKA_EVENT_STATS:
            statistics.record(String(cString: rd_kafka_event_stats(event.pointer)), of: handle.name)
        case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
            refreshToken()
        default:
            return false
        }
        return true
    }

    private func log(_ event: OpaquePointer) {
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 7
        guard rd_kafka_event_log(event, &facility, &text, &level) == 0 else { return }
        // Levels of syslog.
        let mapped: Logger.Level =
            switch level {
            case ...3: .warning
            case 4: .notice
            case 5, 6: .info
            default: .debug
            }
        logger.log(
            level: mapped, "\(text.map { String(cString: $0) } ?? "")",
            metadata: ["client": "\(handle.name)", "facility": "\(facility.map { String(cString: $0) } ?? "")"])
    }

    /// Runs off the loop: fetching a token waits for another server.
    private func refreshToken() {
        let handle = handle
        let logger = logger
        guard let tokens else { return }
        handle.tokenCalls.start {
            do {
                let token = try tokens.fetch()
                var text = [CChar](repeating: 0, count: 512)
                let code = rd_kafka_oauthbearer_set_token(
                    handle.client, token.value, token.expiresAt.milliseconds, token.principal, nil, 0, &text, text.count
                )
                guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    throw LogError.refused(
                        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
                }
            } catch {
                // librdkafka requests a token again after ten seconds.
                logger.error("fetching a token from kafka.oauth.tokenURL failed", metadata: ["error": "\(error)"])
                handle.refusal.withLock { $0 = KafkaError(RD_KAFKA_RESP_ERR__AUTHENTICATION, "no token: \(error)") }
                rd_kafka_oauthbearer_set_token_failure(handle.client, "\(error)")
            }
        }
    }
}
