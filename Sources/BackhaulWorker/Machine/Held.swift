internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulUnits

/// A delivery that a lane holds.
struct Held: Sendable {
    enum Standing: Sendable {
        /// Waits for its turn among the tasks of its key.
        case turn
        /// Waits for a time.
        case due
        /// Waits for a slot.
        case queued
        /// Waits until it may run alone.
        case alone
        /// Has a slot, and waits for its record or for its mark.
        case preparing
        case running(Run)
        /// Its decision is being written.
        case settling
    }

    struct Run: Sendable {
        var number: UInt64
        var begun: Timestamp
        var startedAt: Timestamp
        var isMarked: Bool
        /// Whether it goes on where another attempt has stopped.
        var isResumed = false
        var sent = ByteCount.zero
        var stop: StopReason?
    }

    /// What to do with a record that is being read again.
    enum Reading: Hashable, Sendable {
        /// Nothing but keep it for its turn.
        case keep
        case proceed
        case begin
        case move
    }

    private var record: HeldTask?
    private let name: HeldName?
    var skew = Duration.zero
    /// Whether its credit was granted to another delivery.
    var isLent = false
    /// Whether its record says all: nothing has changed since.
    var isFresh = true
    /// Whether it must not wait here again: its partition goes to another owner.
    var isLeaving = false
    /// Whether its attempt has begun and its decision is not in the log yet.
    var hasBegun = false
    /// Whether it blocks the intake of its partition, so that it must not wait here again.
    var isInTheWay = false
    /// How often it got an answer that is final as the probe of a place that fails.
    var finalProbes = 0
    var standing = Standing.settling
    /// Not nil while its record is being read again.
    var reading: Reading?

    /// - Parameter task: nil for a record that is not a task.
    init(_ task: TaskDelivery? = nil, key: [UInt8]? = nil, standing: Standing = .settling) {
        record = task.map(HeldTask.init)
        name = task.map { HeldName(generation: $0.generation, flow: FlowKey($0.task), size: $0.task.size, key: key) }
        skew = task?.delivery.skew ?? .zero
        isFresh = task?.hasCheckpoint == false
        self.standing = standing
    }

    /// nil while only its place is kept, and for a record that is not a task.
    var task: TaskDelivery? {
        get { record?.value }
        set { record = newValue.map(HeldTask.init) }
    }

    var hasTask: Bool { record != nil }
    /// nil for a record that is not a task, as for `flow`.
    var generation: TaskGeneration? { name?.generation }
    var flow: FlowKey? { name?.flow }
    var size: ByteCount { name?.size ?? .zero }
    var key: [UInt8]? { name?.key }
    var isOrdered: Bool { name?.key != nil }

    /// Whether it holds a slot of the admission.
    var isAdmitted: Bool {
        switch standing {
        case .preparing, .running: true
        default: false
        }
    }

    var isWaiting: Bool {
        switch standing {
        case .turn, .due, .queued, .alone: true
        case .preparing, .running, .settling: false
        }
    }
}
