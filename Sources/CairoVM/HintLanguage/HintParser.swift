/// Reads the text of a hint: the part of Python's grammar that the hints of cairo-lang's common
/// library and of Starknet's whitelists are written in.
struct HintParser {
    private let tokens: [(token: Token, line: Int)]
    private var position = 0
    private var depth = 0
    private static let maximumDepth = 48

    private init(_ tokens: [(token: Token, line: Int)]) { self.tokens = tokens }

    static func statements(in text: String) throws(HintTextError) -> [Statement] {
        var parser = HintParser(try Lexer.tokens(of: text))
        var result: [Statement] = []
        while parser.token != .end {
            if parser.accept(.newline) { continue }
            result += try parser.statement()
        }
        return result
    }

    // MARK: Tokens

    private var token: Token { tokens[min(position, tokens.count - 1)].token }
    private var line: Int { tokens[min(position, tokens.count - 1)].line }

    private mutating func accept(_ wanted: Token) -> Bool {
        guard token == wanted else { return false }
        position += 1
        return true
    }

    private mutating func accept(_ symbol: String) -> Bool { accept(.symbol(symbol)) }
    private mutating func accept(word: String) -> Bool { accept(.name(word)) }

    private var unexpected: HintTextError { .unexpectedToken("\(token)", line: line) }

    private mutating func expect(_ symbol: String) throws(HintTextError) {
        guard accept(symbol) else { throw unexpected }
    }

    private mutating func identifier() throws(HintTextError) -> String {
        guard case .name(let name) = token else { throw unexpected }
        position += 1
        return name
    }

    // MARK: Statements

    private mutating func statement() throws(HintTextError) -> [Statement] {
        guard case .name(let word) = token else { return try simpleLine() }
        switch word {
        case "if":
            position += 1
            return [try branch()]
        case "for":
            position += 1
            return [try loop()]
        case "def":
            position += 1
            return [try function()]
        default: return try simpleLine()
        }
    }

    private mutating func block() throws(HintTextError) -> [Statement] {
        try expect(":")
        guard accept(.newline) else { return try simpleLine() }
        guard accept(.indent) else { throw unexpected }
        depth += 1
        guard depth < Self.maximumDepth else { throw .tooDeep(line: line) }
        defer { depth -= 1 }
        var result: [Statement] = []
        while !accept(.dedent) {
            if accept(.newline) { continue }
            guard token != .end else { throw unexpected }
            result += try statement()
        }
        return result
    }

    private mutating func branch() throws(HintTextError) -> Statement {
        let condition = try expression()
        let then = try block()
        if accept(word: "elif") { return .branch(condition, then: then, otherwise: [try branch()]) }
        let otherwise = accept(word: "else") ? try block() : []
        return .branch(condition, then: then, otherwise: otherwise)
    }

    private mutating func loop() throws(HintTextError) -> Statement {
        let target = try targets()
        guard accept(word: "in") else { throw unexpected }
        let sequence = try expressions()
        let body = try block()
        let otherwise = accept(word: "else") ? try block() : []
        return .loop(target: target, sequence: sequence, body: body, otherwise: otherwise)
    }

    private mutating func targets() throws(HintTextError) -> Expression {
        var names = [Expression.name(try identifier())]
        while accept(",") { names.append(.name(try identifier())) }
        return names.count == 1 ? names[0] : .tuple(names)
    }

    private mutating func function() throws(HintTextError) -> Statement {
        let name = try identifier()
        try expect("(")
        var parameters: [Statement.Parameter] = []
        while !accept(")") {
            let parameter = try identifier()
            if accept(":") { _ = try expression() }
            let standard = accept("=") ? try expression() : nil
            parameters.append(Statement.Parameter(name: parameter, standard: standard))
            if !accept(",") {
                try expect(")")
                break
            }
        }
        if accept("->") { _ = try expression() }
        return .function(name, parameters: parameters, body: try block())
    }

    private mutating func simpleLine() throws(HintTextError) -> [Statement] {
        var result = [try simple()]
        while accept(";") {
            if token == .newline { break }
            result.append(try simple())
        }
        guard accept(.newline) || token == .end || token == .dedent else { throw unexpected }
        return result
    }

    private mutating func simple() throws(HintTextError) -> Statement {
        if accept(word: "pass") { return .pass }
        if accept(word: "break") { return .breakOff }
        if accept(word: "assert") {
            let condition = try expression()
            if accept(",") { _ = try expression() }
            return .assert(condition)
        }
        if accept(word: "raise") {
            if token != .newline { _ = try expression() }
            return .raise
        }
        if accept(word: "del") { return .delete(try identifier()) }
        if accept(word: "return") { return .give(token == .newline ? nil : try expressions()) }
        if accept(word: "import") { return try moduleImport() }
        if accept(word: "from") { return try nameImport() }
        return try assignment()
    }

