import BackhaulDestinations
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

/// The worked examples of docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
@Suite("Signature Version 4")
struct SignatureTests {
    private let signer = SignatureV4(
        S3Credentials(
            accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
        region: "us-east-1")
    private let host = "examplebucket.s3.amazonaws.com"
    private let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private func signature(_ request: SignatureV4.Request) throws -> String {
        let time = Timestamp(clamping: 1_369_353_600_000)
        let headers = signer.sign(request, at: time)
        let authorization = try #require(headers.first { $0.name == "Authorization" }?.value)
        #expect(authorization.contains("Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"))
        return authorization.components(separatedBy: "Signature=").last ?? ""
    }

    @Test func publishedExamples() throws {
        #expect(
            try signature(
                SignatureV4.Request(
                    method: "GET", host: host, path: "/test.txt", headers: [("Range", "bytes=0-9")], payload: empty))
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        let body = Array("Welcome to Amazon S3.".utf8)
        #expect(
            try signature(
                SignatureV4.Request(
                    method: "PUT", host: host, path: "/test%24file.text",
                    headers: [
                        ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                    ],
                    payload: PartDigest.sha256(of: body)))
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        #expect(
            try signature(
                SignatureV4.Request(method: "GET", host: host, path: "/", query: [("lifecycle", "")], payload: empty))
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        #expect(
            try signature(
                SignatureV4.Request(
                    method: "GET", host: host, path: "/", query: [("prefix", "J"), ("max-keys", "2")], payload: empty))
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func queriesAreEncodedAndSorted() {
        #expect(
            SignatureV4.text(of: [("uploadId", "a/b+c=="), ("partNumber", "10"), ("uploads", "")])
                == "partNumber=10&uploadId=a%2Fb%2Bc%3D%3D&uploads=")
    }

    @Test func tokenOfTemporaryCredentialsIsSigned() throws {
        let signer = SignatureV4(
            S3Credentials(accessKey: "A", secretKey: Secret("S"), sessionToken: Secret("T")), region: "r")
        let headers = signer.sign(
            SignatureV4.Request(method: "GET", host: "h", path: "/", payload: empty), at: .earliest)
        #expect(headers.contains { $0.name == "x-amz-security-token" && $0.value == "T" })
        let authorization = try #require(headers.first { $0.name == "Authorization" }?.value)
        #expect(
            authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"))
    }
}
