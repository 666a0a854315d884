internal import CLibcurl
internal import Foundation

/// libcurl's process-wide side: initialised once, before any handle.
package enum CurlGlobal {
    /// What the program runs on: `libcurl/7.88.1 OpenSSL/3.0.19 …`.
    package static let version: String = {
        _ = initialised
        return String(cString: curl_version())
    }()

    static let initialised: Bool = {
        // Writes to a connection that the peer has closed must be errors, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    }()
}
