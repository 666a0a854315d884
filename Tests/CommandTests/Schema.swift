import Foundation
import Testing

/// The published schemas, by an independent validator.
enum Schema {
    /// - Parameters:
    ///   - lines: one JSON object a line.
    ///   - name: of a file in schemas/json.
    ///   - folder: for a temporary file.
    static func validate(_ lines: String, against name: String, _ folder: String) throws {
        let schema = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("schemas/json/\(name).schema.json").path
        let path = folder + "/\(name).ndjson"
        try Data(lines.utf8).write(to: URL(fileURLWithPath: path))
        let script = """
            import json, sys, jsonschema
            schema = json.load(open(sys.argv[1]))
            for line in open(sys.argv[2]): jsonschema.Draft202012Validator(schema).validate(json.loads(line))
            """
        let python = ChildProcess()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        python.arguments = ["-c", script, schema, path]
        try python.run()
        python.waitUntilExit()
        #expect(python.terminationStatus == 0, "needs python3-jsonschema: Tests/Tools/setup/debian.sh test")
    }
}
