package import BackhaulUnits

/// One setting of a type of destination.
package struct DestinationField: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case text
        case choice([String])
        /// `65536`, `64KiB`, `1GiB`.
        case size(ClosedRange<ByteCount>)
        case integer(ClosedRange<Int>)
        /// A file whose content is a secret.
        case secretFile
        /// A file that must be readable.
        case file
    }

    package var name: String
    package var kind: Kind
    /// nil where there is none; a field without one is required unless `isOptional`.
    package var standard: String?
    package var isOptional: Bool
    /// What it does, in one or two sentences.
    package var help: String

    package init(_ name: String, _ kind: Kind, standard: String? = nil, isOptional: Bool = false, help: String) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.isOptional = isOptional
        self.help = help
    }

    package var isRequired: Bool { standard == nil && !isOptional }
}
