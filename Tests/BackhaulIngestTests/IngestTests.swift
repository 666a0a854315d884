import BackhaulDomain
import BackhaulFiles
import BackhaulIngest
import BackhaulPipelineKit
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Testing

@Suite("Ingest")
struct IngestTests {
    @Test func repeatedSubmissionIsKnownAndChangedFileIsNew() async throws {
        try await withPipeline { pipeline in
            let first = try pipeline.draft("a", [1], to: .named("nas"))
            guard case .accepted(let identity, let position) = try await pipeline.ingest.accept([first])[0] else {
                Issue.record("not accepted")
                return
            }
            var other = first
            other.batch = "another batch"
            other.deadline = .latest
            #expect(
                try await pipeline.ingest.accept([first, other]) == [
                    .known(identity, position), .known(identity, position),
                ])
            let changed = try pipeline.draft("a", [1, 2], to: .named("nas"))
            guard case .accepted = try await pipeline.ingest.accept([changed])[0] else {
                Issue.record("a changed file was not accepted as a new task")
                return
            }
        }
    }

    @Test func reusedTaskIDIsConflict() async throws {
        try await withPipeline { pipeline in
            let first = try pipeline.draft("a", [1], to: .named("nas"), id: "mine")
            let other = try pipeline.draft("b", [1], to: .named("nas"), id: "mine")
            let results = try await pipeline.ingest.accept([first, other])
            guard case .accepted = results[0], case .conflict = results[1] else {
                Issue.record("\(results)")
                return
            }
        }
    }

    @Test func invalidDraftDoesNotBlockOthers() async throws {
        try await withPipeline { pipeline in
            var bad = try pipeline.draft("a", [1], to: .named("nas"))
            bad.destination.key = "../escape"
            let good = try pipeline.draft("b", [1], to: .named("nas"))
            let results = try await pipeline.ingest.accept([bad, good])
            guard case .rejected(let violation) = results[0], case .accepted = results[1] else {
                Issue.record("\(results)")
                return
            }
            #expect(violation.code == "bad-key")
        }
    }

    private func entries(
        _ root: String, start: String = "", _ filter: NameFilter = .init(), skipping: String? = nil
    ) throws -> [FileWalk.Entry] {
        let walk = try FileWalk(
            root: root, start: start, filter: filter,
            skipping: skipping.map { [.init(folder: $0, code: "data-folder", message: "")] } ?? [])
        var all: [FileWalk.Entry] = []
        while let entry = walk.next() { all.append(entry) }
        return all
    }

    private func names(_ entries: [FileWalk.Entry]) -> Set<String> {
        Set(
            entries.map {
                switch $0 {
                case .file(let path, _, _): path
                case .problem(let path, let code, _), .skipped(let path, let code, _): "\(code):\(path)"
                }
            })
    }

    @Test func fileWalkReportsProblemsAndContinues() async throws {
        try await withTemporaryFolder { folder in
            let files = ["a.jpg", "sub/b.jpg", "sub/deep/c.txt", "log/d.jpg"]
            for file in files {
                let url = URL(fileURLWithPath: folder + "/" + file)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data("x".utf8).write(to: url)
            }
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "a.jpg")
            try FileManager.default.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder)
            mkfifo(folder + "/pipe", 0o600)
            let odd = folder + "/odd\nname"
            try Data().write(to: URL(fileURLWithPath: odd))
            let bad: [CChar] = Array((folder + "/").utf8CString.dropLast()) + [-1, 0x61, 0]
            let made = open(bad, O_CREAT | O_WRONLY, 0o600)
            close(made)
            // Far beyond the nanoseconds that 64 bits hold.
            var times = [timespec(tv_sec: 13_569_465_600, tv_nsec: 0), timespec(tv_sec: 13_569_465_600, tv_nsec: 0)]
            utimensat(AT_FDCWD, folder + "/a.jpg", &times, 0)
            let all = try entries(folder, skipping: folder + "/log")
            let found = names(all)
            #expect(found.contains("a.jpg") && found.contains("sub/b.jpg") && found.contains("sub/deep/c.txt"))
            #expect(
                found.contains("symlink:link") && found.contains("symlink:loop") && found.contains("not-a-file:pipe"))
            #expect(found.contains("data-folder:log"))
            #expect(found.contains { $0.hasPrefix("bad-name:") })
            #expect(names(try entries(folder, start: "sub")) == ["sub/b.jpg", "sub/deep/c.txt"])
            #expect(names(try entries(folder, start: "a.jpg")) == ["a.jpg"])
            #expect(
                names(try entries(folder, NameFilter(include: [NamePattern("*.jpg")], exclude: [NamePattern("log")])))
                    == [
                        "a.jpg", "sub/b.jpg", "bad-name:\u{fffd}a",
                    ])
            #expect(names(try entries(folder, start: "gone")) == ["vanished:gone"])
        }
    }
}
