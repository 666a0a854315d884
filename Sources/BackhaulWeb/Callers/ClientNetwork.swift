internal import BackhaulUnits
internal import Glibc
internal import NIOCore

/// The network of a client, for limits: an IPv4 address, or the /64 of an IPv6 address, of which one host may use all
/// addresses (RFC 4291, section 2.5.4).
struct ClientNetwork: Hashable, Sendable {
    private enum Kind: Hashable, Sendable {
        case v4(UInt32)
        case v6(UInt64)
        case unknown
    }

    private let kind: Kind

    init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address): kind = .v4(UInt32(bigEndian: address.address.sin_addr.s_addr))
        case .v6(let address):
            kind = withUnsafeBytes(of: address.address.sin6_addr) { bytes in
                let high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
                let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                // An IPv4 client of a socket for both families.
                return high == 0 && low >> 32 == 0xffff ? .v4(UInt32(truncatingIfNeeded: low)) : .v6(high)
            }
        default: kind = .unknown
        }
    }

    init(_ address: IPAddress) {
        switch address {
        case .v4(let value): kind = .v4(value)
        case .v6(let high, _): kind = .v6(high)
        }
    }

    init(v4 address: UInt32) { kind = .v4(address) }
}
