/// Everything that a report shows of one run, as plain data: either engine fills it, and the page
/// and the JSON output are made from it alone. Times are nanoseconds since the run began.
package struct RunRecord: Sendable, Codable {
    package struct Node: Sendable, Codable {
        package var name: String
        package var stake: UInt64
        /// A Byzantine role's name; nil: honest.
        package var role: String?
        package var region: String?
        /// Its last events, oldest first, one line each.
        package var lastEvents: [String] = []
        package init(name: String, stake: UInt64, role: String?, region: String?) {
            self.name = name
            self.stake = stake
            self.role = role
            self.region = region
        }
    }

    /// A stretch of time in which something was wrong with some nodes (all of them: an empty list).
    package struct Band: Sendable, Codable {
        package var start: UInt64
        package var end: UInt64
        package var nodes: [Int]
        package var title: String
        package init(start: UInt64, end: UInt64, nodes: [Int], title: String) {
            self.start = start
            self.end = end
            self.nodes = nodes
            self.title = title
        }
    }

    /// A node's progress at a time. Taken when it changes, at most some thousand for each node.
    package struct Sample: Sendable, Codable {
        package var time: UInt64
        package var node: Int
        package var height: UInt64
        package var window: UInt64
        /// Who leads as this node sees it.
        package var leader: Int
        package init(time: UInt64, node: Int, height: UInt64, window: UInt64, leader: Int) {
            self.time = time
            self.node = node
            self.height = height
            self.window = window
            self.leader = leader
        }
    }

    /// One block's finality: when it was opened by its leader, and how long until the first and until
    /// the last honest node that runs had it final.
    package struct Finality: Sendable, Codable {
        package var height: UInt64
        package var opened: UInt64
        package var first: UInt64
        package var quorum: UInt64
        package var transactions: Int
        package init(
            height: UInt64, opened: UInt64, first: UInt64, quorum: UInt64, transactions: Int
        ) {
            self.height = height
            self.opened = opened
            self.first = first
            self.quorum = quorum
            self.transactions = transactions
        }
    }

    /// What one checker looked at and found.
    package struct Checked: Sendable, Codable {
        package var property: Property
        /// How many facts it compared: none means that it saw nothing to judge.
        package var examined: UInt64
        package var findings: [Finding]
        package var note: String?
        package init(
            property: Property, examined: UInt64, findings: [Finding], note: String? = nil
        ) {
            self.property = property
            self.examined = examined
            self.findings = findings
            self.note = note
        }
    }

    /// A labelled figure.
    package struct Figure: Sendable, Codable {
        package var name: String
        package var value: String
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var scenario: String
    package var story: String
    package var engine: Scenario.Engine
    package var seed: UInt64
    /// The one command that repeats this run.
    package var command: String
    package var duration: UInt64
    /// The simulator's: the same on every machine.
    package var traceHash: String?
    package var nodes: [Node] = []
    package var bands: [Band] = []
    package var samples: [Sample] = []
    package var finality: [Finality] = []
    package var checks: [Checked] = []
    package var figures: [Figure] = []
    /// Validators that evidence named.
    package var guilty: [Int] = []
    /// What the scenario expected and whether it came true, one line each.
    package var expectations: [(String, Bool)] {
        get { zip(expectationTexts, expectationsMet).map { ($0, $1) } }
        set {
            expectationTexts = newValue.map(\.0)
            expectationsMet = newValue.map(\.1)
        }
    }
    package var expectationTexts: [String] = []
    package var expectationsMet: [Bool] = []
    /// On a violation: the shortest beginning of the run that shows it, as the runner could find it.
    package var failingPrefix: FailingPrefix?
    package var passed = false

    package struct FailingPrefix: Sendable, Codable {
        package var time: UInt64
        package var events: UInt64
        package var faultsKept: [String]
        package var command: String
        package init(time: UInt64, events: UInt64, faultsKept: [String], command: String) {
            self.time = time
            self.events = events
            self.faultsKept = faultsKept
            self.command = command
        }
    }

    package init(
        scenario: String, story: String, engine: Scenario.Engine, seed: UInt64, command: String,
        duration: UInt64
    ) {
        self.scenario = scenario
        self.story = story
        self.engine = engine
        self.seed = seed
        self.command = command
        self.duration = duration
    }

    package var findings: [Finding] { checks.flatMap(\.findings) }
}
