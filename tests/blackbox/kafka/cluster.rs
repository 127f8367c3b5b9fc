//! A cluster of several brokers, as librdkafka has them for the tests of clients; `cluster.py` runs it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{guest::repository, servers};

/// The cluster. Its brokers are numbered from 1 on. It ends when it is dropped.
pub struct Cluster {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where each broker listens.
    pub ports: Vec<u16>,
}

impl Cluster {
    pub fn start(brokers: usize) -> Option<Cluster> {
        // It brings the library.
        servers::find("kcat")?;
        let mut command = Command::new(servers::find("python3")?);
        command.arg(repository().join("tests/blackbox/kafka/cluster.py")).arg(brokers.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (orders, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut cluster = Cluster { process, orders, answers, ports: Vec::new() };
        let addresses = cluster.answer();
        cluster.ports = addresses.split(',').map(|one| one.rsplit(':').next().unwrap().parse().unwrap()).collect();
        assert_eq!(cluster.ports.len(), brokers, "{addresses}");
        Some(cluster)
    }

    /// Has an order carried out.
    #[track_caller]
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        assert_eq!(self.answer(), "0", "{order}");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
