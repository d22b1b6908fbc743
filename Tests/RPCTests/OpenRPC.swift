import Foundation
import JSONText
import TestSupport

@testable import RPC

/// The OpenRPC documents of one folder of the fixtures, as one specification: methods, schemas and
/// errors, with references resolved across its files.
struct OpenRPC: Sendable, CustomStringConvertible {
    let version: String
    let folder: String
    /// By file name, since documents refer to each other as `./api/<file>`.
    let documents: [String: JSONValue]

    var description: String { "\(folder) (\(version))" }

    /// All specifications of the index: one per folder that holds a document with the methods that
    /// read the chain.
    static let all: [OpenRPC] = {
        let files = Fixtures.files(under: "openrpc", suffix: ".json")
        let folders = Dictionary(grouping: files) { file in
            String(file.path.dropLast(file.name.count + 1))
        }
        return folders.keys.sorted().compactMap { folder in
            try? OpenRPC(folder: folder, files: folders[folder] ?? [])
        }
    }()

    /// Those that the node's version is measured with: the 0.10 line's releases.
    static let current = all.filter {
        $0.version.hasPrefix("0.10.") && !$0.version.contains("-")
    }

    /// Whether parameters that came after 0.10.0 are known.
    var isNewer: Bool { version != "0.10.0" }

    private init(folder: String, files: [Fixtures.File]) throws {
        var limits = JSONLimits()
        limits.depth = 200
        limits.values = 1_000_000
        var documents: [String: JSONValue] = [:]
        for file in files {
            documents[file.name] = try JSONParser.parse(
                [UInt8](try Fixtures.read(file)), limits: limits)
        }
        let versions = documents.values.compactMap { document -> String? in
            let names = OpenRPC.methods(of: document).compactMap { $0["name"]?.text }
            guard names.contains("starknet_blockNumber") else { return nil }
            return document["info"]?["version"]?.text
        }
        guard let version = versions.first else { throw Unusable() }
        self.version = version
        self.folder = folder
        self.documents = documents
    }

    private struct Unusable: Error {}

    static func methods(of document: JSONValue) -> [JSONValue] {
        document["methods"]?.elements ?? []
    }

    /// A schema (or any other part) and the document whose references it uses.
    struct Place {
        let document: String
        let value: JSONValue
    }

    func method(_ name: String) -> Place? {
        for (document, content) in documents.sorted(by: { $0.key < $1.key }) {
            for method in OpenRPC.methods(of: content) where method["name"]?.text == name {
                return Place(document: document, value: method)
            }
        }
        return nil
    }

    /// What a reference points to, followed to its end; nil where it leads nowhere or in a circle.
    func resolve(_ reference: String, from document: String) -> Place? {
        var (reference, document) = (reference, document)
        for _ in 0..<16 {
            let pieces = reference.split(separator: "#", omittingEmptySubsequences: false)
            guard pieces.count == 2 else { return nil }
            if !pieces[0].isEmpty {
                document = String(pieces[0].split(separator: "/").last ?? "")
            }
            guard var value = documents[document] else { return nil }
            for step in pieces[1].split(separator: "/") {
                guard let next = value[String(step)] else { return nil }
                value = next
            }
            guard let further = value["$ref"]?.text else {
                return Place(document: document, value: value)
            }
            reference = further
        }
        return nil
    }

    /// Every reference in a document that cannot be resolved.
    func brokenReferences(in document: String) -> [String] {
        var broken: [String] = []
        func visit(_ value: JSONValue) {
            switch value {
            case .object(let members):
                for member in members {
                    if member.name == "$ref", case .string(let reference) = member.value {
                        if resolve(reference, from: document) == nil { broken.append(reference) }
                    } else {
                        visit(member.value)
                    }
                }
            case .array(let elements): elements.forEach(visit)
            default: break
            }
        }
        if let content = documents[document] { visit(content) }
        return broken
    }

    // MARK: - Methods

    /// Why `result` is no valid result of the method; empty when it is one.
    func complaints(about result: JSONValue, of method: String) -> [String] {
        guard let place = self.method(method) else { return ["no method \(method)"] }
        guard let schema = place.value["result"]?["schema"] else { return ["no result schema"] }
        return SchemaCheck(specification: self).check(
            result, Place(document: place.document, value: schema))
    }

    /// Why a parameter is no valid one.
    func complaints(
        about parameter: JSONValue, named name: String, of method: String
    ) -> [String] {
        guard let place = self.method(method) else { return ["no method \(method)"] }
        for described in place.value["params"]?.elements ?? []
        where described["name"]?.text == name {
            guard let schema = described["schema"] else { return ["no schema"] }
            return SchemaCheck(specification: self).check(
                parameter, Place(document: place.document, value: schema))
        }
        return ["no parameter \(name)"]
    }

    /// The errors that the method declares, by code.
    func errors(of method: String) -> [Int: Place] {
        guard let place = self.method(method) else { return [:] }
        var errors: [Int: Place] = [:]
        for error in place.value["errors"]?.elements ?? [] {
            var found = Place(document: place.document, value: error)
            if let reference = error["$ref"]?.text {
                guard let target = resolve(reference, from: place.document) else { continue }
                found = target
            }
            if let code = found.value["code"]?.unsigned { errors[Int(code)] = found }
        }
        return errors
    }
}
