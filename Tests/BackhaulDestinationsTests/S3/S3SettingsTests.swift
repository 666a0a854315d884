import BackhaulDestinations
import BackhaulDomain
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Testing

@Suite("S3 settings")
struct S3SettingsTests {
    @Test func credentialsOfAProfileAreRead() throws {
        let text = """
            # kept by a tool
            [default]
            aws_access_key_id = AK1
            aws_secret_access_key=a/b+c=d

            [ other ]
            aws_access_key_id=AK2\r
            aws_secret_access_key = S2
            aws_session_token = T2
            """
        #expect(
            try S3Credentials(file: text, profile: "default")
                == S3Credentials(accessKey: "AK1", secretKey: Secret("a/b+c=d")))
        #expect(
            try S3Credentials(file: text, profile: "other")
                == S3Credentials(accessKey: "AK2", secretKey: Secret("S2"), sessionToken: Secret("T2")))
        #expect(throws: S3Credentials.MissingError(description: "has no profile [third]")) {
            try S3Credentials(file: text, profile: "third")
        }
        #expect(
            throws: S3Credentials.MissingError(description: "has no aws_secret_access_key in profile [default]")
        ) { try S3Credentials(file: "[default]\naws_access_key_id=AK1", profile: "default") }
    }

    @Test(arguments: [
        ("https://s3.eu-west-1.amazonaws.com", "photos", "https://photos.s3.eu-west-1.amazonaws.com/"),
        ("https://s3.eu-west-1.amazonaws.com:443/", "my.photos", "https://s3.eu-west-1.amazonaws.com/my.photos/"),
        ("http://127.0.0.1:9000", "photos", "http://127.0.0.1:9000/photos/"),
        ("http://nas:80/api/s3/", "photos", "http://nas/api/s3/photos/"),
        ("http://[::1]:9000", "photos", "http://[::1]:9000/photos/"),
    ])
    func endpointsNameTheirBucket(_ url: String, _ bucket: String, _ whole: String) {
        #expect(S3Endpoint(url: url, bucket: bucket, addressing: .auto).description == whole)
    }

    @Test func addressingCanBeChosen() {
        #expect(
            S3Endpoint(url: "https://store.example", bucket: "b", addressing: .virtual).description
                == "https://b.store.example/")
        #expect(
            S3Endpoint(url: "https://s3.us-east-1.amazonaws.com", bucket: "b", addressing: .path).description
                == "https://s3.us-east-1.amazonaws.com/b/")
    }

    private func destination(_ texts: [String: String]) throws -> S3Destination {
        try S3Destination(
            DestinationFields(texts.merging(["bucket": "b"]) { old, _ in old }, of: S3Destination.self))
    }

    @Test func settingsAreRead() throws {
        try withCredentials { file in
            let found = try destination([
                "credentialsFile": file, "prefix": "a/b", "partSize": "8MiB", "parallelParts": "2",
                "checksum": "crc32c", "verify": "head", "encryption": "aws:kms", "kmsKey": "k",
            ])
            #expect(found.endpoint.description == "https://b.s3.us-east-1.amazonaws.com/")
            #expect(found.prefix == "a/b/")
            #expect(found.partSize == ByteCount(8 << 20))
            #expect(found.parallelParts == 2)
            #expect(found.checksum == .crc32c)
            #expect(found.credentials.accessKey == "AK")
            #expect(!"\(found)".contains("SECRET"))
            #expect(!found.description.contains("SECRET"))
        }
    }

    @Test(arguments: [
        (["partSize": "4MiB"], "partSize must be a size"), (["parallelParts": "0"], "parallelParts must be a number"),
        (["endpoint": "ftp://h"], "endpoint: "), (["prefix": "../x"], "prefix: "),
        (["kmsKey": "k"], "kmsKey goes with"),
        (["checksum": "sha1"], "checksum must be one of"), (["bucket": "a/b"], "bucket must be"),
        (["tags": "a=\u{e9}"], "tags must be"), (["profile": "none"], "has no profile [none]"),
    ])
    func mistakesAreNamed(_ texts: [String: String], _ message: String) throws {
        try withCredentials { file in
            let error = #expect(throws: DestinationFields.InvalidError.self) {
                try destination(texts.merging(["credentialsFile": file]) { old, _ in old })
            }
            #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("SECRET") == false)
        }
    }

    private func withCredentials(_ body: (String) throws -> Void) throws {
        let file = NSTemporaryDirectory() + "backhaul-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = "[default]\naws_access_key_id = AK\naws_secret_access_key = SECRET\n"
        #expect(
            FileManager.default.createFile(
                atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
        try body(file)
    }
}
