package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits
internal import DequeModule

/// Decides which of the waiting tasks begins next. Pure.
///
/// Each flow (place, root, tenant) has a queue; they take turns by deficit round robin, in bytes and requests (M.
/// Shreedhar, G. Varghese, "Efficient Fair Queueing using Deficit Round Robin", 1995). Bulkheads keep slots free for
/// others: a place may hold only some of the slots, and the places that have not worked lately share half of them, each
/// no more than it leaves free (A. Choudhury, E. Hahne, "Dynamic queue length thresholds for shared-memory packet
/// switches", 1998). A breaker for each place and each root holds back the tasks of one that fails.
package struct Admission: Sendable {
    private struct Entry: Sendable {
        var reference: DeliveryReference
        var size: ByteCount

        var cost: Int { Admission.request + min(size.count, Admission.largestCost) }
    }

    private struct Flow: Sendable {
        var queue: Deque<Entry> = []
        /// Entries of tasks that wait; the others are skipped when their turn comes.
        var waiting = 0
        var deficit = 0
    }

    /// What a flow waits for, other than a slot.
    private enum Obstacle: Hashable, Sendable {
        case place(ByteText)
        case root(ByteText)
        case tenant(ByteText)
        case unproven
    }

    package private(set) var limits: AdmissionLimits
    private let places: BreakerPolicy
    private let roots: BreakerPolicy
    private var flows: [FlowKey: Flow] = [:]
    private var queued: [DeliveryReference: FlowKey] = [:]
    /// Flows that may begin a task, in turn.
    private var ring: Deque<FlowKey> = []
    private var stuck: [Obstacle: [FlowKey]] = [:]
    package private(set) var placeGates: [ByteText: Gate] = [:]
    package private(set) var rootGates: [ByteText: Gate] = [:]
    private var tenants: [ByteText: Int] = [:]
    package private(set) var running = 0
    /// Tasks whose attempt has begun and whose decision is not in the log.
    package private(set) var undecided = 0
    /// The bytes of their files.
    private var undecidedBytes = 0

    /// What a request costs besides the bytes of its file.
    private static let request = 64 << 10
    /// More than this is not charged, so that the turn of a flow with large files comes.
    private static let largestCost = 64 << 20
    private static let quantum = 1 << 20
    /// Gates beyond this number are forgotten when they hold nothing to remember.
    private static let keptGates = 1_000
    /// A place at its limit counts as stuck when no attempt of it has ended for this long.
    private static let patience = Duration.seconds(1)

    package init(_ limits: AdmissionLimits, places: BreakerPolicy, roots: BreakerPolicy) {
        self.limits = limits
        self.places = places
        self.roots = roots
    }

    package var waiting: Int { queued.count }

    package mutating func resize(_ limits: AdmissionLimits) {
        self.limits = limits
        unstick { _ in true }
    }

    // MARK: Queues

    package mutating func enqueue(_ reference: DeliveryReference, _ key: FlowKey, size: ByteCount) {
        guard queued.updateValue(key, forKey: reference) == nil else { return }
        if flows[key] == nil {
            flows[key] = Flow()
            ring.append(key)
            forget()
        }
        flows[key]?.queue.append(Entry(reference: reference, size: size))
        flows[key]?.waiting += 1
    }

    /// Removes a task that waits. Its entry is skipped when its turn comes.
    package mutating func remove(_ reference: DeliveryReference) {
        guard let key = queued.removeValue(forKey: reference) else { return }
        flows[key]?.waiting -= 1
        guard let flow = flows[key], flow.queue.count > 2 * flow.waiting + Self.keptGates else { return }
        flows[key]?.queue.removeAll { queued[$0.reference] != key }
    }

    /// The tasks that follow in the flow's queue.
    package func next(of key: FlowKey, _ count: Int) -> [DeliveryReference] {
        guard let flow = flows[key] else { return [] }
        return flow.queue.prefix(count).map(\.reference).filter { queued[$0] == key }
    }

    /// Whether tasks of the flow are not going to begin soon: a breaker is open, or its place is at its limit and
    /// does not get on.
    package func isStuck(_ key: FlowKey, _ now: Timestamp) -> Bool {
        let place = placeGates[key.place] ?? Gate()
        let root = rootGates[key.root] ?? Gate()
        if place.breaker.isOpen || root.breaker.isOpen { return true }
        func stands(_ gate: Gate, _ limit: Int) -> Bool {
            gate.running >= limit && gate.endedAt.map { now - $0 > Self.patience } ?? true
        }
        if limits.perTenant < limits.uploads, tenants[key.tenant, default: 0] >= limits.perTenant { return true }
        let limit = min(gateLimit(place, now), place.breaker.limit(normal: limits.perPlace))
        return stands(place, limit) || stands(root, limits.perRoot)
    }

    // MARK: Turns

    /// Takes the task that begins now; nil when none may. It counts as running until `ended`, and as undecided until
    /// `decided`.
    package mutating func next(_ now: Timestamp) -> DeliveryReference? {
        release(now)
        while running < limits.uploads, mayRepeatMore, let key = ring.popFirst() {
            guard var flow = flows.removeValue(forKey: key) else { continue }
            while let entry = flow.queue.first, queued[entry.reference] != key { flow.queue.removeFirst() }
            guard let entry = flow.queue.first else { continue }
            if let obstacle = obstacle(key, now) {
                flow.deficit = 0
                flows[key] = flow
                stuck[obstacle, default: []].append(key)
                continue
            }
            if !ring.isEmpty, flow.deficit < entry.cost {
                flow.deficit += Self.quantum
                flows[key] = flow
                ring.append(key)
                continue
            }
            flow.queue.removeFirst()
            flow.waiting -= 1
            flow.deficit = max(0, flow.deficit - entry.cost)
            if !flow.queue.isEmpty {
                flows[key] = flow
                // It goes on until its deficit is used up.
                ring.prepend(key)
            }
            queued[entry.reference] = nil
            begin(entry.reference, key, size: entry.size)
            return entry.reference
        }
        return nil
    }

    /// Counts a task as running without a turn: one that runs alone.
    package mutating func begin(_ reference: DeliveryReference, _ key: FlowKey, size: ByteCount) {
        running += 1
        undecided += 1
        undecidedBytes += min(size.count, Self.largestCost)
        tenants[key.tenant, default: 0] += 1
        Self.begin(reference, &placeGates[key.place, default: Gate()])
        Self.begin(reference, &rootGates[key.root, default: Gate()])
    }

    private static func begin(_ reference: DeliveryReference, _ gate: inout Gate) {
        gate.running += 1
        if gate.breaker.isOpen { gate.probe = gate.probe ?? reference }
    }

    /// An attempt ended.
    /// - Parameter random: returns a number in 0 ..< 1; asked for when a breaker opens.
    /// - Returns: whether the failure concerns its place or root rather than the task: the task waits and pays nothing.
    package mutating func ended(
        _ reference: DeliveryReference, _ key: FlowKey, _ evidence: Evidence, now: Timestamp, random: () -> Double
    ) -> Bool {
        running -= 1
        if let count = tenants[key.tenant] { tenants[key.tenant] = count > 1 ? count - 1 : nil }
        var place = placeGates[key.place] ?? Gate()
        var root = rootGates[key.root] ?? Gate()
        var costsNothing = false
        let isPlaceProbe = Self.end(reference, &place, now)
        let isRootProbe = Self.end(reference, &root, now)
        switch evidence {
        case .nothing: break
        case .works:
            place.workedAt = now
            place.aliveAt = now
            place.breaker.worked(normal: limits.perPlace)
            root.breaker.worked(normal: limits.perRoot)
        case .fails(let failure):
            switch failure.scope {
            case .root:
                costsNothing = root.breaker.failed(
                    failure, isProbe: isRootProbe, policy: roots, now: now, random: random())
            case .place:
                if failure.kind != .destinationUnknown { root.breaker.worked(normal: limits.perRoot) }
                if failure.kind == .throttled, let pause = failure.retryAfter {
                    costsNothing = place.breaker.paused(failure, for: min(pause, places.longestWait), now: now)
                } else {
                    costsNothing = place.breaker.failed(
                        failure, isProbe: isPlaceProbe, policy: places, now: now, random: random())
                }
            case .task:
                // An answer that concerns this file alone says that the place works.
                if failure.comesFromPlace {
                    place.workedAt = now
                    place.aliveAt = now
                    place.breaker.worked(normal: limits.perPlace)
                    root.breaker.worked(normal: limits.perRoot)
                }
            }
        }
        placeGates[key.place] = place
        rootGates[key.root] = root
        unstick {
            switch $0 {
            case .place(let name): name == key.place
            case .root(let name): name == key.root
            case .tenant(let name): name == key.tenant
            case .unproven: true
            }
        }
        return costsNothing
    }

    /// - Returns: whether the attempt was the gate's probe.
    private static func end(_ reference: DeliveryReference, _ gate: inout Gate, _ now: Timestamp) -> Bool {
        gate.running -= 1
        gate.endedAt = now
        guard gate.probe == reference else { return false }
        gate.probe = nil
        return true
    }

    /// The decision of a task that had begun is in the log.
    package mutating func decided(size: ByteCount) {
        undecided -= 1
        undecidedBytes -= min(size.count, Self.largestCost)
    }

    /// A crash repeats what is not decided. Of small files that may be more.
    private var mayRepeatMore: Bool {
        undecided < limits.decisions || undecided < Self.smallDecisions && undecidedBytes < Self.smallBytes
    }

    private static let smallDecisions = 1_024
    private static let smallBytes = 64 << 20

    /// A running attempt gets on: its place works.
    package mutating func progressed(_ key: FlowKey, _ now: Timestamp) {
        placeGates[key.place]?.aliveAt = now
        unstick { $0 == .unproven }
    }

    /// When an open breaker lets a probe through for which a task waits; nil when no slot is free for it.
    package var nextProbe: Timestamp? {
        guard running < limits.uploads, mayRepeatMore else { return nil }
        var next: Timestamp?
        for obstacle in stuck.keys {
            guard let gate = gate(obstacle), gate.probe == nil, case .open(let until) = gate.breaker.state else {
                continue
            }
            next = min(next ?? until, until)
        }
        return next
    }

    // MARK: Obstacles

    private func gate(_ obstacle: Obstacle) -> Gate? {
        switch obstacle {
        case .place(let name): placeGates[name]
        case .root(let name): rootGates[name]
        case .tenant, .unproven: nil
        }
    }

    private func obstacle(_ key: FlowKey, _ now: Timestamp) -> Obstacle? {
        let place = placeGates[key.place] ?? Gate()
        guard place.admits(normal: limits.perPlace, now) else { return .place(key.place) }
        guard (rootGates[key.root] ?? Gate()).admits(normal: limits.perRoot, now) else { return .root(key.root) }
        guard tenants[key.tenant, default: 0] < limits.perTenant else { return .tenant(key.tenant) }
        guard place.breaker.isOpen || place.running < gateLimit(place, now) else { return .unproven }
        return nil
    }

    /// How many attempts may run at a place, given what runs at others.
    private func gateLimit(_ place: Gate, _ now: Timestamp) -> Int {
        guard !place.isProven(now) else { return limits.perPlace }
        let unproven = placeGates.values.reduce(0) { $1.isProven(now) ? $0 : $0 + $1.running }
        // While a quarter of all slots is free, each place may try.
        let least = limits.uploads - running > limits.uploads / 4 ? 1 : 0
        return min(limits.perPlace, max(least, limits.unproven - unproven))
    }

    /// Returns the flows to their turns whose breaker lets a probe through.
    private mutating func release(_ now: Timestamp) {
        guard !stuck.isEmpty else { return }
        let free = stuck.keys.filter { obstacle in
            guard let gate = gate(obstacle), gate.breaker.isOpen else { return false }
            return gate.admits(normal: 1, now)
        }
        if !free.isEmpty { unstick { free.contains($0) } }
    }

    private mutating func unstick(_ isFree: (Obstacle) -> Bool) {
        for obstacle in stuck.keys where isFree(obstacle) {
            for key in stuck.removeValue(forKey: obstacle) ?? [] { ring.append(key) }
        }
    }

    /// Submitters' URLs name any number of places.
    private mutating func forget() {
        if placeGates.count > Self.keptGates {
            let needed = Set(flows.keys.map(\.place))
            placeGates = placeGates.filter { !$0.value.isForgettable || needed.contains($0.key) }
        }
        if rootGates.count > Self.keptGates {
            let needed = Set(flows.keys.map(\.root))
            rootGates = rootGates.filter { !$0.value.isForgettable || needed.contains($0.key) }
        }
    }
}
