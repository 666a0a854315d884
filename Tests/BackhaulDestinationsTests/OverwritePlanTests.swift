import BackhaulDestinations
import BackhaulDomain
import BackhaulTestKit
import BackhaulUnits
import Crypto
import Foundation
import Testing

/// The plan against a simulated destination to which others write at any moment.
@Suite("Overwrite plan")
struct OverwritePlanTests {
    /// A destination in memory. It may or may not honour "only if absent", and tell SHA-256 without being read.
    private struct Store {
        var objects: [ByteText: String] = [:]
        var isConditional = true
        var tellsDigest = false

        func look(_ key: ByteText) -> StoredObject? {
            objects[key].map {
                StoredObject(
                    size: ByteCount(clamping: $0.utf8.count), sha256: tellsDigest ? Self.hash($0) : "",
                    verification: .digest)
            }
        }

        func read(_ key: ByteText) -> StoredObject? {
            objects[key].map {
                StoredObject(
                    size: ByteCount(clamping: $0.utf8.count), sha256: Self.hash($0), verification: .readBack)
            }
        }

        static func hash(_ text: String) -> String {
            SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
        }
    }

    private enum End: Equatable {
        case stored(ByteText, isUploaded: Bool)
        case failed(FailureClass)
    }

    /// Runs the plan for a file with this content.
    /// - Parameter between: what others do before each step.
    private func run(
        _ policy: OverwritePolicy, _ content: String, key: ByteText = "a/IMG.JPG", on store: inout Store,
        between: (inout Store) -> Void = { _ in }
    ) -> End? {
        var plan = OverwritePlan(policy, key: key, size: ByteCount(clamping: content.utf8.count))
        var step = plan.begin()
        for _ in 0..<40 {
            between(&store)
            switch step {
            case .look(let key): step = plan.next(.looked(store.look(key)))
            case .readBack(let key): step = plan.next(.read(store.read(key)))
            case .hash: step = plan.next(.hashed(sha256: Store.hash(content)))
            case .upload(let key, let onlyIfAbsent):
                if onlyIfAbsent, store.isConditional, store.objects[key] != nil {
                    step = plan.next(.taken)
                } else {
                    store.objects[key] = content
                    return .stored(key, isUploaded: true)
                }
            case .isStored(let key, _): return .stored(key, isUploaded: false)
            case .failed(let failure): return .failed(failure.kind)
            }
        }
        return nil
    }

    @Test func eachPolicyDoesWhatItSays() {
        for tellsDigest in [false, true] {
            var store = Store(tellsDigest: tellsDigest)
            for policy in [OverwritePolicy.skipIfSame, .keepBoth, .fail] {
                store.objects = [:]
                #expect(run(policy, "first", on: &store) == .stored("a/IMG.JPG", isUploaded: true))
                #expect(run(policy, "first", on: &store) == .stored("a/IMG.JPG", isUploaded: false))
            }
            for other in ["other", "longer"] {
                store.objects = ["a/IMG.JPG": "first"]
                #expect(run(.fail, other, on: &store) == .failed(.keyTaken))
                #expect(store.objects == ["a/IMG.JPG": "first"])
                let name = KeptName.of("a/IMG.JPG", sha256: Store.hash(other), digits: 8)
                #expect(run(.keepBoth, other, on: &store) == .stored(name, isUploaded: true))
                #expect(run(.keepBoth, other, on: &store) == .stored(name, isUploaded: false), "repeated")
                #expect(store.objects == ["a/IMG.JPG": "first", name: other])
                #expect(run(.skipIfSame, other, on: &store) == .stored("a/IMG.JPG", isUploaded: true))
                #expect(store.objects["a/IMG.JPG"] == other)
            }
        }
    }

    /// Whatever others write between two steps: with `keep-both` and `fail` nothing that somebody else wrote is
    /// replaced, and what is called stored is stored.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func nothingOfOthersIsReplaced(_ seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let content = "mine"
        let names: [ByteText] = [
            "a/IMG.JPG", KeptName.of("a/IMG.JPG", sha256: Store.hash(content), digits: 8),
            KeptName.of("a/IMG.JPG", sha256: Store.hash(content), digits: 64),
        ]
        for policy in [OverwritePolicy.keepBoth, .fail] {
            var others: [ByteText: String] = [:]
            var store = Store()
            let end = run(policy, content, on: &store) { store in
                guard Int.random(in: 0..<3, using: &numbers) == 0, let name = names.randomElement(using: &numbers)
                else { return }
                // The same content as well, and one of the same size.
                let text = ["mine", "your", "another"].randomElement(using: &numbers)
                others[name] = text
                store.objects[name] = text
            }
            for (name, text) in others { #expect(store.objects[name] == text, "\(policy), \(name)") }
            switch end {
            case .stored(let key, _): #expect(store.objects[key] == content || others[key] != nil)
            case .failed(let kind): #expect(kind == .keyTaken || kind == .transient)
            case nil: Issue.record("it does not end")
            }
        }
    }

    @Test func secondNameKeepsTheExtension() {
        let hash = String(repeating: "ab", count: 32)
        for (key, name) in [
            ("IMG_1.JPG", "IMG_1~abababab.JPG"), ("a.b/c", "a.b/c~abababab"), (".profile", ".profile~abababab"),
            ("d/.x.y", "d/.x~abababab.y"), ("a.tar.gz", "a.tar~abababab.gz"), ("é.", "é~abababab."),
        ] { #expect(KeptName.of(ByteText(key), sha256: hash, digits: 8) == ByteText(name)) }
    }
}
