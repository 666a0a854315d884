import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
import Testing

@Suite("Signed records")
struct SigningTests {
    private static let one = "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let two = "b ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

    private func keys(_ lines: String...) throws -> SigningKeys {
        try SigningKeys(parsing: lines.joined(separator: "\n"))
    }

    /// A record with random parts; some are null or empty.
    private func record(_ numbers: inout SeededNumbers) -> LogRecord {
        func bytes(_ numbers: inout SeededNumbers) -> [UInt8]? {
            let length = Int.random(in: -1...12, using: &numbers)
            return length < 0 ? nil : (0..<length).map { _ in UInt8.random(in: 0...255, using: &numbers) }
        }
        var record = LogRecord(key: bytes(&numbers), value: bytes(&numbers))
        for _ in 0..<Int.random(in: 0...3, using: &numbers) {
            record.headers.append(LogHeader("h\(Int.random(in: 0...2, using: &numbers))", bytes(&numbers)))
        }
        return record
    }

    /// Another record that differs in one place.
    private func changed(_ record: LogRecord, _ numbers: inout SeededNumbers) -> LogRecord {
        func other(_ bytes: [UInt8]?) -> [UInt8]? {
            guard var bytes else { return [] }
            if bytes.isEmpty { return nil }
            let at = Int.random(in: bytes.indices, using: &numbers)
            switch Int.random(in: 0...2, using: &numbers) {
            case 0: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &numbers)
            case 1: bytes.remove(at: at)
            default: bytes.append(0)
            }
            return bytes
        }
        var next = record
        switch Int.random(in: 0...4, using: &numbers) {
        case 0: next.key = other(record.key)
        case 1: next.value = other(record.value)
        case 2: next.headers.insert(LogHeader("backhaul-generation", text: "1"), at: 0)
        case 3:
            // The same bytes, divided otherwise.
            let key = record.key ?? []
            let value = record.value ?? []
            guard record.key != nil, let last = key.last else { return self.changed(record, &numbers) }
            next.key = Array(key.dropLast())
            next.value = [last] + value
        default:
            // The signature is the last header and stays.
            guard record.headers.count > 1 else { return self.changed(record, &numbers) }
            let at = Int.random(in: 0..<(record.headers.count - 1), using: &numbers)
            next.headers[at].value = other(record.headers[at].value)
        }
        return next
    }

    @Test(arguments: 0..<8)
    func anyChangeIsRefused(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let keys = try keys(Self.one)
        for _ in 0..<500 {
            let plain = record(&numbers)
            #expect(keys.refusal(of: plain, topic: "t") == .unsigned)
            let signed = keys.sign(plain, topic: "t")
            #expect(keys.refusal(of: signed, topic: "t") == nil)
            #expect(keys.sign(signed, topic: "t") == signed)
            #expect(keys.refusal(of: signed, topic: "u") == .wrong)
            #expect(keys.refusal(of: changed(signed, &numbers), topic: "t") == .wrong)
        }
    }

    @Test func aSecondSignatureIsRefused() throws {
        let keys = try keys(Self.one)
        var signed = keys.sign(LogRecord(value: [1]), topic: "t")
        signed.headers.append(contentsOf: signed.headers)
        #expect(keys.refusal(of: signed, topic: "t") == .unsigned)
    }

    /// Each step of a rotation accepts the records of the step before and of the step after.
    @Test func keysRotate() throws {
        let steps = try [keys(Self.one), keys(Self.one, Self.two), keys(Self.two, Self.one), keys(Self.two)]
        for (earlier, later) in zip(steps, steps.dropFirst()) {
            #expect(later.refusal(of: earlier.sign(LogRecord(value: []), topic: "t"), topic: "t") == nil)
            #expect(earlier.refusal(of: later.sign(LogRecord(value: []), topic: "t"), topic: "t") == nil)
        }
        #expect(steps[3].refusal(of: steps[0].sign(LogRecord(value: []), topic: "t"), topic: "t") == .unknownKey)
    }

    /// RFC 2104 by another implementation: Python's hmac over the fields as C75 describes them.
    @Test func theFormatIsAsDocumented() throws {
        let record = LogRecord(key: [1, 2], value: nil, headers: [LogHeader("h", []), LogHeader("n", nil)])
        let signature = try keys(Self.one).sign(record, topic: "topic").headers.last
        #expect(signature?.name == "backhaul-signature")
        #expect(signature?.value.map { String(decoding: $0.prefix(2), as: UTF8.self) } == "a:")
        #expect(signature?.value.map { Hex.encode($0.dropFirst(2)) } == Self.golden)
    }

    private static let golden =
        "b9e0d2186a5c20c3d2a117cf9348984c250201ce13c6291023312eb7793d95b5"

    @Test(arguments: [
        "", "# none", "a", "a b c", "a AAAA", "a:b AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\na ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
    ])
    func badKeyFilesAreRefused(_ text: String) {
        #expect(throws: SigningKeys.ParseError.self) { try SigningKeys(parsing: text) }
    }

    @Test func theErrorDoesNotShowTheSecret() {
        #expect(throws: SigningKeys.ParseError.self) { try SigningKeys(parsing: "a c2VjcmV0") }
        do {
            _ = try SigningKeys(parsing: "# x\n\na c2VjcmV0")
        } catch {
            #expect(error.line == 3)
            #expect(!"\(error)".contains("c2VjcmV0"))
        }
    }
}
