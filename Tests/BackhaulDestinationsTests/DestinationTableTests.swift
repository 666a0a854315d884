import BackhaulDestinations
import BackhaulDomain
import BackhaulTestKit
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
            task("team-a"), task("team-a", key: "teams/team-b/x"),
        ] {
            #expect { _ = try table.resolve(bad) } throws: { ($0 as? Failure)?.kind == .permanent }
        }
        // It may be configured later.
        #expect {
            _ = try table.resolve(task("other", .named("none")))
        } throws: {
            ($0 as? Failure)?.kind == .destinationUnknown
        }
        let closed = DestinationTable(
            ["nas": nas], allowsURLs: false, tenants: TenantRules([.init("*", freeURLs: true)]))
        #expect(throws: Failure.self) { _ = try closed.resolve(task("other", .url("http://h/"))) }
    }

    /// What came over HTTP keeps to the rules of HTTP callers, any writer's record; `tenants` goes before them.
    @Test func recordsKeepToTheRulesOfTheirWay() throws {
        let http = TenantPolicy(
            roots: .only(["src"]), destinations: .all, keyPrefixes: [TenantRules.ownPrefix], freeURLs: false)
        let table = DestinationTable(
            ["nas": Destination(DropDestination())], allowsURLs: true,
            tenants: TenantRules([.init("vip", roots: .only(["etc"]), freeURLs: true)]), http: http)
        func resolve(_ task: UploadTask, _ way: Submitter.Way?) throws {
            var task = task
            task.submitter = way.map { Submitter(name: "c", way: $0) }
            _ = try table.resolve(task)
        }
        let bad = [
            task("t", root: "etc", key: "t/a"), task("t", .url("http://h/"), key: "t/a"), task("t", key: "u/a"),
        ]
        for task in bad {
            #expect(throws: Failure.self) { try resolve(task, .http) }
            try resolve(task, .commandLine)
            try resolve(task, nil)
        }
        try resolve(task("t", key: "t/a"), .http)
        try resolve(task("vip", root: "etc", .url("http://h/"), key: "vip/a"), .http)
    }
}
