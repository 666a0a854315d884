internal import BackhaulLog
internal import CLibrdkafka

/// An error of librdkafka: its code, its words, and what may be done about it.
struct KafkaFailure: Error, CustomStringConvertible {
    var code: rd_kafka_resp_err_t
    var text: String
    /// The client is beyond repair and has to be made anew.
    var isFatal = false
    /// The transaction has to be aborted.
    var requiresAbort = false
    /// The same call may be made again.
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
    static func check(_ error: OpaquePointer?) throws(KafkaFailure) {
        if let error { throw KafkaFailure(taking: error) }
    }

    /// Throws when there is an error in an object that another owns.
    static func check(borrowing error: OpaquePointer?) throws(KafkaFailure) {
        guard let error else { return }
        throw KafkaFailure(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
    }

    /// Throws when a call returned an error code.
    static func check(_ code: rd_kafka_resp_err_t) throws(KafkaFailure) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaFailure(code) }
    }

    var description: String { "\(text) (\(String(cString: rd_kafka_err2name(code))))" }

    /// Whether the group has moved on without this member.
    var isStaleMember: Bool {
        [
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST,
        ].contains(code)
    }

    /// Whether it passes by itself: leaders and coordinators that are only now being found or moved.
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

    /// Whether the broker cannot do transactions, or not for this client.
    var isUnsupported: Bool {
        [
            RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        ].contains(code)
    }

    /// What the port's callers are told.
    /// - Parameter what: what was being done.
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
            // librdkafka before 2.6.1 repeats its nonce, which brokers from 3.8.1 to 3.9 overlook and 4 refuses (its
            // CHANGELOG, #4895).
            if text.contains("SCRAM"), rd_kafka_version() < 0x02_06_01_00 {
                return .refused(
                    "\(what): \(self); check the user and the password file. librdkafka "
                        + "\(String(cString: rd_kafka_version_str())) cannot do SCRAM with Kafka 4: that takes 2.6.1 or "
                        + "newer, or SASL PLAIN over TLS, a client certificate or OAUTHBEARER")
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
