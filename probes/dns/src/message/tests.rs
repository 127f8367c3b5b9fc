//! The messages, held to those of `simple-dns`.

use simple_dns::{
    CLASS, CharacterString, Name, Packet, PacketFlag, Question as TheirQuestion, RCODE, ResourceRecord,
    rdata::{A, AAAA, CAA, CNAME, MX, NS, PTR, RData, SOA, SRV, TXT},
};

use super::*;

const ID: u16 = 0x1234;

/// Where the flags of a message are.
const FLAGS: usize = 2;

/// Where the question of a message is.
const QUESTION: usize = 12;

fn question(record_type: RecordType) -> Question {
    Question::new(ID, "Example.org", record_type).unwrap()
}

fn name(text: &str) -> Name<'_> {
    Name::new(text).unwrap()
}

/// The answer of another implementation, with records of these contents.
fn answer_to(question: &Question, contents: Vec<RData<'_>>) -> Vec<u8> {
    let mut packet = Packet::parse(question.bytes()).unwrap().into_reply();
    for (content, ttl) in contents.into_iter().zip([300, 60, 600]) {
        packet.answers.push(ResourceRecord::new(name("example.org"), CLASS::IN, ttl, content));
    }
    packet.build_bytes_vec_compressed().unwrap()
}

fn records(record_type: RecordType, contents: Vec<RData<'_>>) -> Vec<String> {
    let question = question(record_type);
    question.read(&answer_to(&question, contents)).unwrap().records
}

fn mail() -> Vec<RData<'static>> {
    let at = |preference, exchange| RData::MX(MX { preference, exchange });
    vec![at(10, name("mx1.example.org")), at(20, name("mx2.mail.example.org"))]
}

#[test]
fn others_understand_the_question() {
    let question = question(RecordType::Mx);
    let packet = Packet::parse(question.bytes()).unwrap();
    assert_eq!(packet.id(), ID);
    assert!(packet.has_flags(PacketFlag::RECURSION_DESIRED) && !packet.has_flags(PacketFlag::RESPONSE));
    let [TheirQuestion { qname, qtype, .. }] = packet.questions.as_slice() else { panic!("not one question") };
    assert_eq!((qname.to_string(), u16::from(*qtype)), ("example.org".to_owned(), 15));
}

#[test]
fn a_name_has_bounds() {
    let label = "a".repeat(63);
    let most = [label.as_str(); 3].join(".") + "." + &"a".repeat(61);
    for fine in [".", "a", "a.", "_sip._udp.a", &label, &most] {
        assert!(Question::new(ID, fine, RecordType::A).is_some(), "{fine}");
    }
    for wrong in ["", "..", ".a", "a..", "a b", r"a\046b", "ä", &format!("{label}a"), &format!("{most}a")] {
        assert!(Question::new(ID, wrong, RecordType::A).is_none(), "{wrong}");
    }
}

