package import BackhaulDomain
package import BackhaulUnits

/// Decides under which key a file is stored where its destination does not simply replace what is there. Pure: answers
/// in, next step out.
package struct OverwritePlan: Sendable {
    package enum Step: Hashable, Sendable {
        /// Find out whether there is an object at the key, and of which size.
        case look(ByteText)
        /// Read the object at the key, for its SHA-256.
        case readBack(ByteText)
        /// Hash the file.
        case hash
        /// Upload the file. With `onlyIfAbsent` an object that has appeared meanwhile must not be replaced.
        case upload(ByteText, onlyIfAbsent: Bool)
        /// The object is there already.
        case isStored(ByteText, StoredObject)
        case failed(Failure)
    }

    /// What the steps found; nil for no object.
    package enum Answer: Sendable {
        case looked(StoredObject?)
        case read(StoredObject?)
        case hashed(sha256: String)
        /// The upload was refused: there is an object now.
        case taken
    }

    private let policy: OverwritePolicy
    private let key: ByteText
    private let size: ByteCount
    private var sha256: String?
    /// The key that is looked at, and how many names were tried before it.
    private var candidate: ByteText
    private var names = 0
    /// The object at the candidate.
    private var seen: StoredObject?
    private var rounds = 0

    private static let digits = [8, 64]

    /// - Parameter size: of the file.
    package init(_ policy: OverwritePolicy, key: ByteText, size: ByteCount) {
        self.policy = policy
        self.key = key
        self.size = size
        candidate = key
    }

    package func begin() -> Step { .look(candidate) }

    package mutating func next(_ answer: Answer) -> Step {
        switch answer {
        case .looked(nil), .read(nil):
            return .upload(candidate, onlyIfAbsent: true)
        case .looked(let object?):
            seen = object
            return object.size == size ? compare() : differs()
        case .read(let object?):
            seen = object
            return compare()
        case .hashed(let sha256):
            self.sha256 = sha256
            return seen.map { $0.size == size } == true ? compare() : differs()
        case .taken:
            rounds += 1
            guard rounds < 4 else {
                return .failed(Failure(.transient, "another object appears at \(candidate) whenever it is uploaded"))
            }
            return .look(candidate)
        }
    }

    /// An object of the file's size.
    private mutating func compare() -> Step {
        guard let seen else { return .look(candidate) }
        guard let sha256 else { return .hash }
        if seen.sha256.isEmpty { return .readBack(candidate) }
        return seen.sha256 == sha256 ? .isStored(candidate, seen) : differs()
    }

    /// Another content is at the candidate.
    private mutating func differs() -> Step {
        switch policy {
        case .replace, .skipIfSame:
            return .upload(candidate, onlyIfAbsent: false)
        case .fail:
            return .failed(
                Failure(
                    .keyTaken,
                    "another object is at \(key), and this destination does not replace it (overwrite: fail)"))
        case .keepBoth:
            guard let sha256 else { return .hash }
            guard names < Self.digits.count else {
                return .failed(Failure(.keyTaken, "other objects are at \(key) and at \(candidate)"))
            }
            let name = KeptName.of(key, sha256: sha256, digits: Self.digits[names])
            do {
                try TaskRules.checkKey(name)
            } catch {
                return .failed(Failure(.keyTaken, "another object is at \(key), and a second name: \(error.message)"))
            }
            names += 1
            candidate = name
            seen = nil
            return .look(candidate)
        }
    }
}
