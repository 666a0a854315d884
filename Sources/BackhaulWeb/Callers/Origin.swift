internal import BackhaulDomain
internal import BackhaulIngest
internal import BackhaulLog
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The caller of a submission, and its trace.
struct Origin: Sendable {
    private static let header = HTTPField.Name(TraceContext.header)

    let caller: Caller
    let call: Call
    let known: KnownPolicy
    /// The request's own span when spans are recorded, else the caller's trace unchanged; nil without either.
    let trace: TraceContext?
    private let parent: String?
    private let tracer: Tracer?
    private let startedAt = Self.now

    /// - Throws: `Problem` for a query that submissions do not have.
    init(_ request: Request, _ call: Call, _ tracer: Tracer?) throws {
        known = try KnownPolicy(call.query)
        self.call = call
        caller = call.caller
        self.tracer = tracer
        let given = TraceContext(Self.header.flatMap { request.headers[$0] })
        parent = given?.spanID
        trace = tracer.map { given?.child ?? $0.root() } ?? given
    }

    var submitter: Submitter { Submitter(name: ByteText(caller.name), way: .http) }

    /// Records the span of the answered request.
    func ended(_ name: String, tasks: Int, error: String? = nil) {
        guard let tracer, let trace else { return }
        tracer.record(
            Span(
                name, .server, trace, parent: parent, startedAt: startedAt, endedAt: Self.now,
                attributes: ["backhaul.caller": .text(caller.name), "backhaul.tasks": .number(Int64(tasks))],
                error: error))
    }

    private static var now: Timestamp { SystemLogClock.wall }
}