#[test]
fn records_of_others_are_read() {
    let v4 = A { address: Ipv4Addr::new(192, 0, 2, 1).into() };
    assert_eq!(records(RecordType::A, vec![RData::A(v4)]), ["192.0.2.1"]);
    let v6 = AAAA { address: Ipv6Addr::LOCALHOST.into() };
    assert_eq!(records(RecordType::Aaaa, vec![RData::AAAA(v6)]), ["::1"]);
    assert_eq!(records(RecordType::Cname, vec![RData::CNAME(CNAME(name("A.Example.org")))]), ["a.example.org"]);
    assert_eq!(records(RecordType::Ns, vec![RData::NS(NS(name("example.org")))]), ["example.org"]);
    assert_eq!(records(RecordType::Ptr, vec![RData::PTR(PTR(name("localhost")))]), ["localhost"]);
    assert_eq!(records(RecordType::Mx, mail()), ["10 mx1.example.org", "20 mx2.mail.example.org"]);
    let service = SRV { priority: 1, weight: 2, port: 5060, target: name("sip.example.org") };
    assert_eq!(records(RecordType::Srv, vec![RData::SRV(service)]), ["1 2 5060 sip.example.org"]);
    let text = TXT::new().with_string("v=spf1 ").unwrap().with_string("-all \\").unwrap();
    assert_eq!(records(RecordType::Txt, vec![RData::TXT(text)]), [r"v=spf1 -all \092"]);
    let tag = CharacterString::new(b"issue").unwrap();
    let authority = CAA { flag: 128, tag, value: b"ca.example.net".into() };
    assert_eq!(records(RecordType::Caa, vec![RData::CAA(authority)]), [r#"128 issue "ca.example.net""#]);
    let (mname, rname) = (name("ns.example.org"), name("hostmaster.example.org"));
    let start = SOA { mname, rname, serial: 2026, refresh: 7200, retry: 3600, expire: 1_209_600, minimum: 3600 };
    assert_eq!(
        records(RecordType::Soa, vec![RData::SOA(start)]),
        ["ns.example.org hostmaster.example.org 2026 7200 3600 1209600 3600"]
    );
}

#[test]
fn records_of_other_types_are_passed_over() {
    let alias = RData::CNAME(CNAME(name("a.example.org")));
    let address = RData::A(A { address: 0 });
    let question = question(RecordType::A);
    let answer = question.read(&answer_to(&question, vec![alias, address])).unwrap();
    assert_eq!((answer.records, answer.ttl), (vec!["0.0.0.0".to_owned()], Some(60)));
}

/// The records in an answer to a question for the addresses of example.org: each of its owner, and what that is an alias of, or
/// an address.
fn owned(records: &[(&'static str, Result<&'static str, u32>)]) -> Vec<String> {
    let question = question(RecordType::A);
    let mut packet = Packet::parse(question.bytes()).unwrap().into_reply();
    for (owner, content) in records {
        let content = match content {
            Ok(target) => RData::CNAME(CNAME(name(target))),
            Err(address) => RData::A(A { address: *address }),
        };
        packet.answers.push(ResourceRecord::new(name(owner), CLASS::IN, 60, content));
    }
    question.read(&packet.build_bytes_vec_compressed().unwrap()).unwrap().records
}

#[test]
fn records_of_other_names_do_not_answer() {
    assert_eq!(owned(&[("other.org", Err(1))]), Vec::<String>::new());
    assert_eq!(owned(&[("other.org", Err(1)), ("Example.ORG", Err(2))]), ["0.0.0.2"]);
    assert_eq!(owned(&[("other.org", Ok("b.org")), ("b.org", Err(1))]), Vec::<String>::new());
}

#[test]
fn aliases_are_followed_to_their_end() {
    assert_eq!(owned(&[("example.org", Ok("b.org")), ("b.org", Ok("c.org")), ("c.org", Err(1))]), ["0.0.0.1"]);
    assert_eq!(owned(&[("c.org", Err(1)), ("b.org", Ok("c.org")), ("example.org", Ok("b.org"))]), ["0.0.0.1"]);
    assert_eq!(owned(&[("example.org", Ok("b.org")), ("b.org", Ok("example.org"))]), Vec::<String>::new());
}

#[test]
fn the_lowest_time_to_live_counts() {
    let question = question(RecordType::Mx);
    assert_eq!(question.read(&answer_to(&question, mail())).unwrap().ttl, Some(60));
}

#[test]
fn flags_are_read() {
    let question = question(RecordType::Mx);
    let read = |flags, rcode| {
        let mut packet = Packet::parse(question.bytes()).unwrap().into_reply();
        packet.set_flags(flags);
        *packet.rcode_mut() = rcode;
        question.read(&packet.build_bytes_vec().unwrap()).unwrap()
    };
    assert!(read(PacketFlag::AUTHORITATIVE_ANSWER, RCODE::NoError).authoritative);
    assert!(read(PacketFlag::TRUNCATION, RCODE::NoError).truncated);
    let plain = read(PacketFlag::RECURSION_AVAILABLE, RCODE::NameError);
    assert_eq!((plain.authoritative, plain.truncated, plain.rcode), (false, false, Rcode::NxDomain));
    assert_eq!(read(PacketFlag::RECURSION_AVAILABLE, RCODE::YXDOMAIN).rcode, Rcode::Other(6));
}

#[test]
fn what_is_no_answer_is_refused() {
    let question = question(RecordType::Mx);
    let answer = answer_to(&question, mail());
    assert!(question.read(&answer).is_some());
    assert_eq!(question.read(question.bytes()), None, "the question itself");

    let others = [
        Question::new(ID + 1, "example.org", RecordType::Mx),
        Question::new(ID, "example.net", RecordType::Mx),
        Question::new(ID, "example.org", RecordType::Ns),
    ];
    for other in others.into_iter().flatten() {
        assert_eq!(question.read(&answer_to(&other, Vec::new())), None, "{other:?}");
    }
}

#[test]
fn only_an_error_may_lack_the_question() {
    let question = question(RecordType::Mx);
    let mut packet = Packet::new_reply(ID);
    assert_eq!(question.read(&packet.build_bytes_vec().unwrap()), None);
    *packet.rcode_mut() = RCODE::FormatError;
    assert_eq!(question.read(&packet.build_bytes_vec().unwrap()).unwrap().rcode, Rcode::FormErr);
}

#[test]
fn a_pointer_never_leads_forward_or_in_a_circle() {
    let question = question(RecordType::Mx);
    let answer = answer_to(&question, Vec::new());
    // A pointer to itself, to another that points back, past the end, and to a label before it.
    for (name, ends) in [
        (vec![0xc0, QUESTION as u8], false),
        (vec![0xc0, QUESTION as u8 + 2, 0xc0, QUESTION as u8], false),
        (vec![0xff, 0xff], false),
        (vec![0x80, 0], false),
        (vec![0], true),
    ] {
        let message = [&answer[..QUESTION], &name].concat();
        let mut reader = Reader { message: &message, at: QUESTION };
        assert_eq!(reader.name().is_some(), ends, "{name:?}");
    }
}

#[test]
fn no_damage_does_more_than_make_an_answer_unreadable() {
    for (record_type, contents) in
        [(RecordType::Mx, mail()), (RecordType::Txt, vec![RData::TXT(TXT::new().with_string("text").unwrap())])]
    {
        let question = question(record_type);
        let answer = answer_to(&question, contents);
        for length in 0..answer.len() {
            assert_eq!(question.read(&answer[..length]), None, "cut to {length} bytes");
        }
        for at in 0..answer.len() {
            for byte in 0..=u8::MAX {
                let mut damaged = answer.clone();
                damaged[at] = byte;
                let read = question.read(&damaged);
                assert!(at >= FLAGS || read.is_none() || damaged == answer);
            }
        }
    }
}