    private mutating func path() throws(HintTextError) -> String {
        var path = try identifier()
        while accept(".") { path += "." + (try identifier()) }
        return path
    }

    private mutating func moduleImport() throws(HintTextError) -> Statement {
        let module = try path()
        let alias = accept(word: "as") ? try identifier() : module
        return .importing([Statement.Import(module: module, name: "", alias: alias)])
    }

    private mutating func nameImport() throws(HintTextError) -> Statement {
        let module = try path()
        guard accept(word: "import") else { throw unexpected }
        let isParenthesised = accept("(")
        var imports: [Statement.Import] = []
        repeat {
            if isParenthesised, token == .symbol(")") { break }
            let name = try identifier()
            let alias = accept(word: "as") ? try identifier() : name
            imports.append(Statement.Import(module: module, name: name, alias: alias))
        } while accept(",")
        if isParenthesised { try expect(")") }
        return .importing(imports)
    }

    private mutating func assignment() throws(HintTextError) -> Statement {
        let first = try expressions()
        // `name: type = value`
        if accept(":") {
            _ = try expression()
            try expect("=")
            return .assign([first], try expressions())
        }
        if case .symbol(let symbol) = token, symbol.count >= 2, symbol.hasSuffix("="),
            let operation = Expression.BinaryOperator(rawValue: String(symbol.dropLast()))
        {
            position += 1
            return .augmented(first, operation, try expressions())
        }
        guard token == .symbol("=") else { return .expression(first) }
        var targets = [first]
        var value = first
        while accept("=") {
            value = try expressions()
            if token == .symbol("=") { targets.append(value) }
        }
        return .assign(targets, value)
    }

    // MARK: Expressions

    /// One expression, or several with commas, which are a tuple.
    private mutating func expressions() throws(HintTextError) -> Expression {
        let first = try expression()
        guard token == .symbol(",") else { return first }
        var elements = [first]
        while accept(",") {
            if token == .newline || token == .symbol("=") || token == .symbol(")") { break }
            elements.append(try expression())
        }
        return .tuple(elements)
    }

    private mutating func expression() throws(HintTextError) -> Expression {
        depth += 1
        guard depth < Self.maximumDepth else { throw .tooDeep(line: line) }
        defer { depth -= 1 }
        let value = try disjunction()
        guard accept(word: "if") else { return value }
        let condition = try disjunction()
        guard accept(word: "else") else { throw unexpected }
        return .conditional(condition, then: value, otherwise: try expression())
    }

