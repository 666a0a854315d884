package import Glibc

/// An address as the kernel connects to it; octal, hex or short text forms are already resolved to it.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(UInt32)
    /// The high and low 64 bits.
    case v6(UInt64, UInt64)

    /// The address of a `sockaddr_in` or `sockaddr_in6`, nil for any other family. IPv4 inside IPv6 (mapped,
    /// translated, compatible, NAT64, 6to4) becomes the IPv4 address.
    package init?(_ address: UnsafePointer<sockaddr>, length: Int) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            self = .v4(UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            self = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { bytes in
                Self.unwrapped(
                    UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        default:
            return nil
        }
    }

    /// Parses a numeric address in standard form, as `inet_pton` does; nil for any other text.
    package init?(text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self = .v4(UInt32(bigEndian: four.s_addr))
            return
        }
        var six = in6_addr()
        // A zone ("fe80::1%eth0") names an interface, not another address.
        guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &six) == 1 else { return nil }
        self = withUnsafeBytes(of: six) { bytes in
            Self.unwrapped(
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    private static func unwrapped(_ high: UInt64, _ low: UInt64) -> IPAddress {
        let last = IPAddress.v4(UInt32(truncatingIfNeeded: low))
        let middle = low >> 32
        switch high {
        // ::ffff:a.b.c.d (mapped, RFC 4291), ::ffff:0:a.b.c.d (translated, RFC 2765).
        case 0 where middle == 0xffff || middle == 0xffff_0000: return last
        // ::a.b.c.d (compatible, deprecated by RFC 4291); not :: and ::1.
        case 0 where middle == 0 && low > 1: return last
        // 64:ff9b::a.b.c.d (NAT64, RFC 6052).
        case 0x0064_ff9b_0000_0000 where middle == 0: return last
        // 2002:aabb:ccdd:: (6to4, RFC 3056).
        case _ where high >> 48 == 0x2002: return .v4(UInt32(truncatingIfNeeded: high >> 16))
        default: return .v6(high, low)
        }
    }

    /// The IPv4 address that PREFIX:0:5efe:a.b.c.d or PREFIX:200:5efe:a.b.c.d leads to (ISATAP, RFC 5214); nil for
    /// other addresses. The prefix may be of any network, so that it counts as well.
    package var tunnelEnd: IPAddress? {
        guard case .v6(_, let low) = self, low >> 32 & 0xfdff_ffff == 0x5efe else { return nil }
        return .v4(UInt32(truncatingIfNeeded: low))
    }

    package var description: String {
        switch self {
        case .v4(let value):
            return [24, 16, 8, 0].map { String(value >> UInt32($0) & 0xff) }.joined(separator: ".")
        case .v6(let high, let low):
            var address = in6_addr()
            withUnsafeMutableBytes(of: &address) { bytes in
                bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            var text = [UInt8](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let size = socklen_t(text.count)
            let isPrinted = text.withUnsafeMutableBytes { buffer in
                buffer.withMemoryRebound(to: CChar.self) { inet_ntop(AF_INET6, &address, $0.baseAddress, size) != nil }
            }
            return isPrinted ? String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) : "?"
        }
    }
}
