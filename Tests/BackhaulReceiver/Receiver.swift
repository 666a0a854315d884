import BackhaulTestKit
import Dispatch
import Foundation
import Synchronization

/// The receiving server of `make demo`: stores the objects that it receives, and fails as real servers do until
/// SIGUSR1 heals it. The object's name and the number of the attempt select the fault, so that a run can be repeated.
@main
struct Receiver {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else {
            FileHandle.standardError.write(Data("usage: backhaul-receiver FOLDER\n".utf8))
            exit(2)
        }
        let faults = FaultPlan()
        let server = try StubServer(folder: CommandLine.arguments[1]) { faults.answer($0) }
        signal(SIGUSR1, SIG_IGN)
        let heal = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: .main)
        heal.setEventHandler { faults.heal() }
        heal.resume()
        signal(SIGTERM, SIG_IGN)
        let stop = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .main)
        stop.setEventHandler {
            FileHandle.standardError.write(Data((faults.summary + "\n").utf8))
            exit(0)
        }
        stop.resume()
        print(server.port)
        fflush(nil)
        dispatchMain()
    }
}

/// Selects the fault of each request.
final class FaultPlan: Sendable {
    private struct State {
        var isHealed = false
        var met: [String: Int] = [:]
    }

    private let state = Mutex(State())

    func heal() { state.withLock { $0.isHealed = true } }

    var summary: String {
        let met = state.withLock { $0.met }
        return met.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }

    func answer(_ request: StubRequest) -> StubAnswer {
        guard request.method == "PUT" || request.method == "POST" else { return .fetch }
        let hash = Self.hash(request.target)
        let isHealed = state.withLock { $0.isHealed }
        guard !isHealed else { return .store() }
        // Some objects are refused permanently, until the server is healed.
        if hash % 100 < 4 { return note("422 refused", .status(422)) }
        // Others fail in at most the first two attempts.
        guard request.earlier < 2 else { return .store() }
        switch Self.hash(request.target + "#\(request.earlier)") % 100 {
        case 0..<8: return note("500", .status(500))
        case 8..<13: return note("reset", .reset(after: request.length / 2))
        case 13..<18: return note("429 with Retry-After", .status(429, headers: ["Retry-After": "1"]))
        case 18..<20: return note("stall", .stall(10))
        case 20..<24: return note("reply lost", .loseReply)
        default: return .store()
        }
    }

    private func note(_ what: String, _ answer: StubAnswer) -> StubAnswer {
        state.withLock { $0.met[what, default: 0] += 1 }
        return answer
    }

    private static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash >> 16
    }
}
