//! What one run may use up: its budgets, each with a default that suits a probe of one target.

/// Something of each budget.
///
/// There are sixteen of them, and everything that is said of one is said of all: what is written in the config, what holds
/// in the end, and the most that the operator lets any check have. So they are one record, whatever there is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Each<T> {
    /// Units of work, about one an instruction.
    pub fuel: T,
    /// Bytes of memory, all memories together.
    pub memory: T,
    /// Elements of tables, all tables together.
    pub table_elements: T,
    /// Core instances that the component consists of.
    pub instances: T,
    /// Handles and resources (sockets, streams, pollables, …) held at once.
    pub handles: T,
    /// Sockets open at once, those of requests included.
    pub sockets: T,
    /// Bytes sent over the network.
    pub bytes_sent: T,
    /// Bytes received over the network.
    pub bytes_received: T,
    /// Names looked up.
    pub lookups: T,
    /// Lines logged; more are dropped.
    pub log_lines: T,
    /// Bytes logged; more are dropped.
    pub log_bytes: T,
    /// Bytes that a command may write to its standard output.
    pub output: T,
    /// Bytes of the verdict's message; a longer one is cut.
    pub message: T,
    /// Details of the verdict; more are dropped.
    pub details: T,
    /// Measurements of the verdict; more are dropped.
    pub measurements: T,
    /// Bytes of state left for the next run.
    pub state: T,
}

/// What one run may use up.
pub type Limits = Each<u64>;

impl Limits {
    /// What holds unless somebody says otherwise.
    pub const DEFAULT: Limits = Limits {
        // About a second of pure computing, where a usual run takes some milliseconds of it.
        fuel: 1_000_000_000,
        // Room for a guest with a garbage collector, and a thousand such runs still fit a server.
        memory: 64 << 20,
        // CPython has half as many indirect functions, and no guest of another language comes near.
        table_elements: 20_000,
        // Twice what a Python interpreter with its libraries is made of.
        instances: 128,
        // A probe of one target needs a few dozen.
        handles: 1_000,
        // One for the target, and one for each of a few servers of names or addresses to try.
        sockets: 16,
        // Whoever asks how a target is has little to say to it.
        bytes_sent: 16 << 20,
        // More than comes over a fast line within the usual time-out: a target that says no end is for its probe to judge, as
        // long as the probe has the time.
        bytes_received: 1 << 30,
        // Each holds a thread for as long as the system's resolver waits; a cluster's nodes are fewer.
        lookups: 64,
        // What a person reads of one run is far less.
        log_lines: 100,
        // As much as these lines have at the most.
        log_bytes: 100 << 10,
        // Eight times what Nagios reads of a plug-in.
        output: 64 << 10,
        // A few lines on a screen.
        message: 4 << 10,
        // As many as anybody reads.
        details: 64,
        // Each becomes a time series.
        measurements: 64,
        // A cursor, a token, or the figures of the last run, and not a database.
        state: 64 << 10,
    };
}

impl Each<&'static str> {
    /// What each is called in the config.
    pub const NAMES: Each<&'static str> = Each {
        fuel: "fuel",
        memory: "memory",
        table_elements: "table_elements",
        instances: "instances",
        handles: "handles",
        sockets: "sockets",
        bytes_sent: "bytes_sent",
        bytes_received: "bytes_received",
        lookups: "lookups",
        log_lines: "log_lines",
        log_bytes: "log_bytes",
        output: "output",
        message: "message",
        details: "details",
        measurements: "measurements",
        state: "state",
    };
}

impl<T> Each<T> {
    /// What comes of each and its like among the others.
    #[must_use]
    pub fn with<U, V>(self, other: Each<U>, mut make: impl FnMut(T, U) -> V) -> Each<V> {
        Each {
            fuel: make(self.fuel, other.fuel),
            memory: make(self.memory, other.memory),
            table_elements: make(self.table_elements, other.table_elements),
            instances: make(self.instances, other.instances),
            handles: make(self.handles, other.handles),
            sockets: make(self.sockets, other.sockets),
            bytes_sent: make(self.bytes_sent, other.bytes_sent),
            bytes_received: make(self.bytes_received, other.bytes_received),
            lookups: make(self.lookups, other.lookups),
            log_lines: make(self.log_lines, other.log_lines),
            log_bytes: make(self.log_bytes, other.log_bytes),
            output: make(self.output, other.output),
            message: make(self.message, other.message),
            details: make(self.details, other.details),
            measurements: make(self.measurements, other.measurements),
            state: make(self.state, other.state),
        }
    }
}
