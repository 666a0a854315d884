internal import BackhaulDomain
internal import BackhaulSQLite
internal import BackhaulUnits

/// Columns with the types of the view. A file may hold any number: it becomes the nearest valid value.
extension BoundStatement {
    /// The column as a name; empty for NULL.
    func name(_ column: Int32) -> ByteText { ByteText(text(column) ?? "") }

    func time(_ column: Int32) -> Timestamp { Timestamp(clamping: integer(column)) }

    func optionalTime(_ column: Int32) -> Timestamp? { optionalInteger(column).map(Timestamp.init(clamping:)) }

    func size(_ column: Int32) -> ByteCount { ByteCount(clamping: integer(column)) }

    mutating func bind(_ time: Timestamp?) { bind(time?.milliseconds) }

    mutating func bind(_ size: ByteCount) { bind(Int64(clamping: size.bytes)) }
}
