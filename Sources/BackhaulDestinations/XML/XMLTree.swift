/// An element of an XML document as a server answers with: its name without prefix, its own text, and the elements in
/// it. Attributes are skipped.
///
/// Not a general reader: a document with a DTD is refused, as are those that are deeper or larger than any answer.
/// Nothing outside the document is read.
package struct XMLTree: Hashable, Sendable {
    package private(set) var name: String
    package private(set) var text = ""
    package private(set) var children: [XMLTree] = []

    private static let deepest = 32
    private static let most = 100_000

    /// - Returns: nil for bytes that are not such a document.
    package init?(_ bytes: [UInt8]) {
        var reader = XMLReader(bytes)
        var open: [XMLTree] = []
        var count = 0
        while let token = reader.next() {
            switch token {
            case .start(let name, let isEmpty):
                count += 1
                guard count <= Self.most, open.count < Self.deepest else { return nil }
                let element = XMLTree(name: name)
                guard isEmpty else {
                    open.append(element)
                    continue
                }
                if open.isEmpty {
                    self = element
                    return
                }
                open[open.count - 1].children.append(element)
            case .end(let name):
                guard let element = open.popLast(), element.name == name else { return nil }
                if open.isEmpty {
                    self = element
                    return
                }
                open[open.count - 1].children.append(element)
            case .text(let text):
                if !open.isEmpty { open[open.count - 1].text += text }
            case .invalid: return nil
            }
        }
        return nil
    }

    private init(name: String) { self.name = name }

    /// The text of the first element of that name; nil without one.
    package subscript(_ name: String) -> String? { first(name)?.text }

    package func first(_ name: String) -> XMLTree? { children.first { $0.name == name } }

    package func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }
}
