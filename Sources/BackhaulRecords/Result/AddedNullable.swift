/// As `Nullable`, for a key that earlier versions of a document lack: a missing key counts as null.
@propertyWrapper
package struct AddedNullable<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    private var nullable: Nullable<Value>

    package var wrappedValue: Value? {
        get { nullable.wrappedValue }
        set { nullable.wrappedValue = newValue }
    }

    package init(wrappedValue: Value?) { nullable = Nullable(wrappedValue: wrappedValue) }

    package init(from decoder: any Decoder) throws { nullable = try Nullable(from: decoder) }

    package func encode(to encoder: any Encoder) throws { try nullable.encode(to: encoder) }
}

extension KeyedDecodingContainer {
    package func decode<Value>(_ type: AddedNullable<Value>.Type, forKey key: Key) throws -> AddedNullable<Value> {
        try decodeIfPresent(type, forKey: key) ?? AddedNullable(wrappedValue: nil)
    }
}
