internal import BackhaulUnits
internal import CLibcurl
internal import Foundation
internal import Glibc

/// The addresses of a host as the system's resolver returns them now.
enum HostAddresses {
    /// Resolves a name. Blocks.
    /// - Parameter name: a name, or an address in any form that the resolver reads (`127.1`, `0x7f000001`, `::1`).
    /// - Throws: `TransferError.unresolved`.
    static func all(of name: String) throws(TransferError) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        guard code == 0, let first = list else {
            throw .unresolved("\(name) (\(String(cString: gai_strerror(code))))")
        }
        defer { freeaddrinfo(first) }
        var found: [IPAddress] = []
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let entry = next?.pointee {
            if let address = entry.ai_addr, let ip = IPAddress(address, length: Int(entry.ai_addrlen)) {
                found.append(ip)
            }
            next = entry.ai_next
        }
        return found
    }
}
