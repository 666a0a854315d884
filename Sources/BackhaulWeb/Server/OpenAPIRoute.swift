internal import HTTPTypes
internal import Hummingbird

/// `/openapi.yaml`: the API description, without authentication. The file is schemas/openapi.yaml, built in.
package enum OpenAPIRoute {
    package static let route = APIRoute(.get, "/openapi.yaml", nil) { _, _ in
        Response(
            status: .ok, headers: [.contentType: "application/yaml; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_yaml)))
    }
}
