/// The expressions of the hint language.
indirect enum Expression: Hashable, Sendable {
    case name(String)
    case number(Natural)
    case text(String)
    case bytes(String)
    case none
    case boolean(Bool)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    /// a op b op c: each pair must hold.
    case comparison(Expression, [Comparison])
    case and(Expression, Expression)
    case or(Expression, Expression)
    case conditional(Expression, then: Expression, otherwise: Expression)
    case call(Expression, arguments: [Expression], named: [NamedArgument])
    case attribute(Expression, String)
    case item(Expression, Expression)
    case slice(Expression, from: Expression?, to: Expression?, step: Expression?)
    case tuple([Expression])
    case list([Expression])
    case dictionary([Pair])
    /// [element for targets in sequence if condition]
    case comprehension(Expression, target: Expression, sequence: Expression, condition: Expression?)
    /// *sequence in a list
    case spread(Expression)

    enum UnaryOperator: Hashable, Sendable { case minus, plus, not, invert }
    enum BinaryOperator: String, Hashable, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "//"
        case modulo = "%"
        case power = "**"
        case shiftLeft = "<<"
        case shiftRight = ">>"
        case and = "&"
        case or = "|"
        case xor = "^"
    }
    enum Relation: Hashable, Sendable {
        case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual, isIn, isNotIn, same
        case notSame
    }
    struct Comparison: Hashable, Sendable {
        var relation: Relation
        var right: Expression
    }
    struct NamedArgument: Hashable, Sendable {
        var name: String
        var value: Expression
    }
    struct Pair: Hashable, Sendable {
        var key: Expression
        var value: Expression
    }
}

/// The statements of the hint language.
indirect enum Statement: Hashable, Sendable {
    /// a = b = value
    case assign([Expression], Expression)
    case augmented(Expression, Expression.BinaryOperator, Expression)
    case expression(Expression)
    case assert(Expression)
    case branch(Expression, then: [Statement], otherwise: [Statement])
    /// for target in sequence: body, else: otherwise where nothing broke off
    case loop(target: Expression, sequence: Expression, body: [Statement], otherwise: [Statement])
    case function(String, parameters: [Parameter], body: [Statement])
    case give(Expression?)
    case raise
    case delete(String)
    case importing([Import])
    case breakOff
    case pass

    struct Parameter: Hashable, Sendable {
        var name: String
        var standard: Expression?
    }
    struct Import: Hashable, Sendable {
        var module: String
        var name: String
        var alias: String
    }
}
