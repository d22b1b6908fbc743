/// Why a hint's text is not understood or can't go on.
package enum HintTextError: Error, Hashable, Sendable {
    case unexpectedCharacter(Character, line: Int)
    case unterminatedText(line: Int)
    case indentation(line: Int)
    case unexpectedToken(String, line: Int)
    case tooDeep(line: Int)
}

enum Token: Hashable {
    case name(String)
    case number(Natural)
    /// A text constant, `isBytes` with a `b` before it.
    case text(String, isBytes: Bool)
    case symbol(String)
    case newline
    case indent
    case dedent
    case end
}

/// Takes the text of a hint apart: the lexical structure of Python, as far as hints use it.
struct Lexer {
    private let text: [Character]
    private var position = 0
    private var line = 1
    private var depth = 0
    private var indents = [0]
    private(set) var tokens: [(token: Token, line: Int)] = []

    private init(_ text: String) { self.text = text.map { $0 == "\r\n" ? "\n" : $0 } }

    static func tokens(
        of text: String
    ) throws(HintTextError) -> [(token: Token, line: Int)] {
        var lexer = Lexer(text)
        try lexer.run()
        return lexer.tokens
    }

    private var character: Character? { position < text.count ? text[position] : nil }

    private func peek(_ distance: Int) -> Character? {
        position + distance < text.count ? text[position + distance] : nil
    }

    private mutating func add(_ token: Token) { tokens.append((token, line)) }

    private mutating func run() throws(HintTextError) {
        while position < text.count {
            if depth == 0, isLineStart { try indentation() }
            guard let next = character else { break }
            switch next {
            case "\n":
                if depth == 0, let last = tokens.last?.token, last != .newline, last != .indent,
                    last != .dedent
                {
                    add(.newline)
                }
                position += 1
                line += 1
            case " ", "\t", "\r": position += 1
            case "#": while position < text.count, text[position] != "\n" { position += 1 }
            case "\\":
                guard peek(1) == "\n" else { throw .unexpectedCharacter(next, line: line) }
                position += 2
                line += 1
            case "'", "\"": try string(prefix: "")
            case "0"..."9": try number()
            case "_", "a"..."z", "A"..."Z": try name()
            default: try symbol(next)
            }
        }
        if let last = tokens.last?.token, last != .newline { add(.newline) }
        while indents.count > 1 {
            indents.removeLast()
            add(.dedent)
        }
        add(.end)
    }

    private var isLineStart: Bool {
        guard position == 0 || text[position - 1] == "\n" else { return false }
        // A line that a backslash continues has no indentation of its own.
        return position < 2 || text[position - 2] != "\\"
    }

    private mutating func indentation() throws(HintTextError) {
        var width = 0
        while let next = character, next == " " || next == "\t" {
            width += 1
            position += 1
        }
        guard let next = character, next != "\n", next != "#", next != "\r" else { return }
        if width > indents[indents.count - 1] {
            indents.append(width)
            add(.indent)
        }
        while width < indents[indents.count - 1] {
            indents.removeLast()
            add(.dedent)
        }
        guard width == indents[indents.count - 1] else { throw .indentation(line: line) }
    }

    private mutating func number() throws(HintTextError) {
        let isHex = character == "0" && (peek(1) == "x" || peek(1) == "X")
        if isHex { position += 2 }
        var digits = ""
        while let digit = character, digit == "_" || digit.isASCII && digit.isHexDigit,
            isHex || !digit.isLetter
        {
            if digit != "_" { digits.append(digit) }
            position += 1
        }
        guard let value = isHex ? Natural(hex: digits) : Natural(decimal: digits) else {
            throw .unexpectedCharacter(character ?? " ", line: line)
        }
        add(.number(value))
    }

    private mutating func name() throws(HintTextError) {
        var name = ""
        while let next = character, next == "_" || next.isLetter || next.isNumber {
            name.append(next)
            position += 1
        }
        if character == "'" || character == "\"", ["f", "b", "r", "F", "B"].contains(name) {
            try string(prefix: name.lowercased())
        } else {
            add(.name(name))
        }
    }

    private mutating func string(prefix: String) throws(HintTextError) {
        guard let quote = character else { throw .unterminatedText(line: line) }
        position += 1
        var value = ""
        while let next = character, next != quote {
            guard next != "\n" else { throw .unterminatedText(line: line) }
            if next == "\\", let escaped = peek(1) {
                value.append(escaped)
                position += 2
            } else {
                value.append(next)
                position += 1
            }
        }
        guard character == quote else { throw .unterminatedText(line: line) }
        position += 1
        add(.text(value, isBytes: prefix == "b"))
    }

    private static let symbols = [
        "**=", "//=", "<<=", ">>=", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+=", "-=",
        "*=",
        "%=", "&=", "|=", "^=", "->", ":=",
    ]

    private mutating func symbol(_ first: Character) throws(HintTextError) {
        for symbol in Self.symbols {
            let characters = Array(symbol)
            if position + characters.count <= text.count,
                Array(text[position..<(position + characters.count)]) == characters
            {
                add(.symbol(symbol))
                position += characters.count
                return
            }
        }
        guard "()[]{},:.=+-*/%&|^~<>@;".contains(first) else {
            throw .unexpectedCharacter(first, line: line)
        }
        if "([{".contains(first) { depth += 1 }
        if ")]}".contains(first) { depth = max(0, depth - 1) }
        add(.symbol(String(first)))
        position += 1
    }
}
