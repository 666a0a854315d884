internal import BackhaulDomain
internal import BackhaulUnits

/// Reads the fields that name a task generation in Protobuf records, and checks them against their domain.
enum GenerationCodec {
    /// - Throws: `RecordError`.
    static func value(
        _ tenant: String, _ id: String, _ generation: UInt32, what: String
    ) throws(RecordError) -> TaskGeneration {
        let identity = TaskIdentity(tenant: ByteText(tenant), id: ByteText(id))
        try check(identity, what: what)
        return TaskGeneration(identity: identity, generation: try count(generation, what))
    }

    /// - Throws: `RecordError`.
    static func check(_ identity: TaskIdentity, what: String) throws(RecordError) {
        do {
            try TaskRules.checkTenant(identity.tenant)
            try TaskRules.checkID(identity.id)
        } catch {
            throw .invalid(what: what, problem: error.message)
        }
    }

    /// Checks a time in milliseconds since 1970.
    /// - Throws: `RecordError`.
    static func time(_ milliseconds: Int64, _ field: String, of what: String) throws(RecordError) -> Timestamp {
        guard let time = Timestamp(exactly: milliseconds) else {
            throw .invalid(what: what, problem: "\(field) is not between the years 1970 and 9999")
        }
        return time
    }

    /// Checks a generation, or a number of attempts or crashes.
    /// - Throws: `RecordError`.
    static func count(_ number: UInt32, _ what: String) throws(RecordError) -> Int {
        guard let count = Int(exactly: number), Domain.counts.contains(count) else {
            throw .invalid(what: what, problem: "a count of \(number) is out of range")
        }
        return count
    }
}
