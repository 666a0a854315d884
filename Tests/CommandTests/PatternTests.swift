import BackhaulTestKit
import Foundation
import Testing

/// Which files a submission takes.
@Suite("Patterns and sources", .serialized)
struct PatternTests {
    private func make(_ path: String, _ text: String = "x") throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    /// Submits a folder to nowhere and returns the keys that were accepted.
    private func submit(_ folder: String, _ source: String, _ more: [String]) async throws -> (
        keys: Set<String>, summary: [String: Any], outcome: Command.Outcome
    ) {
        try make(folder + "/c.yaml", "destinations: { nowhere: { type: drop } }\n")
        let data = folder + "/data-\(UUID().uuidString)"
        let outcome = try await Command.result(
            [
                "submit", source, "--to", "nowhere", "--verbose", "--output", "json", "--log", "embedded://\(data)",
                "--config", folder + "/c.yaml",
            ] + more)
        let keys = outcome.objects.dropLast().compactMap { $0["key"] as? String }
        return (Set(keys), outcome.objects.last ?? [:], outcome)
    }

    /// Git's own word on which of `paths` its patterns leave out.
    private func ignored(_ paths: [String], _ tree: String, _ patterns: String, _ folder: String) throws -> Set<String>
    {
        let process = ChildProcess()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "sh", "-c",
            """
            test -d "$2" || git init -q --bare "$2"
            GIT_DIR="$2" GIT_WORK_TREE="$1" git -C "$1" -c core.bare=false -c core.excludesFile="$3" \
                check-ignore --no-index --stdin -z < "$4" > "$5" || test $? = 1
            """, "sh", tree, folder + "/repository", patterns, folder + "/list", folder + "/ignored",
        ]
        try Data((paths.joined(separator: "\0") + "\0").utf8).write(to: URL(fileURLWithPath: folder + "/list"))
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "needs git: Tests/Tools/setup/debian.sh test")
        let text = try String(contentsOfFile: folder + "/ignored", encoding: .utf8)
        return Set(text.split(separator: "\0").map(String.init))
    }

    /// The dialect is git's: the same patterns leave out the same files.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func patternsAreThoseOfGit(_ seed: UInt64) async throws {
        var numbers = SeededNumbers(seed: seed)
        let names = ["a", "b", "ab", "a.log", "b.tmp", "cache", "x y", "[z]", "é", "e\u{301}", "\u{301}x"]
        func pick(_ from: [String]) -> String { from.randomElement(using: &numbers) ?? "a" }
        var paths: Set<String> = []
        for _ in 0..<60 {
            let depth = Int.random(in: 1...4, using: &numbers)
            let path = (0..<depth).map { _ in pick(names) }
            // A name cannot be a file and a folder.
            paths.insert((path.dropLast().map { $0 + ".d" } + path.suffix(1)).joined(separator: "/"))
        }
        let folders = names.map { $0 + ".d" }
        let parts = names + folders + ["*", "?", "a*", "*.log", "*.d", "[ab]", "[!a]*", "**", "\\[z]", "*b*"]
        var lines = ["# a comment", ""]
        for _ in 0..<8 {
            var pattern = (0..<Int.random(in: 1...3, using: &numbers)).map { _ in pick(parts) }.joined(separator: "/")
            if Int.random(in: 0..<4, using: &numbers) == 0 { pattern = "/" + pattern }
            if Int.random(in: 0..<4, using: &numbers) == 0 { pattern += "/" }
            if Int.random(in: 0..<5, using: &numbers) == 0 { pattern = "!" + pattern }
            lines.append(pattern)
        }
        let (all, text) = (paths, lines.joined(separator: "\n") + "\n")
        try await withTemporaryFolder { folder in
            for path in all { try make(folder + "/tree/" + path) }
            try make(folder + "/patterns", text)
            let ignored = try ignored(all.sorted(), folder + "/tree", folder + "/patterns", folder)
            let found = try await submit(folder, folder + "/tree", ["--exclude-from", folder + "/patterns"])
            #expect(found.outcome.code == 0, "\(found.outcome)")
            #expect(found.keys == all.subtracting(ignored), "\(lines)")
        }
    }

    @Test func patternsThatMatchNothingAreSaid() async throws {
        try await withTemporaryFolder { folder in
            for path in ["a.jpg", "raw/b.jpg", "raw/deep/c.txt", "node_modules/d.js"] {
                try make(folder + "/tree/" + path)
            }
            let patterns = ["node_modules/", "*.jgp", folder + "/tree/raw", "!kept"].flatMap { ["--exclude", $0] }
            let found = try await submit(folder, folder + "/tree", patterns)
            #expect(found.keys == ["a.jpg", "raw/b.jpg", "raw/deep/c.txt"])
            #expect(
                found.summary["unmatchedPatterns"] as? [String] == ["*.jgp", folder + "/tree/raw", "!kept"],
                "\(found.outcome)")
            #expect(found.outcome.errors.contains("'*.jgp' matched nothing"), "\(found.outcome)")
            let included = try await submit(folder, folder + "/tree", ["--include", "raw/", "--exclude", "*.txt"])
            #expect(included.keys == ["raw/b.jpg"])
            #expect((included.summary["unmatchedPatterns"] as? [String])?.isEmpty == true)
            #expect(try await submit(folder, folder + "/tree", ["--exclude", "/"]).outcome.code == 2)
            #expect(try await submit(folder, folder + "/tree", ["--exclude-from", folder + "/none"]).outcome.code == 2)
        }
    }

    /// What was stored is not submitted again as new files, from nightly run to nightly run.
    @Test func destinationBelowTheSourceIsLeftOut() async throws {
        try await withTemporaryFolder { folder in
            try make(folder + "/home/a.jpg")
            try make(folder + "/home/backup/a.jpg")
            try make(folder + "/c.yaml", "destinations: { disk: { type: folder, path: '\(folder)/home/backup' } }\n")
            let submit = [
                "--to", "disk", "--output", "json", "--log", "embedded://\(folder)/home/data", "--config",
                folder + "/c.yaml",
            ]
            let outcome = try await Command.result(["submit", folder + "/home"] + submit)
            let summary = outcome.objects.first ?? [:]
            #expect(outcome.code == 0 && summary["accepted"] as? Int == 1, "\(outcome)")
            let left = (summary["leftOut"] as? [[String: Any]])?.compactMap { $0["code"] as? String }
            #expect(Set(left ?? []) == ["data-folder", "destination-folder"])
            let text = try await Command.result(["submit", folder + "/home"] + submit + ["--output", "text"])
            #expect(text.code == 0 && text.errors.contains("left out: backup"), "\(text)")
            let named = try await Command.result(["submit", folder + "/home/backup"] + submit)
            #expect(named.code == 1 && named.objects.first?["accepted"] as? Int == 0, "\(named)")
        }
    }

    /// A file of /proc says that it is empty, and one of /sys that it has 4,096 bytes.
    @Test func filesThatDoNotSayTheirSizeAreRefused() async throws {
        try await withTemporaryFolder { folder in
            for path in ["/proc/version", "/sys/kernel/uevent_seqnum", "/proc/sys/kernel"] {
                try #require(access(path, R_OK) == 0, "needs /proc and /sys")
                let found = try await submit(folder, path, [])
                #expect(found.outcome.code == 1 && found.keys.isEmpty, "\(path): \(found.outcome)")
                let codes = (found.summary["rejected"] as? [[String: Any]])?.compactMap { $0["code"] as? String }
                #expect(codes?.contains("no-size") == true, "\(path): \(found.outcome)")
            }
            try make(folder + "/empty", "")
            let empty = try await submit(folder, folder + "/empty", [])
            #expect(empty.outcome.code == 0 && empty.keys == ["empty"], "an empty file is a file")
        }
    }
}
