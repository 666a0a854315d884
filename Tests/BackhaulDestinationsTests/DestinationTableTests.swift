import BackhaulDestinations
import BackhaulDomain
import BackhaulUnits
import Testing

@Suite("Destination table")
struct DestinationTableTests {
    private func task(
        _ tenant: ByteText, root: ByteText = "src", _ target: DestinationReference.Target = .named("nas"),
        key: ByteText = "a"
    ) -> UploadTask {
        UploadTask(
            identity: TaskIdentity(tenant: tenant, id: "1"), batch: "",
            source: SourceReference(root: root, path: "a"),
            destination: DestinationReference(target: target, key: key), size: ByteCount(1),
            modifiedAt: FileTime(nanoseconds: 0), contentType: "", acceptedAt: .earliest, deadline: nil)
    }

    /// The writer of a record may have skipped every check: the worker's own decides.
    @Test func recordsOfOtherWritersKeepToTheTenantsRules() throws {
        let nas = Destination(DropDestination())
        let table = DestinationTable(
            ["nas": nas, "tape": nas], allowsURLs: true,
            tenants: TenantRules([
                .init("photos", roots: .only(["src"]), destinations: .only(["nas"]), freeURLs: false),
                .init("team-*", keyPrefixes: .oneOf(["teams/{tenant}/"])),
            ]))
        for good in [
            task("photos"), task("team-a", key: "teams/team-a/x"), task("other", root: "etc", .named("tape")),
            task("other", .url("http://h/")),
        ] {
            _ = try table.resolve(good)
        }
        for bad in [
            task("photos", root: "etc"), task("photos", .named("tape")), task("photos", .url("http://h/")),
            task("team-a"), task("team-a", key: "teams/team-b/x"), task("other", .named("none")),
        ] {
            #expect { _ = try table.resolve(bad) } throws: { ($0 as? Failure)?.kind == .permanent }
        }
        let closed = DestinationTable(
            ["nas": nas], allowsURLs: false, tenants: TenantRules([.init("*", freeURLs: true)]))
        #expect(throws: Failure.self) { _ = try closed.resolve(task("other", .url("http://h/"))) }
    }
}
