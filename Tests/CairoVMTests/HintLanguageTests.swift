import CairoVM
import Foundation
import TestSupport
import Testing

@Suite("The language of Cairo 0's hints", .serialized)
struct HintLanguageTests {
    /// A program that does nothing but run a hint and leave the cell at ap alone.
    private func program(_ hint: String) throws -> CairoProgram {
        let cells = [
            Encoding.instruction(
                destination: -1, isFP: true, operand0: -1, operand0IsFP: true, ap: 1),
            Cell(1 as UInt64), Encoding.ret,
        ]
        let document: [String: Any] = [
            "prime": "0x800000000000011000000000000000000000000000000000000000000000001",
            "data": cells.map(\.description), "builtins": [String](),
            "hints": [
                "0": [
                    [
                        "code": hint, "accessible_scopes": ["__main__", "__main__.main"],
                        "flow_tracking_data": [
                            "ap_tracking": ["group": 0, "offset": 0],
                            "reference_ids": ["__main__.main.x": 0, "__main__.main.point": 1],
                        ],
                    ]
                ]
            ],
            "identifiers": [
                "__main__.main": ["type": "function", "pc": 0],
                "__main__.LIMIT": ["type": "const", "value": 100],
                "__main__.Point": [
                    "type": "struct", "size": 2, "full_name": "__main__.Point",
                    "members": [
                        "x": ["offset": 0, "cairo_type": "felt"],
                        "y": ["offset": 1, "cairo_type": "felt"],
                    ],
                ],
            ],
            "reference_manager": [
                "references": [
                    [
                        "value": "[cast(ap + 3, felt*)]", "pc": 0,
                        "ap_tracking_data": ["group": 0, "offset": 0],
                    ],
                    [
                        "value": "[cast(ap + 4, __main__.Point*)]", "pc": 0,
                        "ap_tracking_data": ["group": 0, "offset": 0],
                    ],
                ]
            ],
        ]
        return try CairoProgram(
            json: [UInt8](JSONSerialization.data(withJSONObject: document)))
    }

    /// What the hint leaves at ap.
    private func value(of hint: String) throws -> Cell {
        let program = try program(hint)
        let plain = try #require(Layout.named("plain"))
        var run = try ProgramRun.starting(program, layout: plain, mode: .execution)
        let place = Relocatable(segment: 1, offset: run.machine.ap)
        var hints = ProgramHints(program)
        try run.run(&hints)
        return try run.machine.memory.value(place)
    }

    @Test(
        "Values are Python's",
        arguments: [
            ("memory[ap] = 0xFf + 1_000", 1255), ("memory[ap] = 7 // 2", 3),
            ("memory[ap] = (-7 // 2) + 10", 6),
            ("memory[ap] = -7 % 3", 2), ("memory[ap] = 7 % -3 + 5", 3),
            ("memory[ap] = 2 + 3 * 4 ** 2 >> 1 & 31", 25), ("memory[ap] = -2 ** 2 + 9", 5),
            ("memory[ap] = -1 & 255", 255), ("memory[ap] = 6 ^ 3 | 8", 13),
            ("memory[ap] = 1 if 0 <= 5 < 6 else 0", 1),
            ("memory[ap] = 1 if not 3 in [1, 2] and True else 0", 1),
            ("q, r = divmod(17, 5)\nmemory[ap] = q * 10 + r", 32),
            ("a = b = 4\na += b\nmemory[ap] = a", 8),
            ("memory[ap] = sum(x << (8 * i) for i, x in enumerate([1, 2]))", 513),
            (
                "l = sorted([3, 1, 2], reverse=True)\n"
                    + "memory[ap] = l.pop() + 10 * l[0] + len(l[::-1])", 33
            ),
            ("memory[ap] = pow(3, -1, 7) + pow(2, 10, 1000)", 29),
            (
                "def f(n: int, k: int = 2):\n    a = []\n    for _ in range(k):\n"
                    + "        a.append(n)\n        n = n >> 1\n    return tuple(a)\n"
                    + "x = f(12, k=3)\nmemory[ap] = x[0] + x[1] + x[2]", 21
            ),
            (
                "for i in range(9):\n    if i == 4:\n        memory[ap] = i\n        break\n"
                    + "else:\n    raise ValueError('none')", 4
            ),
            ("d = {}\nd.setdefault(3, []).append(5)\nmemory[ap] = d[3][0]", 5),
            ("vm_enter_scope({'n': 6})\nm = n\nvm_exit_scope()\nmemory[ap] = 6", 6),
            ("ids.x = 9\nmemory[ap] = ids.x + ids.LIMIT", 109),
            ("ids.point.x = 2\nids.point.y = 3\nmemory[ap] = ids.point.x * 10 + ids.point.y", 23),
            ("memory[ap] = ids.Point.SIZE + (ids.point.address_ - ap)", 6),
            ("memory[ap] = (12345).bit_length() if False else len([1,\n  2])", 2),
            (
                "from starkware.python.math_utils import isqrt, div_mod\n"
                    + "memory[ap] = isqrt(120) * 10 + div_mod(1, 2, 7)", 104
            ),
        ] as [(String, Int)])
    func values(_ hint: String, _ expected: Int) throws {
        #expect(try value(of: hint) == Cell(expected))
    }

