import Foundation
package import Logging

/// Log lines of a node: for people by default, one JSON object a line by flag. Messages are
/// constant; what varies is metadata.
package enum NodeLogging {
    package static func bootstrap(json: Bool, level: Logger.Level) {
        LoggingSystem.bootstrap { label in
            LineHandler(label: label, json: json, level: level)
        }
    }
}

private struct LineHandler: LogHandler {
    let label: String
    let json: Bool
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level

    init(label: String, json: Bool, level: Logger.Level) {
        self.label = label
        self.json = json
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let pairs = all.sorted { $0.key < $1.key }
        let time = Date().ISO8601Format(.iso8601(timeZone: .gmt, includingFractionalSeconds: true))
        let line: String
        if json {
            var fields = [
                "\"time\":\"\(time)\"", "\"level\":\"\(event.level)\"", "\"part\":\(quoted(label))",
                "\"message\":\(quoted("\(event.message)"))",
            ]
            fields += pairs.map { "\(quoted($0.key)):\(quoted("\($0.value)"))" }
            line = "{" + fields.joined(separator: ",") + "}\n"
        } else {
            let tail = pairs.map { " \($0.key)=\($0.value)" }.joined()
            line = "\(time) \(event.level) \(label): \(event.message)\(tail)\n"
        }
        FileHandle.standardError.write(Data(line.utf8))
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
