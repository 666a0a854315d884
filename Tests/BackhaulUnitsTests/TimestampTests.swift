import BackhaulUnits
import Foundation
import Testing

@Suite("Units")
struct TimestampTests {
    private static let extremes: [Int64] = [.min, -1, 0, 1, 1_800_000_000_000, 253_402_300_799_999, .max]
    private static let durations: [Duration] = [
        .seconds(Int64.min), .milliseconds(Int64.min), .seconds(-1), .zero, .nanoseconds(1), .seconds(1),
        .milliseconds(Int64.max), .seconds(Int64.max),
    ]

    @Test(arguments: extremes)
    func timestampStaysWithinItsRange(milliseconds: Int64) {
        let time = Timestamp(clamping: milliseconds)
        #expect(time >= .earliest && time <= .latest)
        #expect((Timestamp(exactly: milliseconds) == nil) == (time.milliseconds != milliseconds))
        for duration in Self.durations {
            for result in [time + duration, time - duration] { #expect(result >= .earliest && result <= .latest) }
        }
        for other in Self.extremes.map(Timestamp.init(clamping:)) {
            #expect(other + (time - other) == time)
        }
    }

    @Test func timestampIsANumberInJSON() throws {
        #expect(try JSONEncoder().encode([Timestamp(clamping: 1_800_000_000_123)]) == Data("[1800000000123]".utf8))
        let read = try JSONDecoder().decode([Timestamp].self, from: Data("[1800000000123,-5]".utf8))
        #expect(read == [Timestamp(clamping: 1_800_000_000_123), .earliest])
    }

    @Test func durationInMillisecondsSaturates() {
        #expect(Duration.seconds(Int64.max).inMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).inMilliseconds == .min)
        #expect(
            Duration.milliseconds(1_500).inMilliseconds == 1_500 && Duration.nanoseconds(999_999).inMilliseconds == 0)
        #expect(Duration.milliseconds(1_500).inSeconds == 1.5)
    }

    @Test func byteCountSaturates() {
        let largest = ByteCount(.max)
        #expect(largest + ByteCount(1) == largest && ByteCount.zero - ByteCount(1) == .zero)
        #expect(ByteCount(clamping: -1) == .zero && largest.count == .max && "\(ByteCount(5))" == "5")
    }

    @Test func fileTimeSaturates() {
        #expect(FileTime(seconds: .max, nanoseconds: 0).nanoseconds == .max)
        #expect(FileTime(seconds: .min, nanoseconds: 0).nanoseconds == .min)
        #expect(FileTime(seconds: 9_223_372_036, nanoseconds: 999_999_999).nanoseconds == .max)
        #expect(FileTime(seconds: 1, nanoseconds: 5).timestamp == Timestamp(clamping: 1_000))
    }

    @Test func ratioStaysBetweenZeroAndOne() {
        #expect(Ratio(clamping: .nan).value == 0 && Ratio(clamping: -1).value == 0 && Ratio(clamping: 7).value == 1)
    }
}
