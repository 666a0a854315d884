internal import BackhaulUnits
internal import CLibcurl

/// Maps libcurl's result codes to failures (curl/libcurl-errors(3)).
enum CurlFailure {
    /// The same of a request to an SFTP server.
    /// - Parameter words: what libcurl says beyond the code; the server's text among it.
    static func explainSFTP(
        _ code: CURLcode, feeder: TransferError?, refused: IPAddress?, words: String
    ) -> TransferError {
        if let feeder { return feeder }
        let text = words.isEmpty ? String(cString: curl_easy_strerror(code)) : words
        switch code {
        case CURLE_LOGIN_DENIED: return .loginDenied(text)
        case CURLE_REMOTE_FILE_NOT_FOUND: return .objectMissing(text)
        case CURLE_REMOTE_ACCESS_DENIED: return .storeRefused(text)
        case CURLE_QUOTE_ERROR: return .commandFailed(text)
        case CURLE_REMOTE_DISK_FULL, CURLE_UPLOAD_FAILED: return .storeFailed(text)
        case CURLE_REMOTE_FILE_EXISTS: return .objectExists(text)
        case CURLE_PEER_FAILED_VERIFICATION: return .unknownServer(text)
        case CURLE_SSH: return .broken(text)
        default: return explain(code, feeder: nil, refused: refused)
        }
    }

    static func explain(_ code: CURLcode, feeder: TransferError?, refused: IPAddress?) -> TransferError {
        if let feeder { return feeder }
        let text = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_URL_MALFORMAT:
            return .badURL(text)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return .unresolved(text)
        case CURLE_COULDNT_CONNECT:
            if let refused { return .egressRefused(refused.description) }
            return .notConnected(text)
        case CURLE_ABORTED_BY_CALLBACK:
            if let refused { return .egressRefused(refused.description) }
            return .internalError(text)
        case CURLE_SSL_CONNECT_ERROR:
            return .handshake(text)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return .untrusted(text)
        case CURLE_OPERATION_TIMEDOUT:
            return .timedOut("no connection in time, or the transfer stalled")
        case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND:
            return .broken(text)
        // The URL's scheme was checked before: this is an answer that is not HTTP.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP_RETURNED_ERROR, CURLE_WRITE_ERROR,
            CURLE_BAD_CONTENT_ENCODING:
            return .protocolError(text)
        default:
            return .internalError("\(text) (libcurl \(code.rawValue))")
        }
    }
}
