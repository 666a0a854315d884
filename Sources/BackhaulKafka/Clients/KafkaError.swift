internal import BackhaulLog
internal import CLibrdkafka

/// An error of librdkafka: its code, its text, and how to recover.
struct KafkaError: Error, CustomStringConvertible {
    var code: rd_kafka_resp_err_t
    var text: String
    /// The client is unusable and must be replaced by a new one.
    var isFatal = false
    /// The transaction must be aborted.
    var requiresAbort = false
    /// The same call may be retried.
    var isRetriable = false

    init(_ code: rd_kafka_resp_err_t, _ text: String? = nil) {
        self.code = code
        self.text = text ?? String(cString: rd_kafka_err2str(code))
    }

    /// Reads the error object and destroys it.
    init(taking error: OpaquePointer) {
        code = rd_kafka_error_code(error)
        text = String(cString: rd_kafka_error_string(error))
        isFatal = rd_kafka_error_is_fatal(error) != 0
        requiresAbort = rd_kafka_error_txn_requires_abort(error) != 0
        isRetriable = rd_kafka_error_is_retriable(error) != 0
        rd_kafka_error_destroy(error)
    }

    /// Throws when a call returned an error object.
    static func check(_ error: OpaquePointer?) throws(KafkaError) {
        if let error { throw KafkaError(taking: error) }
    }

    /// Throws when a call returned an error object that another object owns.
    static func check(borrowing error: OpaquePointer?) throws(KafkaError) {
        guard let error else { return }
        throw KafkaError(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
    }

    /// Throws when a call returned an error code.
    static func check(_ code: rd_kafka_resp_err_t) throws(KafkaError) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code) }
    }

    var description: String { "\(text) (\(String(cString: rd_kafka_err2name(code))))" }

    /// Whether this member's generation is no longer current.
    var isStaleMember: Bool {
        [
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST,
        ].contains(code)
    }

    /// Whether the error is temporary, such as an election of a leader or coordinator in progress.
    var passes: Bool {
        [
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT,
        ].contains(code)
    }

    var isUnknownTopic: Bool {
        [
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        ].contains(code)
    }

    /// Whether the broker does not support transactions, or not for this client.
    var isUnsupported: Bool {
        [
            RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        ].contains(code)
    }

    /// The error for callers of the port.
    /// - Parameter what: the operation that failed.
    func logError(_ what: String, topic: String? = nil) -> LogError {
        switch code {
        case _ where isUnknownTopic:
            if let topic { return .unknownTopic(topic) }
            return .unavailable("\(what): \(self)")
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return .refused("\(what): \(self); 'backhaul topics check' prints the rights that each role needs")
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
            // librdkafka before 2.6.1 repeats its nonce. Brokers from 3.8.1 to 3.9 ignore that; 4 rejects it
            // (librdkafka's CHANGELOG, #4895).
            if text.contains("SCRAM"), rd_kafka_version() < 0x02_06_01_00 {
                return .refused(
                    "\(what): \(self); check the user and the password file. librdkafka "
                        + "\(String(cString: rd_kafka_version_str())) does not support SCRAM with Kafka 4: install "
                        + "2.6.1 or newer, or use SASL PLAIN over TLS, a client certificate or OAUTHBEARER")
            }
            return .refused("\(what): \(self); check the user, the password file and kafka.properties")
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
            RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
            return .recordRefused("\(what): \(self); check max.message.bytes of the topic and the brokers' policies")
        case RD_KAFKA_RESP_ERR__SSL:
            return .refused("\(what): \(self); check ssl.ca.location and the certificates in kafka.properties")
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
            return .unsupported("\(what): \(self)")
        default:
            return .unavailable("\(what): \(self)")
        }
    }
}
