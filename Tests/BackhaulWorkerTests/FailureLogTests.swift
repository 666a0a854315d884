import BackhaulDomain
import Logging
import Synchronization
import Testing

@testable import BackhaulWorker

@Suite("Log of failures")
struct FailureLogTests {
    private final class Lines: Sendable {
        let all = Mutex<[Logger.Metadata]>([])
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.info

        init(_ lines: Lines) { self.lines = lines }

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.all.withLock { $0.append(event.metadata ?? [:]) } }
    }

    /// A sick destination writes a line, whatever waits for it, and hides no other.
    @Test func eachDestinationHasALine() {
        let lines = Lines()
        let log = FailureLog(Logger(label: "test") { _ in Handler(lines) })
        for number in 0..<10_000 {
            log.note(Failure(.transient, "down"), "sick", ["task": "\(number)"])
            if number == 5_000 {
                log.note(Failure(.permanent, "refused"), "sick", [:])
                log.note(Failure(.transient, "down"), "other", [:])
            }
        }
        #expect(lines.all.withLock(\.count) == 3)
        #expect(lines.all.withLock { $0.first?["task"] } == "0")
        // URLs are without number: they may not fill the memory, nor the log.
        for number in 0..<5_000 { log.note(Failure(.transient, "down"), ByteText("http://h\(number)/"), [:]) }
        #expect(lines.all.withLock(\.count) <= 1_005)
    }
}
