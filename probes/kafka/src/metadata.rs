//! What a broker tells of its cluster (Metadata, versions 1 to 12).

use crate::{
    encoding::{Reader, Writer},
    error_code::ErrorCode,
};

/// The first version in which topics can be asked for by name without being made thereby.
const HARMLESS: i16 = 4;

/// The body of the request: asks for some topics, or for all that the user may see.
pub(crate) fn ask(writer: &mut Writer, version: i16, topics: Option<&[String]>) {
    let topics = topics.filter(|_| version >= HARMLESS);
    writer.length(topics.map(<[String]>::len));
    for topic in topics.unwrap_or_default() {
        if version >= 10 {
            writer.no_uuid();
        }
        writer.text(topic);
        writer.end();
    }
    if version >= HARMLESS {
        // Whether a topic may be made by asking for it.
        writer.boolean(false);
    }
    if (8..=10).contains(&version) {
        // Whether to tell what the user may do with the cluster.
        writer.boolean(false);
    }
    if version >= 8 {
        // Whether to tell what the user may do with each topic.
        writer.boolean(false);
    }
    writer.end();
}

/// A cluster, as one of its brokers sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cluster<'a> {
    /// How many brokers are alive.
    pub(crate) brokers: usize,
    pub(crate) id: Option<&'a [u8]>,
    /// The broker that has the say; of a cluster that leaves it to servers of their own (KRaft), any that passes on to them.
    pub(crate) controller: Option<i32>,
    pub(crate) topics: Vec<Topic<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Topic<'a> {
    pub(crate) error: ErrorCode,
    pub(crate) name: &'a [u8],
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) error: ErrorCode,
    pub(crate) index: i32,
    pub(crate) has_leader: bool,
    pub(crate) replicas: usize,
    /// How many of the replicas have all that the leader has, which is one of them.
    pub(crate) in_sync: usize,
}

impl<'a> Cluster<'a> {
    /// Reads an answer; `None` is one that makes no sense.
    pub(crate) fn parse(mut body: Reader<'a>, version: i16) -> Option<Self> {
        if version >= 3 {
            // How long the broker holds back its next answers.
            body.int32()?;
        }
        let brokers = body.array(broker)?.len();
        let id = if version >= 2 { body.text()? } else { None };
        let controller = Some(body.int32()?).filter(|controller| *controller >= 0);
        let topics = body.array(|reader| Topic::parse(reader, version))?;
        // What follows is what the user may do with the cluster, and not asked for.
        Some(Self { brokers, id, controller, topics })
    }
}

/// Passes over a broker: its number, its name and port, and its rack.
fn broker(reader: &mut Reader<'_>) -> Option<()> {
    reader.int32()?;
    reader.text()?;
    reader.int32()?;
    reader.text()?;
    reader.end()
}

impl<'a> Topic<'a> {
    fn parse(reader: &mut Reader<'a>, version: i16) -> Option<Self> {
        let error = ErrorCode(reader.int16()?);
        let name = reader.text()?.unwrap_or_default();
        if version >= 10 {
            // The topic's UUID.
            reader.bytes(16)?;
        }
        // Whether it is one of Kafka's own.
        reader.bytes(1)?;
        let partitions = reader.array(|reader| Partition::parse(reader, version))?;
        if version >= 8 {
            // What the user may do with it.
            reader.int32()?;
        }
        reader.end()?;
        Some(Self { error, name, partitions })
    }
}

impl Partition {
    fn parse(reader: &mut Reader<'_>, version: i16) -> Option<Self> {
        let error = ErrorCode(reader.int16()?);
        let index = reader.int32()?;
        let has_leader = reader.int32()? >= 0;
        if version >= 7 {
            // How many leaders there were.
            reader.int32()?;
        }
        let replicas = reader.count_of_int32s()?;
        let in_sync = reader.count_of_int32s()?;
        if version >= 5 {
            // The replicas whose disk or broker is gone; they are not in sync either.
            reader.count_of_int32s()?;
        }
        reader.end()?;
        Some(Self { error, index, has_leader, replicas, in_sync })
    }
}
