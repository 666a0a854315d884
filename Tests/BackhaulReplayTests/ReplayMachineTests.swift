import BackhaulDomain
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulUnits
import Testing

@Suite("Replay machine")
struct ReplayMachineTests {
    private let start = Timestamp(clamping: 1_000_000)

    private func record(_ pace: ReplayPace, letters: Int64 = 1_000) -> ReplayRecord {
        ReplayRecord(
            id: "r", action: .replay, by: "test", reason: "", at: start, selection: LetterSelection(),
            topic: "dead-letters", letters: [0: 0..<letters], results: [0: 0], pace: pace)
    }

    private func machine(_ pace: ReplayPace, letters: Int64 = 1_000) -> ReplayMachine {
        ReplayMachine(record(pace, letters: letters), nil, wall: start)
    }

    @Test func withoutAPaceEverythingIsSentAtOnce() {
        var machine = machine(ReplayPace(), letters: 700)
        #expect(machine.need(at: start) == .letters(500))
        machine.took(
            appended: 500, size: 1, skipped: 0, unusable: 0, cursors: [0: 500], isEnd: false, now: start, wall: start)
        #expect(machine.need(at: start) == .letters(500))
        machine.took(
            appended: 200, size: 1, skipped: 0, unusable: 0, cursors: [0: 700], isEnd: true, now: start, wall: start)
        #expect(machine.need(at: start) == .results(until: nil) && machine.state.phase == .finishing)
        machine.counted(succeeded: 698, failed: 1, other: 1, now: start, wall: start)
        #expect(machine.need(at: start) == .nothing && machine.state.phase == .done)
    }

    @Test func canaryDecides() {
        var machine = machine(ReplayPace(canary: 10, patience: .seconds(60), stopShare: 0.2))
        #expect(machine.need(at: start) == .canary(each: 10))
        machine.took(
            appended: 10, size: 1, skipped: 0, unusable: 0, cursors: nil, isEnd: true, now: start, wall: start)
        #expect(machine.need(at: start) == .results(until: start + .seconds(60)))
        // Another process takes over: it looks for the canary, and finds all of it sent.
        var other = ReplayMachine(machine.replay, machine.state, wall: start)
        #expect(other.need(at: start + .seconds(5)) == .canary(each: 10))
        other.took(
            appended: 0, size: .zero, skipped: 0, unusable: 0, cursors: nil, isEnd: true, now: start + .seconds(5),
            wall: start)
        #expect(other.need(at: start + .seconds(5)) == .results(until: start + .seconds(65)))
        for (failed, phase) in [(1, ReplayState.Phase.sending), (2, .stopped)] {
            var next = machine
            next.counted(succeeded: 9 - failed, failed: failed, other: 0, now: start, wall: start)
            #expect(next.state.phase == .canary, "one result is missing")
            next.counted(succeeded: 10 - failed, failed: failed, other: 0, now: start, wall: start)
            #expect(next.state.phase == phase)
        }
        machine.tick(now: start + .seconds(60), wall: start)
        #expect(machine.state.phase == .stopped)
        #expect(machine.state.reason == "10 of 10 canary tasks have no result after 1m")
    }

    @Test func failuresStopWhatIsSent() {
        var machine = machine(ReplayPace(rate: 10, stopShare: 0.5))
        machine.took(
            appended: 100, size: 1, skipped: 0, unusable: 0, cursors: [0: 100], isEnd: false, now: start, wall: start)
        machine.counted(succeeded: 0, failed: 19, other: 0, now: start, wall: start)
        #expect(machine.state.phase == .sending, "too few to tell")
        machine.counted(succeeded: 10, failed: 19, other: 0, now: start, wall: start)
        #expect(machine.state.phase == .stopped && machine.need(at: start) == .nothing)
        machine.follow(ReplayOrder(.resume, by: "anna", at: start), at: 7, now: start, wall: start)
        #expect(machine.state.phase == .sending)
        // What the operator knows of does not stop it again.
        machine.counted(succeeded: 29, failed: 20, other: 0, now: start, wall: start)
        #expect(machine.state.phase == .sending)
        machine.counted(succeeded: 29, failed: 50, other: 0, now: start, wall: start)
        #expect(machine.state.phase == .stopped)
        // An order that comes again to a later process has been followed.
        machine.follow(ReplayOrder(.resume, by: "anna", at: start), at: 7, now: start, wall: start)
        #expect(machine.state.phase == .stopped)
    }

