import BackhaulDestinations
import BackhaulDomain
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// Fetches tokens by OAuth 2.0 client credentials (RFC 6749 §4.4), with libcurl.
struct ClientCredentials: TokenSource {
    let settings: KafkaSettings.OAuth

    private struct Answer: Decodable {
        var accessToken: String?
        var expiresIn: Double?
        var error: String?
        var errorDescription: String?
    }

    struct RefusedError: Error, CustomStringConvertible {
        var description: String
    }

    func fetch() throws -> BearerToken {
        var fields = [("grant_type", "client_credentials")]
        if !settings.scope.isEmpty { fields.append(("scope", settings.scope)) }
        let secret: Secret
        do {
            secret = try SecretFile.secret(settings.clientSecretFile)
        } catch {
            throw RefusedError(description: "kafka.oauth.clientSecretFile \(settings.clientSecretFile) \(error)")
        }
        let answer = try FormRequest.post(
            settings.tokenURL, fields: fields, user: settings.clientID,
            password: secret.value)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let parsed = try? decoder.decode(Answer.self, from: Data(answer.body))
        guard (200..<300).contains(answer.status), let token = parsed?.accessToken, !token.isEmpty else {
            let why = [parsed?.error, parsed?.errorDescription].compactMap { $0 }.joined(separator: ": ")
            throw RefusedError(
                description: "\(settings.tokenURL) answered \(answer.status)\(why.isEmpty ? "" : " (\(why))"), no token"
            )
        }
        // RFC 6749 makes `expires_in` optional. Without it, assume ten minutes: librdkafka renews well before.
        // It may send any number.
        let life = min(max(0, parsed?.expiresIn ?? 600), Domain.longestWait.inSeconds)
        return BearerToken(
            value: token, expiresAt: SystemLogClock.wall + .seconds(life),
            principal: settings.clientID)
    }
}
