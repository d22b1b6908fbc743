import Simulation
import Testing
import Yams

@Suite("Scenario files")
struct ScenarioTests {
    private func decode(_ text: String) throws -> Scenario {
        try YAMLDecoder().decode(Scenario.self, from: text)
    }

    @Test("A scenario with every kind of trigger is read")
    func reads() throws {
        let scenario = try decode(
            """
            name: example
            story: A leader is killed.
            stakes: [100, 50, 50, 100]
            byzantine: {1: equivocator}
            faults:
              - at: 3s
                kill: leader
                for: 1.5s
              - when: {node: 2, does: sent-chunk, after: 1s}
                pause: [2]
                for: 200ms
              - height: 10
                partition: [[0, 1], [2, 3]]
                for: 2s
              - at: 4s
                link: {from: [0], to: [1, 2], both-ways: false, quality: {loss: 30%, latency: 80ms}}
              - at: 5s
                clock: {nodes: [3], by: 2h}
              - at: 6s
                unplug: [leader, 1]
            expect: {height: 20, recovery: 5s, guilty: [1]}
            """)
        #expect(scenario.stakes == [100, 50, 50, 100])
        #expect(scenario.faults.count == 6)
        #expect(scenario.faults[0].trigger == .at(.seconds(3)))
        #expect(scenario.faults[0].action == .kill([.leader]))
        #expect(scenario.faults[0].lasting == .milliseconds(1500))
        #expect(scenario.faults[1].trigger == .when(.node(2), .sentChunk, after: .seconds(1)))
        #expect(scenario.faults[4].action == .clock([.node(3)], .seconds(7200)))
        #expect(scenario.faults[5].action == .unplug([.leader, .node(1)]))
        #expect(scenario.faults[5].action.title == "unplugged")
        #expect(scenario.byzantinePower == (50, 300))
    }

    @Test(
        "A mistake is named with its place",
        arguments: [
            ("name: a\nstory: b\nfualts: []", "'fualts' is no key here"),
            ("name: a", "the key 'story' is missing"),
            ("name: a\nstory: b\nfaults: [{at: 3, kill: all}]", "faults.[0].at"),
            ("name: a\nstory: b\nfaults: [{at: 3s}]", "does one thing, not 0"),
            ("name: a\nstory: b\nfaults: [{at: 3s, kill: everybody}]", "no target"),
            ("name: a\nstory: b\nfaults: [{at: 3s, kill: [7]}]", "node 7 is named"),
            ("name: a\nstory: b\nfaults: [{at: 3s, unplug: [7]}]", "node 7 is named"),
            ("name: a\nstory: b\nfaults: [{at: 3s, unplug: {nodes: [1]}}]", "unplug"),
            ("name: a\nstory: b\nfaults: [{at: 90s, kill: all}]", "after the end"),
            ("name: a\nstory: b\nduration: 5", "no length of time"),
            ("name: a\nstory: b\nvalidators: 0", "validators 0"),
            ("name: a\nstory: b\nlinks: {loss: 3}", "loss"),
            ("name: a\nstory: b\nlinks: {cut: true}", "cut is for a fault"),
            ("name: a\nstory: b\nbyzantine: {1: nonsense}", "the role 'nonsense'"),
            ("name: a\nstory: b\ntiming: {window-length: 1}", "window-length 1"),
            ("name: a\nstory: b\nfaults: [{at: 3s, height: 9, kill: 0}]", "at, height"),
            ("name: a\nstory: b\nfaults: [{at: -3s, kill: 0}]", "before the start"),
            ("name: a\nstory: b\nfaults: [{at: 3s, kill: 0, for: -1s}]", "for -1s"),
            (
                "name: a\nstory: b\nfaults: [{at: 3s, clock: {nodes: [0], by: 20ms}}]",
                "whole seconds"
            ),
            (
                "name: a\nstory: b\nfaults: [{at: 3s, old-backup: {nodes: [0], by: 4s}}]",
                "before the fault"
            ),
            (
                "name: a\nstory: b\nfaults: [{when: {node: all, does: leads}, kill: leader}]",
                "whoever does it"
            ),
        ])
    func refuses(_ text: String, _ problem: String) {
        #expect {
            _ = try decode(text)
        } throws: { error in
            "\(error)".contains(problem)
        }
    }
}
