package import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// A bucket of Amazon S3, or of a store that speaks its protocol.
package struct S3Destination: DestinationType {
    package static let name = "s3"
    package static let summary =
        "A bucket of Amazon S3, or of a store that speaks its protocol. Files above `partSize` are sent in parts; after "
        + "a crash another worker goes on with the parts that the store has. See docs/destinations/S3.md."
    package static let fields = [
        DestinationField("bucket", .text, help: "The bucket. It must exist."),
        DestinationField(
            "endpoint", .text, isOptional: true,
            help: "The URL of the store's API: http or https, no user name, no query; "
                + "`https://s3.REGION.amazonaws.com` where it is not set."),
        DestinationField(
            "region", .text, standard: "us-east-1", help: "The region that requests are signed for."),
        DestinationField("prefix", .text, isOptional: true, help: "Put before each key, with a slash between them."),
        DestinationField(
            "addressing", .choice(S3Endpoint.Addressing.allCases.map(\.rawValue)),
            standard: S3Endpoint.Addressing.auto.rawValue,
            help: "Whether the bucket is in the URL's path or its host name; `auto` for `virtual` at Amazon's own "
                + "endpoints and `path` elsewhere."),
        DestinationField(
            "credentialsFile", .secretFile, isOptional: true,
            help: "A file with keys as the AWS tools keep it: `[profile]`, `aws_access_key_id = …`, "
                + "`aws_secret_access_key = …`, `aws_session_token = …`. Read when the program starts and at SIGHUP. "
                + "Without it, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` are read."),
        DestinationField("profile", .text, standard: "default", help: "The profile in `credentialsFile`."),
        DestinationField(
            "partSize", .size(partSizes), standard: "16MiB",
            help: "The size of a part, at least 5 MiB; larger for files of more than 10,000 such parts. Smaller files "
                + "are sent in one request."),
        DestinationField(
            "parallelParts", .integer(1...64), standard: "4", help: "How many parts of a file are sent at a time."),
        DestinationField(
            "checksum", .choice(S3Checksum.allCases.map(\.rawValue)), standard: S3Checksum.sha256.rawValue,
            help: "What the store checks and keeps besides the signed SHA-256 of each request; `md5` for stores that "
                + "know no other."),
        DestinationField(
            "verify", .choice(HTTPDestination.Check.allCases.map(\.rawValue)),
            standard: HTTPDestination.Check.answer.rawValue,
            help: "What is checked before an upload counts as a success: `answer` for the answer alone, with the "
                + "checksum in it, `head` for a HEAD after it, `read-back` for a GET whose bytes are compared."),
        DestinationField(
            "storageClass", .text, isOptional: true, help: "`x-amz-storage-class` of objects, such as `STANDARD_IA`."),
        DestinationField(
            "encryption", .choice(Encryption.allCases.map(\.rawValue)), standard: Encryption.none.rawValue,
            help: "What the store encrypts objects with; `none` for what the bucket says."),
        DestinationField(
            "kmsKey", .text, isOptional: true, help: "The key's id, with `encryption: aws:kms`."),
        DestinationField(
            "tags", .text, isOptional: true, help: "Tags of objects, as a URL's query: `source=backhaul&kind=photo`."),
        DestinationField(
            "caFile", .file, isOptional: true,
            help: "A file with authorities (PEM) that are trusted besides the system's."),
    ]
    package static let verifications = [
        (word: Verification.status, meaning: "A 2xx after all bytes were sent, whose SHA-256 was signed."),
        (
            word: Verification.checksum,
            meaning: "The store's answer states the checksum of what was sent (`checksum`)."
        ),
        (
            word: Verification.length,
            meaning: "A HEAD afterwards gave the size that was sent, and no other checksum (`verify: head`)."
        ),
        (
            word: Verification.readBack,
            meaning: "The bytes of a GET have the SHA-256 that was sent (`verify: read-back`)."
        ),
    ]

    package enum Encryption: String, Hashable, Sendable, CaseIterable {
        case none
        case aes256 = "AES256"
        case kms = "aws:kms"
    }

    /// The limits of a part: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html.
    static let partSizes = ByteCount(5 << 20)...ByteCount(5 << 30)

    package var endpoint: S3Endpoint
    package var region: String
    package var bucket: String
    /// Empty, or with a slash at its end.
    package var prefix: String
    package var credentials: S3Credentials
    package var partSize: ByteCount
    package var parallelParts: Int
    package var checksum: S3Checksum
    package var check: HTTPDestination.Check
    package var storageClass = ""
    package var encryption = Encryption.none
    package var kmsKey = ""
    package var tags = ""
    package var tls = TransferTLS()

    package init(
        endpoint: S3Endpoint, region: String = "us-east-1", bucket: String, prefix: String = "",
        credentials: S3Credentials, partSize: ByteCount = ByteCount(16 << 20), parallelParts: Int = 4,
        checksum: S3Checksum = .sha256, check: HTTPDestination.Check = .answer
    ) {
        self.endpoint = endpoint
        self.region = region
        self.bucket = bucket
        self.prefix = prefix
        self.credentials = credentials
        self.partSize = partSize
        self.parallelParts = parallelParts
        self.checksum = checksum
        self.check = check
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        let region = fields["region"]
        let bucket = fields["bucket"]
        guard !bucket.isEmpty, bucket.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }) else {
            throw DestinationFields.InvalidError("bucket must be a name without blanks and slashes")
        }
        guard !region.isEmpty, region.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }) else {
            throw DestinationFields.InvalidError("region must be a name such as us-east-1")
        }
        let url = fields.has("endpoint") ? fields["endpoint"] : "https://s3.\(region).amazonaws.com"
        do {
            try TaskRules.checkURL(ByteText(url))
        } catch {
            throw DestinationFields.InvalidError("endpoint: \(error.message)")
        }
        self.init(
            endpoint: S3Endpoint(url: url, bucket: bucket, addressing: try fields.choice("addressing")),
            region: region, bucket: bucket, prefix: try Self.prefix(fields["prefix"]),
            credentials: try Self.credentials(fields), partSize: fields.size("partSize"),
            parallelParts: fields.integer("parallelParts"),
            checksum: try fields.choice("checksum"), check: try fields.choice("verify"))
        storageClass = try Self.headerText(fields, "storageClass")
        encryption = try fields.choice("encryption")
        kmsKey = try Self.headerText(fields, "kmsKey")
        tags = try Self.headerText(fields, "tags")
        guard kmsKey.isEmpty || encryption == .kms else {
            throw DestinationFields.InvalidError("kmsKey goes with encryption: aws:kms")
        }
        tls = TransferTLS(authorities: try fields.file("caFile"))
    }

    private static func prefix(_ text: String) throws(DestinationFields.InvalidError) -> String {
        guard !text.isEmpty else { return "" }
        let prefix = text.hasSuffix("/") ? text : text + "/"
        do {
            try TaskRules.checkKey(ByteText(prefix + "k"))
        } catch {
            throw DestinationFields.InvalidError("prefix: \(error.message)")
        }
        return prefix
    }

    private static func headerText(
        _ fields: DestinationFields, _ name: String
    ) throws(DestinationFields.InvalidError) -> String {
        guard fields[name].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw DestinationFields.InvalidError("\(name) must be printable ASCII without blanks")
        }
        return fields[name]
    }

    private static func credentials(_ fields: DestinationFields) throws(DestinationFields.InvalidError) -> S3Credentials
    {
        guard fields.readsSecrets else { return S3Credentials(accessKey: "", secretKey: Secret("")) }
        let text = try fields.secretText("credentialsFile")
        do throws(S3Credentials.MissingError) {
            guard let text else { return try S3Credentials(environment: ProcessInfo.processInfo.environment) }
            return try S3Credentials(file: text.value, profile: fields["profile"])
        } catch {
            throw DestinationFields.InvalidError(
                fields.has("credentialsFile") ? "credentialsFile \(fields["credentialsFile"]) \(error)" : "\(error)")
        }
    }

    package var description: String {
        "s3 \(endpoint.description)\(prefix) region=\(region) verify=\(check.rawValue) checksum=\(checksum.rawValue)"
    }

    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        let object = S3Object(
            key: prefix + key.text, contentType: contentType, modifiedAt: body.attributes?.modifiedAt,
            onlyIfAbsent: onlyIfAbsent)
        guard case .file(let file) = body, file.size > partSize else {
            return S3PutUpload(destination: self, object: object, body: body)
        }
        return S3PartsUpload(destination: self, object: object, file: file)
    }

    package func look(key: ByteText) -> any Dialect { S3Look(destination: self, key: prefix + key.text) }

    package func readBack(key: ByteText) -> any Dialect { S3ReadBack(destination: self, key: prefix + key.text) }

    package func remove(key: ByteText) -> any Dialect { S3Removal(destination: self, key: prefix + key.text) }

    package func sweep(before time: Timestamp) -> (any Dialect)? { S3Sweep(destination: self, before: time) }

    package var resumption: Resumption { .saved(from: partSize + ByteCount(1)) }

    package func discard(key: ByteText, state: [UInt8]) -> (any Dialect)? {
        S3UploadState(state).map { S3Discard(destination: self, state: $0) }
    }

    /// What tells uploads to this bucket from those to another.
    var place: String { endpoint.description }

    /// The size of the parts of a file: no file may have more than 10,000.
    package func partSize(of size: ByteCount) -> ByteCount {
        let most: UInt64 = 10_000
        let smallest = size.bytes / most + (size.bytes % most == 0 ? 0 : 1)
        guard ByteCount(smallest) > partSize else { return partSize }
        let step: UInt64 = 1 << 20
        return ByteCount((smallest + step - 1) / step * step)
    }

    /// A signed request.
    func request(
        _ method: String, _ key: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], body: TransferBody = .none, payload: String = Self.emptyPayload,
        sink: ResponseSink = .keep(ByteCount(64 << 10)), tag: Int = 0, at now: Timestamp
    ) -> TransferRequest {
        let path = endpoint.path + PercentEncoding.path(key)
        let unsigned = SignatureV4.Request(
            method: method, host: endpoint.host, path: path, query: query, headers: headers, payload: payload)
        let signature = SignatureV4(credentials, region: region)
        let text = query.isEmpty ? "" : "?\(SignatureV4.text(of: query))"
        var request = TransferRequest(
            method: method, url: "\(endpoint.scheme)://\(endpoint.host)\(path)\(text)", headers: headers, body: body,
            sink: sink, tls: tls)
        request.tag = tag
        // Stores take a signature for a quarter of an hour.
        request.sign = { waited in signature.sign(unsigned, at: now + waited) }
        return request
    }

    /// SHA-256 of no bytes.
    static let emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}

extension Verification {
    /// The store states the checksum of what was sent.
    package static let checksum = Verification(rawValue: "s3-checksum")
}
