import BackhaulDomain
import BackhaulLog
import BackhaulUnits
import BackhaulWorker

/// A worker of the simulation: a real machine, and the state of its surroundings.
struct SimulatedWorker {
    let number: Int
    var machine: LaneMachine
    var inbox: [LaneEvent] = []
    var intakes: [TopicPartition: PartitionIntake] = [:]
    var credits = 0
    var settling: [Settlement] = []
    var attempts: [DeliveryReference: SimulatedAttempt] = [:]
    var inherits: [Arrival] = []
    var fetches: [[DeliveryReference]] = []
    var reports: [[DeliveryReference]] = []
    var revoking: Set<TopicPartition> = []
    var isStopping = false
    var isFinished = false
}
