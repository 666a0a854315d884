package import BackhaulUnits

// Literals keep the values of tests short. The product states its units.

/// Milliseconds since 1970.
extension Timestamp: ExpressibleByIntegerLiteral {
    package init(integerLiteral milliseconds: Int64) { self.init(clamping: milliseconds) }
}

/// Nanoseconds since 1970.
extension FileTime: ExpressibleByIntegerLiteral {
    package init(integerLiteral nanoseconds: Int64) { self.init(nanoseconds: nanoseconds) }
}

/// Bytes.
extension ByteCount: ExpressibleByIntegerLiteral {
    package init(integerLiteral bytes: UInt64) { self.init(bytes) }
}
