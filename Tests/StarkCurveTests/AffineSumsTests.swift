import StarkField
import TestSupport
import Testing

import StarkCurve

@Suite("Sums of lists of affine points")
struct AffineSumsTests {
    static let points: [CurvePoint] = {
        var sum = AccumulatorPoint(.generator)
        var result: [CurvePoint] = []
        for _ in 0..<97 {
            sum.double()
            sum.add(CurvePoint.generator)
            if let point = sum.affine { result.append(point) }
        }
        return result
    }()

    /// The sums' x, and the lists that were given up.
    static func sums(_ lists: [[CurvePoint]]) -> (values: [Felt], exceptional: Set<Int>) {
        let sums = AffineSums(capacity: lists.count)
        for (index, list) in lists.enumerated() {
            sums.set(index) { row in
                for (position, point) in list.enumerated() { row[position] = point }
                return list.count
            }
        }
        var values: [Felt] = []
        var exceptional: Set<Int> = []
        sums.sum(lists: lists.count, into: &values) { exceptional.insert($0) }
        return (values, exceptional)
    }

    /// The same in lanes; a list without points has no value.
    static func lanes(
        _ lists: [[CurvePoint]], groups: Int? = nil
    ) -> (values: [Felt?], exceptional: Set<Int>) {
        let used = (lists.count + AffineLanes.lanes - 1) / AffineLanes.lanes
        let sums = AffineLanes(groups: groups ?? used, slots: AffineSums.slots)
        for group in 0..<used {
            sums.set(group) { lane, put in
                let index = group * AffineLanes.lanes + lane
                if index >= lists.count { return }
                for point in lists[index] { put(point) }
            }
        }
        var values: [Felt] = []
        var exceptional: Set<Int> = []
        sums.sum(groups: used, into: &values) { exceptional.insert($0) }
        return (zip(values, lists).map { $1.isEmpty ? nil : $0 }, exceptional)
    }

    static func slowSum(_ list: [CurvePoint]) -> SlowPoint? {
        list.reduce(SlowPoint?.none) { SlowPoint.add($0, SlowPoint(x: $1.x, y: $1.y)) }
    }

    @Test("lists of every length, alone and together, equal one addition after the other")
    func lengths() {
        let lists = (1...AffineSums.slots).map { count in
            (0..<count).map { Self.points[($0 * 7 + count) % Self.points.count] }
        }
        let expected = lists.map { Self.slowSum($0)?.x }
        for (list, value) in zip(lists, expected) {
            let (values, exceptional) = Self.sums([list])
            #expect(values.map { $0 } == [value] && exceptional.isEmpty, "\(list.count) points")
            let lanes = Self.lanes([list])
            #expect(lanes.values == [value] && lanes.exceptional.isEmpty, "\(list.count) points")
        }
        let (values, exceptional) = Self.sums(lists)
        #expect(values == expected.compactMap { $0 } && exceptional.isEmpty)
        for count in [1, 7, 8, 9, 40, lists.count] {
            // Long and short lists side by side, some without points.
            var some = Array(lists.suffix(count / 2) + lists.prefix(count - count / 2))
            if count > 2 { some[1] = [] }
            let lanes = Self.lanes(some, groups: 9)
            #expect(lanes.values == some.map { Self.slowSum($0)?.x })
            #expect(lanes.exceptional.isEmpty)
        }
    }

    @Test("lists with equal or opposite points are given up or right, and spoil no other")
    func exceptions() {
        let good = Array(Self.points.prefix(40))
        for (first, second) in [(0, 1), (0, 2), (3, 9), (38, 39)] {
            var equal = good
            equal[second] = equal[first]
            var opposite = good
            opposite[second] = -opposite[first]
            let cancelled = [Self.points[0], -Self.points[0]]
            let lists = [good, equal, good, opposite, cancelled, good]
            let (values, exceptional) = Self.sums(lists)
            #expect(exceptional.isSubset(of: [1, 3, 4]) && exceptional.contains(4))
            for (index, list) in lists.enumerated() where !exceptional.contains(index) {
                #expect(values[index] == Self.slowSum(list)?.x, "list \(index)")
            }
            let lanes = Self.lanes(lists)
            #expect(lanes.exceptional.isSubset(of: [1, 3, 4]) && lanes.exceptional.contains(4))
            for (index, list) in lists.enumerated() where !lanes.exceptional.contains(index) {
                #expect(lanes.values[index] == Self.slowSum(list)?.x, "lane \(index)")
            }
            let (single, singleExceptional) = Self.sums([cancelled])
            #expect(single.count == 1 && singleExceptional == [0])
        }
    }

    @Test("a point is negated where the flag says so")
    func negation() {
        for point in Self.points {
            #expect(point.negated(if: false) == point)
            #expect(point.negated(if: true) == -point)
        }
    }
}
