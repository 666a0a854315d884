import BackhaulTelemetry
import Foundation
import Logging
import Testing

@Suite("Logs")
struct LoggingTests {
    @Test(arguments: [
        ("http://user:canary@host/path", "http://<redacted>@host/path"),
        ("PUT https://h/p?X-Amz-Signature=canary failed", "PUT https://h/p?<redacted> failed"),
        (
            "a http://u:canary@h/?canary and https://x/#canary",
            "a http://<redacted>@h/?<redacted> and https://x/?<redacted>"
        ),
        ("Authorization: Bearer canary", "Authorization: Bearer <redacted>"), ("nothing to hide", "nothing to hide"),
    ])
    func secretsInTextAreRedacted(_ text: String, _ clean: String) {
        #expect(Redaction.clean(text) == clean)
    }

    @Test func logLineIsOneJSONObject() throws {
        let line = JSONLogHandler.line(
            level: .info, message: "an \"event\"\nwith a break", label: "l",
            metadata: ["password": "canary", "bearerToken": "canary", "url": "http://h/?canary", "n": "1"])
        let text = String(decoding: line, as: UTF8.self)
        #expect(!text.contains("canary"))
        #expect(text.split(separator: "\n").count == 1)
        let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: String])
        #expect(object["event"] == "an \"event\"\nwith a break" && object["level"] == "info" && object["n"] == "1")
        #expect(object["time"]?.hasSuffix("Z") == true)
    }
}
