import BackhaulRecords
import BackhaulUnits
import Testing

@Suite("Time text")
struct TimeTextParseTests {
    @Test func timeTextRoundTrips() {
        for milliseconds: Int64 in [0, 1, 1_763_876_667_847, 951_782_400_000, 4_102_444_799_999] {
            let text = TimeText.format(Timestamp(clamping: milliseconds))
            #expect(TimeText.parse(text)?.nanoseconds == milliseconds * 1_000_000)
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00.000000001Z", 1 as Int64), ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01 00:00:00.5z", 500_000_000), ("1969-12-31T23:59:59.9-00:30", 1_799_900_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
    ])
    func timeOffsetsAndFractionsAreParsed(_ text: String, _ nanoseconds: Int64) {
        #expect(TimeText.parse(text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "now", "2026-11-23", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-23T24:00:00Z",
        "2026-11-23T00:00:00", "2026-11-23T00:00:00.Z", "2026-11-23T00:00:00.1234567890Z", "2026-11-23T00:00:00Z ",
        "9999-12-31T00:00:00Z", "2026-11-23T00:00:00+1:00", "２026-11-23T00:00:00Z",
    ])
    func invalidTimeTextIsRefused(_ text: String) {
        #expect(TimeText.parse(text) == nil)
    }
}
