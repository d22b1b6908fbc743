/// Writes a page piece by piece. Every text and attribute is escaped here and every element is closed
/// here, so that no caller can forget either; the result is HTML that is also well-formed XML.
struct Markup {
    private(set) var page = ""

    typealias Attributes = KeyValuePairs<String, String>

    /// An element without content that has no closing tag: `meta`, and the shapes of SVG.
    mutating func leaf(_ name: String, _ attributes: Attributes = [:]) {
        start(name, attributes)
        page += "/>"
    }

    mutating func element(
        _ name: String, _ attributes: Attributes = [:], _ content: (inout Markup) -> Void
    ) {
        start(name, attributes)
        page += ">"
        content(&self)
        page += "</\(name)>"
    }

    mutating func element(_ name: String, _ attributes: Attributes = [:], text: String) {
        element(name, attributes) { $0.text(text) }
    }

    mutating func text(_ text: String) { page += Markup.escape(text) }

    /// Style and script, which hold neither `<` nor `&`.
    mutating func trusted(_ text: StaticString) { page += "\(text)" }

    private mutating func start(_ name: String, _ attributes: Attributes) {
        page += "<\(name)"
        for (key, value) in attributes { page += " \(key)=\"\(Markup.escape(value))\"" }
    }

    /// Text that can be nothing but text. What XML forbids and what turns the direction of reading
    /// (which could make a message lie) shows as a replacement character.
    static func escape(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x26: escaped += "&amp;"
            case 0x3C: escaped += "&lt;"
            case 0x3E: escaped += "&gt;"
            case 0x22: escaped += "&quot;"
            case 0x27: escaped += "&#39;"
            case 0x09, 0x0A: escaped.unicodeScalars.append(scalar)
            case 0..<0x20, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069, 0xFFFE, 0xFFFF:
                escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

/// Numbers as a reader wants them, without a locale.
enum Wording {
    /// Rounded half up, with so many decimals (0...6); below zero and what is no number count as zero.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { product, _ in product * 10 }
        let scaled = value * Double(scale) + 0.5
        let whole = scaled > 0.5 && scaled < 9e18 ? Int(scaled) : 0
        guard decimals > 0 else { return "\(whole)" }
        let fraction = "\(whole % scale)"
        let zeros = String(repeating: "0", count: decimals - fraction.count)
        return "\(whole / scale).\(zeros)\(fraction)"
    }

    /// Thousands apart by a narrow space.
    static func grouped(_ number: UInt64) -> String {
        var text = ""
        let digits = Array("\(number)")
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "\u{202F}" }
            text.append(digit)
        }
        return text
    }

    /// A length of time in the unit that suits it, three figures at least.
    static func span(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        func scaled(_ unit: Double) -> String {
            let number = value / unit
            return fixed(number, number < 10 ? 2 : number < 100 ? 1 : 0)
        }
        switch nanoseconds {
        case 0: return "0 ms"
        case ..<1_000_000: return "\(scaled(1000)) µs"
        case ..<1_000_000_000: return "\(scaled(1_000_000)) ms"
        default: return "\(scaled(1_000_000_000)) s"
        }
    }

    /// A point in time, in seconds to the millisecond.
    static func time(_ nanoseconds: UInt64) -> String {
        "\(fixed(Double(nanoseconds) / 1e9, 3)) s"
    }

    static func count(_ number: Int, _ one: String, _ many: String) -> String {
        "\(grouped(UInt64(max(0, number)))) \(number == 1 ? one : many)"
    }

    /// At most so many characters.
    static func shortened(_ text: String, to limit: Int) -> String {
        guard text.count > limit, limit > 1 else { return text }
        return text.prefix(limit - 1) + "…"
    }
}
