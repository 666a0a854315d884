import BackhaulLogConformance
import BackhaulTestKit
import Testing

@Suite("Embedded log conformance")
struct EmbeddedConformanceTests {
    @Test(arguments: LogConformance.Case.allCases)
    func conformsWithSignatures(_ name: LogConformance.Case) async throws {
        try await withTemporaryFolder { folder in
            try await LogConformance(SignedHarness(EmbeddedHarness(root: folder))).run(name)
        }
    }

    @Test(arguments: LogConformance.Case.allCases)
    func conforms(_ name: LogConformance.Case) async throws {
        try await withTemporaryFolder { folder in
            try await LogConformance(EmbeddedHarness(root: folder)).run(name)
        }
    }
}