    private mutating func disjunction() throws(HintTextError) -> Expression {
        var left = try conjunction()
        while accept(word: "or") { left = .or(left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws(HintTextError) -> Expression {
        var left = try negation()
        while accept(word: "and") { left = .and(left, try negation()) }
        return left
    }

    private mutating func negation() throws(HintTextError) -> Expression {
        accept(word: "not") ? .unary(.not, try negation()) : try comparison()
    }

    private mutating func relation() -> Expression.Relation? {
        let symbols: [(String, Expression.Relation)] = [
            ("<", .less), ("<=", .lessOrEqual), (">", .greater), (">=", .greaterOrEqual),
            ("==", .equal), ("!=", .notEqual),
        ]
        for (symbol, relation) in symbols where accept(symbol) { return relation }
        if accept(word: "in") { return .isIn }
        if token == .name("not"), tokens[min(position + 1, tokens.count - 1)].token == .name("in") {
            position += 2
            return .isNotIn
        }
        if accept(word: "is") { return accept(word: "not") ? .notSame : .same }
        return nil
    }

    private mutating func comparison() throws(HintTextError) -> Expression {
        let left = try binary(level: 0)
        var comparisons: [Expression.Comparison] = []
        while let relation = relation() {
            comparisons.append(
                Expression.Comparison(relation: relation, right: try binary(level: 0)))
        }
        return comparisons.isEmpty ? left : .comparison(left, comparisons)
    }

    private static let levels: [[String]] = [
        ["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "//", "%"],
    ]

    private mutating func binary(level: Int) throws(HintTextError) -> Expression {
        guard level < Self.levels.count else { return try unary() }
        var left = try binary(level: level + 1)
        while case .symbol(let symbol) = token, Self.levels[level].contains(symbol),
            let operation = Expression.BinaryOperator(rawValue: symbol)
        {
            position += 1
            left = .binary(operation, left, try binary(level: level + 1))
        }
        return left
    }

    private mutating func unary() throws(HintTextError) -> Expression {
        depth += 1
        guard depth < Self.maximumDepth else { throw .tooDeep(line: line) }
        defer { depth -= 1 }
        if accept("-") { return .unary(.minus, try unary()) }
        if accept("+") { return .unary(.plus, try unary()) }
        if accept("~") { return .unary(.invert, try unary()) }
        let base = try postfix()
        return accept("**") ? .binary(.power, base, try unary()) : base
    }

    private mutating func postfix() throws(HintTextError) -> Expression {
        var value = try atom()
        while true {
            if accept(".") {
                value = .attribute(value, try identifier())
            } else if accept("(") {
                value = try call(value)
            } else if accept("[") {
                value = try subscripted(value)
            } else {
                return value
            }
        }
    }

    private mutating func call(_ function: Expression) throws(HintTextError) -> Expression {
        var arguments: [Expression] = []
        var named: [Expression.NamedArgument] = []
        while !accept(")") {
            if case .name(let name) = token,
                tokens[min(position + 1, tokens.count - 1)].token == .symbol("=")
            {
                position += 2
                named.append(Expression.NamedArgument(name: name, value: try expression()))
            } else if accept("*") {
                arguments.append(.spread(try expression()))
            } else {
                let argument = try expression()
                arguments.append(try comprehension(argument) ?? argument)
            }
            if !accept(",") {
                try expect(")")
                break
            }
        }
        return .call(function, arguments: arguments, named: named)
    }

    /// The rest of `element for target in sequence`, where there is one.
    private mutating func comprehension(
        _ element: Expression
    ) throws(HintTextError) -> Expression? {
        guard accept(word: "for") else { return nil }
        let target = try targets()
        guard accept(word: "in") else { throw unexpected }
        let sequence = try disjunction()
        let condition = accept(word: "if") ? try disjunction() : nil
        return .comprehension(element, target: target, sequence: sequence, condition: condition)
    }

    private mutating func subscripted(_ value: Expression) throws(HintTextError) -> Expression {
        var parts: [Expression?] = [nil]
        while !accept("]") {
            if accept(":") {
                parts.append(nil)
                guard parts.count <= 3 else { throw unexpected }
            } else {
                guard parts[parts.count - 1] == nil else { throw unexpected }
                parts[parts.count - 1] = try expressions()
            }
        }
        if parts.count == 1 {
            guard let index = parts[0] else { throw unexpected }
            return .item(value, index)
        }
        return .slice(value, from: parts[0], to: parts[1], step: parts.count > 2 ? parts[2] : nil)
    }

    private mutating func atom() throws(HintTextError) -> Expression {
        switch token {
        case .number(let value):
            position += 1
            return .number(value)
        case .text(let text, let isBytes):
            position += 1
            var whole = text
            // Constants one behind the other are one.
            while case .text(let more, _) = token {
                whole += more
                position += 1
            }
            return isBytes ? .bytes(whole) : .text(whole)
        case .name(let name):
            position += 1
            switch name {
            case "None": return .none
            case "True": return .boolean(true)
            case "False": return .boolean(false)
            default: return .name(name)
            }
        case .symbol("("): return try parenthesised()
        case .symbol("["): return try list()
        case .symbol("{"): return try dictionary()
        default: throw unexpected
        }
    }

    private mutating func parenthesised() throws(HintTextError) -> Expression {
        try expect("(")
        if accept(")") { return .tuple([]) }
        let first = try expressions()
        if let whole = try comprehension(first) {
            try expect(")")
            return whole
        }
        try expect(")")
        return first
    }

    private mutating func list() throws(HintTextError) -> Expression {
        try expect("[")
        var elements: [Expression] = []
        while !accept("]") {
            if accept("*") {
                elements.append(.spread(try expression()))
            } else {
                let element = try expression()
                if let whole = try comprehension(element) {
                    try expect("]")
                    return whole
                }
                elements.append(element)
            }
            if !accept(",") {
                try expect("]")
                break
            }
        }
        return .list(elements)
    }

    private mutating func dictionary() throws(HintTextError) -> Expression {
        try expect("{")
        var pairs: [Expression.Pair] = []
        while !accept("}") {
            let key = try expression()
            try expect(":")
            pairs.append(Expression.Pair(key: key, value: try expression()))
            if !accept(",") {
                try expect("}")
                break
            }
        }
        return .dictionary(pairs)
    }
}
