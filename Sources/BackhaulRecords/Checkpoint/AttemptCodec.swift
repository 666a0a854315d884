internal import BackhaulDomain
internal import BackhaulUnits

/// Encodes failed attempts: `backhaul.v1.Attempt`.
enum AttemptCodec {
    static func message(_ attempt: AttemptRecord) -> Backhaul_V1_Attempt {
        var message = Backhaul_V1_Attempt()
        message.attempt = UInt32(clamping: attempt.attempt)
        message.atMs = attempt.at.milliseconds
        message.failure = attempt.failure
        message.message = attempt.message
        message.httpStatus = UInt32(clamping: attempt.httpStatus ?? 0)
        message.worker = attempt.worker
        return message
    }

    static func values(_ messages: [Backhaul_V1_Attempt]) -> [AttemptRecord] {
        messages.prefix(TaskProgress.longestHistory).map {
            AttemptRecord(
                attempt: Int($0.attempt), at: Timestamp(clamping: $0.atMs), failure: $0.failure, message: $0.message,
                httpStatus: $0.httpStatus == 0 ? nil : Int($0.httpStatus), worker: $0.worker
            ).bounded
        }
    }
}
