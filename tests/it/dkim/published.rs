//! `vigie check --dns`: what the world finds of a brand's signatures and hosts, from a name server of the test's own.

use std::net::{SocketAddr, UdpSocket};
use std::process::Output;
use std::sync::mpsc;
use std::thread;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use super::*;

/// The host in the brand's pixels.
const HOST: &str = "t.demo.example";

/// A name server that knows these texts by their names, and the address of [`HOST`] unless it is left out.
struct NameServer {
    at: SocketAddr,
    /// Dropped with it, which ends its thread at the next look.
    _alive: mpsc::Sender<()>,
}

impl NameServer {
    fn start(texts: Vec<(String, String)>, has_host: bool) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).expect("a timeout");
        let at = socket.local_addr().expect("it is bound");
        let (alive, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while ended.try_recv() == Err(mpsc::TryRecvError::Empty) {
                let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
                let asked = Message::from_vec(&buffer[..length]).expect("a question");
                let answer = answer(&asked, &texts, has_host).to_vec().expect("an answer");
                socket.send_to(&answer, client).expect("sent");
            }
        });
        NameServer { at, _alive: alive }
    }
}

fn answer(asked: &Message, texts: &[(String, String)], has_host: bool) -> Message {
    let query = asked.queries.first().expect("one question").clone();
    let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    let data: Vec<RData> = match query.query_type() {
        RecordType::A if has_host && name == HOST => vec![RData::A(A::new(192, 0, 2, 1))],
        RecordType::TXT => {
            let pieces = |text: &str| {
                text.as_bytes().chunks(200).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
            };
            let found = texts.iter().filter(|(each, _)| *each == name);
            found.map(|(_, text)| RData::TXT(TXT::new(pieces(text)))).collect()
        }
        _ => Vec::new(),
    };
    if data.is_empty() {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_answers(data.into_iter().map(|data| Record::from_rdata(query.name().clone(), 60, data)));
    answer.add_query(query);
    answer
}

impl Keys {
    /// What `vigie check --dns` says of the brand that signs with the RSA key, with this name server.
    fn checked(&self, server: &NameServer) -> Output {
        let (selector, file) = &self.files[0];
        Command::new(env!("CARGO_BIN_EXE_vigie"))
            .args(["check", &format!("--dns={}", server.at)])
            .current_dir(self.home.path())
            .env_clear()
            .env("VIGIE__BRANDS__DEMO__DKIM__SELECTOR", selector)
            .env("VIGIE__BRANDS__DEMO__DKIM__KEY_FILE", file)
            .env("VIGIE__BRANDS__DEMO__TRACKING_URL", format!("https://{HOST}"))
            .output()
            .expect("the program starts")
    }

    /// What should be published for that key.
    fn first_record(&self) -> (String, String) {
        let name = format!("{}._domainkey.demo.example", self.files[0].0);
        let text = self.records[&name].clone();
        (name, text)
    }
}

/// The line of a part of the report.
fn line(output: &Output, part: &str) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.lines().find(|line| line.contains(part)).map(str::to_owned);
    found.unwrap_or_else(|| panic!("{part}: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn what_is_published_is_found() {
    let keys = Keys::make();
    let (name, text) = keys.first_record();
    let said = keys.checked(&NameServer::start(vec![(name.clone(), text)], true));
    assert!(
        line(&said, "dns: keys").starts_with("ok    ") && line(&said, "dns: keys").contains(&name),
        "{said:?}"
    );
    assert!(line(&said, "dns: hosts").starts_with("ok    "), "{}", line(&said, "dns: hosts"));
}

#[test]
fn what_is_not_published_is_told_with_what_to_do() {
    let keys = Keys::make();
    let (name, text) = keys.first_record();
    let said = keys.checked(&NameServer::start(Vec::new(), false));
    assert_eq!(said.status.code(), Some(78));
    let told = line(&said, "dns: keys");
    assert!(
        told.starts_with("FAULT ") && told.contains("is not published: add") && told.contains(&name),
        "{told}"
    );
    let told = line(&said, "dns: hosts");
    assert!(
        told.starts_with("FAULT ") && told.contains(HOST) && told.contains("add an A or AAAA record"),
        "{told}"
    );
    let other = text.replace("p=", "p=x");
    let said = keys.checked(&NameServer::start(vec![(name, other)], true));
    let told = line(&said, "dns: keys");
    assert!(told.contains("has another key than mails are signed with"), "{told}");
}
