internal import CLibcurl
internal import Foundation

/// libcurl's process-wide state: initialised once, before any handle.
package enum CurlGlobal {
    /// The versions of libcurl and its libraries: `libcurl/7.88.1 OpenSSL/3.0.19 …`.
    package static let version: String = {
        _ = initialised
        return String(cString: curl_version())
    }()

    static let initialised: Bool = {
        // A write to a connection that the peer has closed must be an error, not end the process.
        signal(SIGPIPE, SIG_IGN)
        return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    }()
}