    @Test(
        "What a hint may not do ends the run",
        arguments: [
            ("assert 1 == 2", HintError.assertionFailed), ("raise ValueError('x')", .raised),
            ("memory[ap] = unheard_of", .unknownName("unheard_of")),
            ("memory[ap] = 1 // 0", .divisionByZero), ("memory[ap] = 2 ** 100000", .numberTooLarge),
            ("memory[ap] = 0x", .text(.unexpectedCharacter(" ", line: 1))),
            (
                "memory[ap] = 1\u{301}", .text(.unexpectedCharacter("1\u{301}", line: 1))
            ), ("memory[ap] = 1 ** (1 << 62)", .numberTooLarge),
            ("range(-(1 << 62), 1 << 62)", .numberTooLarge),
            ("memory[ap] = ap + ((1 << 62) - 1)", .addressOutOfRange),
            ("x = [0] * 2000000", .workLimitExceeded),
            ("def f(n):\n    return f(n)\nf(1)", .workLimitExceeded),
            ("t = (1,)\nfor _ in range(60):\n    t = t + t", .workLimitExceeded),
            ("t = [1]\nfor _ in range(60):\n    t = [*t, *t]", .workLimitExceeded),
            ("t = (1,)\nfor _ in range(60):\n    t = (t, t)", .workLimitExceeded),
            ("t = [1]\nfor _ in range(15):\n    t = [t, t, t]\nt == t", .workLimitExceeded),
            ("t = [1]\nt.append(t)\nt == t", .workLimitExceeded),
            ("d = {}\nt = (1,)\nfor _ in range(20):\n    t = (t,)\nd[t] = 1", .workLimitExceeded),
            ("x = 3 ** 8000\nfor _ in range(60000):\n    y = x * x", .workLimitExceeded),
            ("for _ in range(2000):\n    y = pow(3, 2 ** 1000, 2 ** 1001)", .workLimitExceeded),
            ("from os import system", .unknownName("os.system")), ("vm_exit_scope()", .noScope),
            ("open('file')", .unknownName("open")),
            ("memory[ap] = memory[ap]", .memory(.unknownCell(Relocatable(segment: 1, offset: 2)))),
        ] as [(String, HintError)])
    func refusals(_ hint: String, _ expected: HintError) throws {
        let program = try program(hint)
        let plain = try #require(Layout.named("plain"))
        var run = try ProgramRun.starting(program, layout: plain, mode: .execution)
        var hints = ProgramHints(program, work: 1 << 16)
        do throws(ProgramRunError) {
            try run.run(&hints)
            Issue.record("\(hint) ran")
        } catch {
            guard case .hint(let error, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(error == expected)
        }
    }

    @Test("A chain of lists, dictionaries and tuples is let go without the stack")
    func chains() throws {
        let hints = [
            "a = []\nfor _ in range(200000):\n    a = [a]\nmemory[ap] = 1",
            "a = {}\nfor i in range(200000):\n    a = {i: (a, [a])}\nmemory[ap] = 1",
        ]
        for hint in hints { #expect(try value(of: hint) == Cell(1)) }
    }

    @Test("Any text is read or refused, and never more")
    func nonsense() {
        for seed in 0..<2000 as Range<UInt64> { checkNonsense(seed) }
    }

    private func checkNonsense(_ seed: UInt64) {
        var words = SeededWords(seed: seed)
        let pieces = [
            "if", "x", "(", ")", "[", "]", "{", "}", ":", "\n", "    ", "=", "==", "+", "-", "for",
            "in", "1", "'a'", ",", ".", "def", "return", "**", "lambda", "\\", "#", "not",
            "f\"{x}\"",
        ]
        let text = (0..<(1 + words.next() % 30)).map { _ in
            pieces[Int(words.next() % UInt64(pieces.count))]
        }.joined(separator: words.next() % 2 == 0 ? " " : "")
        // Without a trap is what counts.
        _ = try? ProgramHints.check(text)
    }

    @Test(
        "Every hint of every Cairo 0 class can be read",
        .enabled(
            if: Fixtures.has("feature-contracts"),
            Comment(rawValue: Fixtures.absence(of: "feature-contracts"))))
    func classes() throws {
        var texts: Set<String> = []
        for folder in ["feature-contracts", "devnet-contracts"] {
            for file in Fixtures.files(under: folder, suffix: ".json") {
                guard let table = try Fixtures.json(file) as? [String: Any],
                    let program = table["program"] as? [String: Any],
                    let hints = program["hints"] as? [String: [[String: Any]]]
                else { continue }
                for hint in hints.values.flatMap({ $0 }) {
                    if let text = hint["code"] as? String { texts.insert(text) }
                }
            }
        }
        #expect(texts.count > 30)
        for text in texts {
            #expect(throws: Never.self, "\(text)") { try ProgramHints.check(text) }
        }
    }
}