    @Test func paceIsInvertible() {
        for ramp in [0.0, 1, 40] {
            let pace = ReplayPace(rate: 37, ramp: .seconds(ramp))
            for count in [1, 2, 10, 100, 1_000, 10_000] {
                let time = pace.time(of: count)
                let sent = pace.allowance(after: time) ?? 0
                #expect(abs(sent - Double(count)) < 0.1, "ramp \(ramp), task \(count)")
            }
        }
        #expect(ReplayPace(rate: 10, ramp: .seconds(10)).allowance(after: .seconds(10)) == 55)
        #expect(ReplayPace().allowance(after: .seconds(1)) == nil)
        #expect(ReplayPace(rate: .leastNonzeroMagnitude).time(of: 5) == .seconds(400 * 86_400))
    }

    /// Any order of letters, results, orders, times and takeovers: no more is sent than the pace allows, nothing while
    /// the replay is not active, and no letter twice.
    @Test(arguments: 0..<200) func noOrderOfEventsSendsTooMuch(_ seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }
        let pace = ReplayPace(
            canary: chance(2) ? Int.random(in: 1...20, using: &random) : 0, patience: .seconds(30),
            rate: chance(2) ? Double.random(in: 0.5...200, using: &random) : nil,
            ramp: chance(2) ? .seconds(Int.random(in: 1...60, using: &random)) : .zero,
            stopShare: chance(2) ? 0.3 : nil)
        let total = Int64.random(in: 0...2_000, using: &random)
        var machine = ReplayMachine(record(pace, letters: total), nil, wall: start)
        var now = start
        var sent = 0
        var fresh = 0
        var freshSince: Timestamp?
        var results = (succeeded: 0, failed: 0, other: 0)
        var ordered = start
        for _ in 0..<400 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<5:
                let need = machine.need(at: now)
                switch need {
                case .canary(let each):
                    #expect(each == pace.canary && sent <= each)
                    // Those that were sent before are found; a batch may hold fewer than are wanted.
                    let wanted = min(each, Int(total)) - sent
                    let count = chance(3) ? wanted / 2 : wanted
                    machine.took(
                        appended: count, size: .zero, skipped: 0, unusable: 0, cursors: nil, isEnd: count == wanted,
                        now: now, wall: now)
                    sent += count
                case .letters(let most):
                    let at = machine.state.cursors[0] ?? 0
                    let left = Int(total - at)
                    // Those of the canary are looked at, and not sent, again.
                    let looked = min(most, left)
                    let own = at < Int64(pace.canary) && pace.canary > 0 ? min(looked, pace.canary - Int(at)) : 0
                    let count = looked - own
                    machine.took(
                        appended: count, size: .zero, skipped: 0, unusable: 0, cursors: [0: at + Int64(looked)],
                        isEnd: looked == left, now: now, wall: now)
                    sent += count
                    fresh += count
                    freshSince = freshSince ?? now
                    if let allowed = pace.allowance(after: now - (freshSince ?? now)) {
                        #expect(Double(fresh) <= allowed + 1 || fresh <= 1, "\(fresh) of \(allowed)")
                    }
                case .time(let time):
                    #expect(time > now)
                    now = time
                case .results, .nothing: break
                }
                if case .nothing = need { #expect(!machine.state.phase.isActive) }
            case 5..<8:
                guard results.succeeded + results.failed + results.other < sent else { continue }
                if chance(3) { results.failed += 1 } else { results.succeeded += 1 }
                machine.counted(
                    succeeded: results.succeeded, failed: results.failed, other: results.other, now: now, wall: now)
            case 8: now = now + .milliseconds(Int.random(in: 1...20_000, using: &random))
            case 9:
                machine.tick(now: now, wall: now)
            case 10:
                ordered = ordered + .milliseconds(1)
                let kind: ReplayOrder.Kind = chance(3) ? .pause : .resume
                let before = machine.state.phase
                machine.follow(
                    ReplayOrder(kind, by: "x", at: start), at: ordered.milliseconds, now: now, wall: now)
                if before != machine.state.phase, kind == .resume { (fresh, freshSince) = (0, nil) }
            default:
                machine = ReplayMachine(machine.replay, machine.state, wall: now)
                (fresh, freshSince) = (0, nil)
            }
            #expect(machine.state.counts.appended == sent && sent <= Int(total))
        }
    }
}
